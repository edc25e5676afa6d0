// One JSON object on one line, field by field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace k8sgw::access_log {

class JsonLine {
 public:
  // Appends to `out`, which outlives it.
  explicit JsonLine(std::string& out) : out_(out) { out_ += '{'; }

  void Text(std::string_view name, std::string_view value);
  // Leaves the field out when it is empty.
  void TextIfAny(std::string_view name, std::string_view value) {
    if (!value.empty()) Text(name, value);
  }
  void Number(std::string_view name, uint64_t value);
  void Signed(std::string_view name, int64_t value);
  // The value must be JSON on one line.
  void Raw(std::string_view name, std::string_view json);
  // An object or a list: what is added until Close stands in it. In a list, names are "".
  void Open(std::string_view name, char bracket);
  void Close(char bracket);
  // The end of the line; nothing comes after it.
  void End() { out_ += "}\n"; }

 private:
  void Name(std::string_view name);

  std::string& out_;
  bool first_ = true;
};

}  // namespace k8sgw::access_log
