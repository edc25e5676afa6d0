#include "src/http/message.h"

#include "absl/strings/ascii.h"

namespace k8sgw::http {
namespace {

char Lower(char c) { return absl::ascii_tolower(static_cast<unsigned char>(c)); }

bool IsNamed(std::string_view header, std::string_view name) {
  if (header.size() != name.size()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    if (Lower(header[i]) != name[i]) return false;
  }
  return true;
}

}  // namespace

std::string_view Request::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (IsNamed(key, name)) return value;
  }
  return "";
}

std::vector<std::string> Request::AllOf(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : headers) {
    if (IsNamed(key, name)) values.push_back(value);
  }
  return values;
}

std::string Request::MediaType() const {
  const std::string_view whole = Header("content-type");
  std::string type(whole.substr(0, whole.find_first_of("; \t")));
  for (char& c : type) c = Lower(c);
  return type;
}

}  // namespace k8sgw::http
