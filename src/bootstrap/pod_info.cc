#include "src/bootstrap/pod_info.h"

#include "src/base/text.h"
#include "src/bootstrap/go_string.h"

namespace k8sgw::bootstrap {

void ReadFields(const std::function<std::optional<std::string>(std::string_view)>& variable, PodInfo& out) {
  for (const PodField& field : kPodFields) {
    if (std::optional<std::string> value = variable(field.variable)) out.fields[std::string(field.name)] = *value;
  }
}

absl::StatusOr<std::map<std::string, std::string, std::less<>>> ParsePodFile(std::string_view text) {
  std::map<std::string, std::string, std::less<>> out;
  for (int line = 1; !text.empty(); ++line) {
    const size_t end = text.find('\n');
    std::string_view rest = text.substr(0, end);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (rest.empty()) continue;
    const size_t equals = rest.find('=');
    const std::string key(rest.substr(0, equals));
    rest = equals == std::string_view::npos ? "" : rest.substr(equals + 1);
    const std::optional<std::string> value = TakeString(rest);
    if (!value || !rest.empty()) return absl::InvalidArgumentError(Cat("line ", line, " is not key=\"value\""));
    out[key] = *value;
  }
  return out;
}

}  // namespace k8sgw::bootstrap
