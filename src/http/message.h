// A request and its answer, whole.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/ptr.h"

namespace k8sgw::http {

// Readable bytes behind the body of a request, for readers that look ahead.
inline constexpr size_t kBodyPadding = 64;

using Headers = std::vector<std::pair<std::string, std::string>>;

// Hostile, all of it.
struct Request {
  // "GET", "HEAD", "POST", "PUT" or "DELETE".
  std::string method;
  // As it came, without the query.
  std::string path;
  // Behind the "?".
  std::string query;
  // In the order in which they came.
  Headers headers;
  // kBodyPadding bytes behind it are readable.
  std::string body;
  // Where it comes from: "127.0.0.1:40112".
  std::string peer;

  // The first value of a header, "" when there is none. `name` is lower case.
  std::string_view Header(std::string_view name) const;
  // All values.
  std::vector<std::string> AllOf(std::string_view name) const;
  // The Content-Type without its parameters, such as the charset, in lower case.
  std::string MediaType() const;
};

struct Answer {
  int code = 200;
  // "" for none.
  std::string content_type = "text/plain";
  std::string body;
  // Besides Content-Type, Content-Length, Date and Connection.
  Headers headers = {};
  // In place of the body, when it is large: `part` of what `shared` keeps alive, which is not copied.
  Ptr<std::string> shared = nullptr;
  std::string_view part = {};
};

// May be called once, from any thread, also when the server is gone.
using Reply = std::function<void(Answer)>;

}  // namespace k8sgw::http
