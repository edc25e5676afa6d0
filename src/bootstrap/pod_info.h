// What a pod knows of itself: variables, and the files of the downward API.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace k8sgw::bootstrap {

struct PodInfo {
  // By the names that templates use, such as PodName; those that are known.
  std::map<std::string, std::string, std::less<>> fields;
  std::map<std::string, std::string, std::less<>> labels;
  std::map<std::string, std::string, std::less<>> annotations;
};

// A field of a template, and the variable that has it.
struct PodField {
  std::string_view name;
  std::string_view variable;
};
inline constexpr PodField kPodFields[] = {
    {"PodName", "POD_NAME"}, {"PodNamespace", "POD_NAMESPACE"},
    {"PodIp", "POD_IP"},     {"PodSvcAccount", "POD_SVCACCNT"},
    {"PodUID", "POD_UID"},   {"NodeName", "NODE_NAME"},
    {"NodeIp", "NODE_IP"},
};

// The fields that `variable` knows (nullopt: not set).
void ReadFields(const std::function<std::optional<std::string>(std::string_view variable)>& variable, PodInfo& out);

// A file of the downward API: lines of `key="value"`, the value quoted as Go does. Errors name the line.
absl::StatusOr<std::map<std::string, std::string, std::less<>>> ParsePodFile(std::string_view text);

}  // namespace k8sgw::bootstrap
