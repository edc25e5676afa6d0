#include "src/cli/forward/pod_http.h"

#include <curl/curl.h>

#include "src/base/printable.h"
#include "src/base/text.h"

namespace k8sgw::cli {
namespace {

constexpr size_t kShownBody = 300;

curl_socket_t GiveSocket(void* socket, curlsocktype, curl_sockaddr*) { return *static_cast<int*>(socket); }
int IsConnected(void*, curl_socket_t, curlsocktype) { return CURL_SOCKOPT_ALREADY_CONNECTED; }

size_t Append(char* data, size_t size, size_t count, void* body) {
  auto* text = static_cast<std::string*>(body);
  // Less than everything ends it.
  if (text->size() + size * count > kMaxPodAnswer) return 0;
  text->append(data, size * count);
  return size * count;
}

}  // namespace

absl::StatusOr<std::string> AskPod(kube::Credentials& credentials, const PodPort& to, const PodRequest& request) {
  const std::string where = Cat("port ", to.port, " of pod ", to.ns, "/", to.pod);
  absl::StatusOr<std::unique_ptr<Tunnel>> tunnel = Tunnel::Open(credentials, to, request.timeout);
  if (!tunnel.ok())
    return absl::Status(tunnel.status().code(), Cat(where, ": ", std::string(tunnel.status().message())));
  int socket = (*tunnel)->TakeSocket();
  std::string body;
  char error[CURL_ERROR_SIZE] = "";
  CURL* easy = curl_easy_init();
  // No name is looked up, and nothing is connected: the socket is the connection.
  const std::string url = Cat("http://127.0.0.1:", to.port, request.target);
  curl_slist* headers = curl_slist_append(nullptr, "Connection: close");
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, GiveSocket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &socket);
  curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, IsConnected);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Append);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
  const CURLcode result = curl_easy_perform(easy);
  long code = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
  curl_easy_cleanup(easy);
  curl_slist_free_all(headers);
  if (const std::string its = (*tunnel)->error(); !its.empty() && code == 0)
    return absl::UnavailableError(Cat(where, ": ", Printable(its)));
  if (result != CURLE_OK)
    return absl::UnavailableError(Cat(where, ": ", error[0] != '\0' ? error : curl_easy_strerror(result)));
  if (code != 200)
    return absl::UnavailableError(
        Cat(where, ": ", request.target, " answered ", code, ": ", Printable(body.substr(0, kShownBody))));
  return body;
}

}  // namespace k8sgw::cli
