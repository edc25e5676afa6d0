#include "src/explain/request.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "src/explain/normalize.h"

namespace k8sgw::explain {
namespace {

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::string Trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The port after the host, or -1.
int PortOf(const std::string& authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string::npos || authority.find(']', colon) != std::string::npos) return -1;
  return std::atoi(authority.c_str() + colon + 1);
}

}  // namespace

std::vector<std::string> Request::Values(const std::string& name) const {
  if (name == ":method") return {method};
  if (name == ":path") return {path};
  if (name == ":authority" || name == "host") return {host};
  std::vector<std::string> values;
  for (const auto& [key, text] : headers) {
    if (key == name) values.push_back(text);
  }
  return values;
}

absl::StatusOr<Request> ParseRequest(const std::string& text, const std::vector<std::string>& headers) {
  Request request;
  std::string url = Trim(text);
  if (const size_t space = url.find(' '); space != std::string::npos) {
    request.method = url.substr(0, space);
    url = Trim(url.substr(space));
  }
  if (url.starts_with("https://")) {
    request.tls = true;
    request.port = 443;
    url = url.substr(8);
  } else if (url.starts_with("http://")) {
    url = url.substr(7);
  } else {
    return absl::InvalidArgumentError("the request must be a method and a URL, such as 'GET http://example.com/path'");
  }
  const size_t slash = url.find_first_of("/?");
  request.host = url.substr(0, slash);
  if (request.host.empty()) return absl::InvalidArgumentError("the URL has no host: write http://example.com/path");
  if (slash != std::string::npos) request.path = url[slash] == '/' ? url.substr(slash) : "/" + url.substr(slash);
  request.path = request.path.substr(0, request.path.find('#'));
  if (const int port = PortOf(request.host); port >= 0) {
    if (port < 1 || port > 65535) return absl::InvalidArgumentError("the port in the URL must be 1 to 65535");
    request.port = port;
  }
  request.server_name = Lower(StripPort(request.host));
  for (const std::string& line : headers) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || colon == 0) {
      return absl::InvalidArgumentError("a header must be written as 'name: value', not '" + line + "'");
    }
    const std::string name = Lower(Trim(line.substr(0, colon)));
    const std::string value = Trim(line.substr(colon + 1));
    if (name == "host") {
      request.host = value;
    } else {
      request.headers.emplace_back(name, value);
    }
  }
  return request;
}

}  // namespace k8sgw::explain
