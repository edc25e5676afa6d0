#include "src/access_log/json_line.h"

#include <algorithm>

#include "src/base/printable.h"

namespace k8sgw::access_log {
namespace {

bool IsPlain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// Nearly all text needs no escapes.
void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  if (std::all_of(text.begin(), text.end(), IsPlain)) {
    out += text;
  } else {
    out += JsonEscaped(text);
  }
  out += '"';
}

}  // namespace

void JsonLine::Name(std::string_view name) {
  if (!first_) out_ += ',';
  first_ = false;
  if (name.empty()) return;
  AppendQuoted(out_, name);
  out_ += ':';
}

void JsonLine::Text(std::string_view name, std::string_view value) {
  Name(name);
  AppendQuoted(out_, value);
}

void JsonLine::Number(std::string_view name, uint64_t value) {
  Name(name);
  out_ += std::to_string(value);
}

void JsonLine::Signed(std::string_view name, int64_t value) {
  Name(name);
  out_ += std::to_string(value);
}

void JsonLine::Raw(std::string_view name, std::string_view json) {
  Name(name);
  out_ += json;
}

void JsonLine::Open(std::string_view name, char bracket) {
  Name(name);
  out_ += bracket;
  first_ = true;
}

void JsonLine::Close(char bracket) {
  out_ += bracket;
  first_ = false;
}

}  // namespace k8sgw::access_log
