#include "src/gateway/places.h"

#include <utility>

namespace k8sgw::gateway {

Source Field(const Source& at, std::string_view field) {
  Source place = at;
  if (!place.path.empty()) place.path += '.';
  place.path += field;
  return place;
}

Source Element(const Source& at, std::string_view list, int index) {
  Source place = Field(at, list);
  place.path += '[';
  place.path += std::to_string(index);
  place.path += ']';
  return place;
}

Problem Error(const Source& at, std::string message, std::string fix) {
  return {at.object, Severity::kError, at.path, std::move(message), std::move(fix)};
}

Problem Warning(const Source& at, std::string message, std::string fix) {
  return {at.object, Severity::kWarning, at.path, std::move(message), std::move(fix)};
}

Problem Notice(const Source& at, std::string message, std::string fix) {
  return {at.object, Severity::kNotice, at.path, std::move(message), std::move(fix)};
}

}  // namespace k8sgw::gateway
