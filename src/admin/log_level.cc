#include "src/admin/log_level.h"

#include <algorithm>
#include <string_view>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/json/tree.h"

namespace k8sgw::admin {
namespace {

static_assert(yaml::kJsonPadding <= http::kBodyPadding);

constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error", "dpanic", "panic", "fatal"};
constexpr std::string_view kHow = "send {\"level\":\"debug\"}, or level=debug; levels are debug, info, warn, error";

// Of "a=b&level=debug".
std::string_view InForm(std::string_view form) {
  constexpr std::string_view kKey = "level=";
  while (!form.empty()) {
    const size_t end = form.find('&');
    const std::string_view pair = form.substr(0, end);
    if (pair.starts_with(kKey)) return pair.substr(kKey.size());
    form = end == std::string_view::npos ? "" : form.substr(end + 1);
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> ReadLevel(const http::Request& request) {
  std::string level;
  // Whatever the Content-Type says: curl says that JSON is a form.
  if (request.body.starts_with("{")) {
    const absl::StatusOr<yaml::Node> tree = yaml::FromJson(request.body);
    if (!tree.ok()) return absl::InvalidArgumentError(Cat("the body is no JSON: ", kHow));
    level = tree->FindScalar("level");
  } else {
    level = InForm(request.body.empty() ? request.query : request.body);
  }
  if (level.empty()) return absl::InvalidArgumentError(Cat("there is no level: ", kHow));
  if (std::find(std::begin(kLevels), std::end(kLevels), level) == std::end(kLevels)) {
    return absl::InvalidArgumentError(Cat("\"", Printable(level), "\" is no level: ", kHow));
  }
  return level;
}

std::string WriteLevel(const std::string& level) { return Cat("{\"level\":\"", level, "\"}\n"); }

}  // namespace k8sgw::admin
