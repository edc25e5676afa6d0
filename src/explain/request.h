// A request as a user describes it on the command line.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace k8sgw::explain {

struct Request {
  std::string method = "GET";
  bool tls = false;
  // As the Host header has it, with the port if it was given.
  std::string host;
  int port = 80;
  // Of the URL, whatever the Host header says: the SNI of TLS.
  std::string server_name;
  // With the query.
  std::string path = "/";
  // Lower-case names.
  std::vector<std::pair<std::string, std::string>> headers;

  // The values of a header, in order. Knows :method, :path and :authority.
  std::vector<std::string> Values(const std::string& name) const;
  std::string PathWithoutQuery() const { return path.substr(0, path.find('?')); }
};

// From "GET http://host:port/path?query" (the method may be left out) and "name: value" lines.
// Errors say what is wrong with the text.
absl::StatusOr<Request> ParseRequest(const std::string& text, const std::vector<std::string>& headers);

}  // namespace k8sgw::explain
