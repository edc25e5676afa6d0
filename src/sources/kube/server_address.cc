#include "src/sources/kube/server_address.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string_view>

#include "src/base/text.h"

namespace k8sgw::kube {
namespace {

// The kernel gives a connection up when the other side says nothing for about this long.
constexpr int kDeadAfterSeconds = 30;

void SetBlob(CURL* easy, CURLoption option, const std::string& text) {
  if (text.empty()) return;
  curl_blob blob{const_cast<char*>(text.data()), text.size(), CURL_BLOB_COPY};
  curl_easy_setopt(easy, option, &blob);
}

// The host and port of a URL, as it stands there.
std::string_view AuthorityOf(std::string_view url) {
  url.remove_prefix(url.find("://") + 3);
  return url.substr(0, url.find('/'));
}

}  // namespace

ServerAddress AddressOf(const ClientConfig& config, const std::string& target) {
  ServerAddress address;
  const std::string_view real = AuthorityOf(config.server);
  const std::string_view prefix =
      std::string_view(config.server).substr(real.data() - config.server.data() + real.size());
  address.host = std::string(real);
  address.path = Cat(prefix, target);
  address.url = config.server + target;
  if (config.tls_server_name.empty()) return address;
  // libcurl takes the name for TLS from the URL, so that has it, and the real address is where to connect.
  const size_t colon = real.rfind(':');
  const bool has_port = colon != std::string_view::npos && real.find(']', colon) == std::string_view::npos;
  const std::string port(has_port ? real.substr(colon + 1) : "443");
  const std::string_view host = has_port ? real.substr(0, colon) : real;
  address.url = Cat("https://", config.tls_server_name, ":", port, prefix, target);
  address.connect_to = Cat("::", host, ":", port);
  return address;
}

// For a peer that vanished: neither data nor probes are acknowledged.
int SetSocketOptions(void*, curl_socket_t fd, curlsocktype) {
  const auto set = [fd](int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof(value)); };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kDeadAfterSeconds / 2);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kDeadAfterSeconds / 6);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, kDeadAfterSeconds * 1000);
  return CURL_SOCKOPT_OK;
}

void SetTls(CURL* easy, const ClientConfig& config, const Identity& identity) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, config.insecure_skip_tls_verify ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, config.insecure_skip_tls_verify ? 0L : 2L);
  if (!identity.ca_pem.empty()) {
    SetBlob(easy, CURLOPT_CAINFO_BLOB, identity.ca_pem);
    // Otherwise the system's authorities would be trusted beside it.
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (identity.certificate_pem.empty()) return;
  curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
  curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
  SetBlob(easy, CURLOPT_SSLCERT_BLOB, identity.certificate_pem);
  SetBlob(easy, CURLOPT_SSLKEY_BLOB, identity.key_pem);
}

}  // namespace k8sgw::kube
