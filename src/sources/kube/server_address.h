// How a handle of libcurl reaches an API server: shared by requests and by connections that become something else.
#pragma once

#include <curl/curl.h>

#include <string>

#include "src/sources/kube/client_config.h"
#include "src/sources/kube/credentials.h"

namespace k8sgw::kube {

struct ServerAddress {
  // For CURLOPT_URL, and for CURLOPT_CONNECT_TO when it is not "".
  std::string url;
  std::string connect_to;
  // What the Host header says.
  std::string host;
  // The path and the query, with what the configuration puts before them.
  std::string path;
};

// `target` is the path and the query.
ServerAddress AddressOf(const ClientConfig& config, const std::string& target);

void SetTls(CURL* easy, const ClientConfig& config, const Identity& identity);
// A CURLOPT_SOCKOPTFUNCTION.
int SetSocketOptions(void*, curl_socket_t fd, curlsocktype);

}  // namespace k8sgw::kube
