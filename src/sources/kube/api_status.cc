#include "src/sources/kube/api_status.h"

#include <simdjson.h>

#include <algorithm>

#include "src/base/text.h"
#include "src/base/utf8.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

namespace dom = simdjson::dom;

constexpr size_t kMaxForeignText = 200;
constexpr size_t kMaxCauses = 100;
constexpr int64_t kMaxRetryAfterSeconds = 3600;

std::string TextOf(const dom::object& object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

// The first line of what was no Status, without what would break a log.
std::string Beginning(std::string_view body) {
  std::string text;
  while (!body.empty() && text.size() < kMaxForeignText) {
    uint32_t code = 0;
    const size_t length = DecodeUtf8(body, &code);
    if (length == 0 || code < ' ') break;
    text.append(body.substr(0, length));
    body.remove_prefix(length);
  }
  return text;
}

void ReadDetails(const dom::object& root, ApiStatus& status) {
  dom::object details;
  if (root["details"].get(details) != simdjson::SUCCESS) return;
  int64_t seconds = 0;
  if (details["retryAfterSeconds"].get(seconds) == simdjson::SUCCESS)
    status.retry_after = std::chrono::seconds(std::clamp<int64_t>(seconds, 0, kMaxRetryAfterSeconds));
  dom::array causes;
  if (details["causes"].get(causes) != simdjson::SUCCESS) return;
  for (const dom::element item : causes) {
    dom::object cause;
    if (item.get(cause) != simdjson::SUCCESS || status.causes.size() >= kMaxCauses) continue;
    status.causes.push_back({TextOf(cause, "reason"), TextOf(cause, "message"), TextOf(cause, "field")});
  }
}

}  // namespace

ApiStatus ParseApiStatus(int code, std::string_view body) {
  ApiStatus status;
  status.code = code;
  dom::parser parser;
  dom::object root;
  const simdjson::padded_string padded(body);
  if (parser.parse(padded).get(root) != simdjson::SUCCESS || TextOf(root, "kind") != "Status") {
    status.message = Beginning(body);
    return status;
  }
  status.reason = TextOf(root, "reason");
  status.message = TextOf(root, "message");
  int64_t own_code = 0;
  if (status.code == 0 && root["code"].get(own_code) == simdjson::SUCCESS)
    status.code = static_cast<int>(std::clamp<int64_t>(own_code, 0, 999));
  ReadDetails(root, status);
  return status;
}

absl::Status ToStatus(const ApiStatus& status) {
  if (status.code >= 200 && status.code < 300) return absl::OkStatus();
  const std::string text = Cat("the API server answers ", status.code, status.reason.empty() ? "" : " ", status.reason,
                               status.message.empty() ? "" : ": ", status.message);
  switch (status.code) {
    case 400:
    case 422: return absl::InvalidArgumentError(text);
    case 401: return absl::UnauthenticatedError(text);
    case 403: return absl::PermissionDeniedError(text);
    case 404: return absl::NotFoundError(text);
    case 409: return status.reason == "AlreadyExists" ? absl::AlreadyExistsError(text) : absl::AbortedError(text);
    case 410: return absl::OutOfRangeError(text);
    case 429: return absl::ResourceExhaustedError(text);
    case 504: return absl::DeadlineExceededError(text);
    default: return status.code >= 500 ? absl::UnavailableError(text) : absl::UnknownError(text);
  }
}

}  // namespace k8sgw::kube
