#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "src/base/utf8.h"
#include "src/base/yaml.h"
#include "src/base/yaml_scalar.h"

namespace k8sgw::yaml {
namespace {

// Whether the text can stand without quotes and still be the same string to every reader.
bool IsPlainSafe(std::string_view text) {
  if (text.empty() || LooksTyped(text) || ClassifyPlain(text) != ScalarType::kString) return false;
  if (text.front() == ' ' || text.back() == ' ' || text.back() == ':' || text.starts_with("...")) return false;
  if (std::string_view("-?:,[]{}#&*!|>'\"%@`=<~").find(text.front()) != std::string_view::npos) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c >= 0x7f) return false;
    if (c == ':' && i + 1 < text.size() && text[i + 1] == ' ') return false;
    if (c == '#' && i > 0 && text[i - 1] == ' ') return false;
    if (c == ',' || c == '[' || c == ']' || c == '{' || c == '}') return false;
  }
  return true;
}

void AppendEscaped(uint32_t code, std::string& out) {
  char text[8];
  std::snprintf(text, sizeof(text), "\\u%04x", code & 0xFFFF);
  out += text;
}

// Characters that YAML does not allow, and those that it reads as ends of lines. All are below U+10000.
bool NeedsEscape(uint32_t code) { return !IsYamlPrintable(code) || code == 0x85 || code == 0x2028 || code == 0x2029; }

// JSON's escapes, which YAML's double quotes share. Bytes that are no UTF-8 become U+FFFD.
void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    uint32_t code = 0;
    const size_t length = DecodeUtf8(text.substr(i), &code);
    switch (length == 0 ? 0xFFFD : code) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case 0xFFFD: out += "\\ufffd"; break;
      default:
        if (NeedsEscape(code)) {
          AppendEscaped(code, out);
        } else {
          out += text.substr(i, length);
        }
    }
    i += std::max<size_t>(length, 1);
  }
  out += '"';
}

bool IsEmpty(const Node& node) { return node.items.empty() && node.entries.empty(); }

void AppendInline(const Node& node, std::string& out) {
  switch (node.kind) {
    case Node::Kind::kNull: out += "null"; break;
    case Node::Kind::kScalar:
      if (node.quoted ? IsPlainSafe(node.scalar)
                      : ClassifyPlain(node.scalar) != ScalarType::kString || IsPlainSafe(node.scalar)) {
        out += node.scalar;
      } else {
        AppendQuoted(node.scalar, out);
      }
      break;
    case Node::Kind::kSequence: out += "[]"; break;
    case Node::Kind::kMapping: out += "{}"; break;
  }
}

void AppendBlock(const Node& node, int indent, std::string& out);

// A value after `key:` or `-`.
void AppendValue(const Node& node, int indent, bool in_sequence, std::string& out) {
  if (IsEmpty(node)) {
    out += ' ';
    AppendInline(node, out);
    out += '\n';
  } else if (in_sequence) {
    // The first line of the block follows the dash.
    std::string block;
    AppendBlock(node, indent + 2, block);
    out += ' ';
    out += block.substr(static_cast<size_t>(indent) + 2);
  } else {
    out += '\n';
    AppendBlock(node, node.is_sequence() ? indent : indent + 2, out);
  }
}

void AppendBlock(const Node& node, int indent, std::string& out) {
  const std::string pad(static_cast<size_t>(indent), ' ');
  for (const Node& item : node.items) {
    out += pad + "-";
    AppendValue(item, indent, true, out);
  }
  for (const Node::Entry& entry : node.entries) {
    std::string key;
    if (IsPlainSafe(entry.key)) {
      key = entry.key;
    } else {
      AppendQuoted(entry.key, key);
    }
    // A key that stands before its colon in one line may have 1024 characters at most.
    if (key.size() < 1000) {
      out += pad + key + ':';
    } else {
      out += pad + "? " + key + '\n' + pad + ':';
    }
    AppendValue(entry.value, indent, false, out);
  }
}

// Digits as JSON allows them: no sign but "-", no leading zero, digits on both sides of a dot.
bool IsJsonNumber(std::string_view text) {
  const auto digits = [&] {
    const size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(end);
    return end;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  const size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty();
}

void AppendJsonNumber(std::string_view text, std::string& out) {
  if (IsJsonNumber(text)) {
    out += text;
    return;
  }
  char buffer[40];
  char* end = buffer;
  if (const auto integer = ParseInteger(text)) {
    if (integer->negative) *end++ = '-';
    end = std::to_chars(end, buffer + sizeof(buffer), integer->magnitude).ptr;
  } else if (const double number = ParseNumber(text).value_or(0); std::isfinite(number)) {
    end = std::to_chars(end, buffer + sizeof(buffer), number).ptr;
  } else {
    // The words of protobuf's JSON.
    return AppendQuoted(std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity", out);
  }
  out.append(buffer, end);
}

void AppendJson(const Node& node, int indent, int level, std::string& out) {
  const auto line = [&](int depth) {
    if (indent == 0) return;
    out += '\n';
    out.append(static_cast<size_t>(indent * depth), ' ');
  };
  switch (node.kind) {
    case Node::Kind::kNull: out += "null"; return;
    case Node::Kind::kScalar: {
      const ScalarType type = node.quoted ? ScalarType::kString : ClassifyPlain(node.scalar);
      if (type == ScalarType::kInt || type == ScalarType::kFloat) {
        AppendJsonNumber(node.scalar, out);
      } else if (type == ScalarType::kBool) {
        out += *ParseBool(node.scalar) ? "true" : "false";
      } else {
        AppendQuoted(node.scalar, out);
      }
      return;
    }
    case Node::Kind::kSequence:
    case Node::Kind::kMapping: break;
  }
  const bool list = node.is_sequence();
  out += list ? '[' : '{';
  bool first = true;
  for (const Node& item : node.items) {
    if (!first) out += indent == 0 ? ", " : ",";
    first = false;
    line(level + 1);
    AppendJson(item, indent, level + 1, out);
  }
  for (const Node::Entry& entry : node.entries) {
    if (!first) out += indent == 0 ? ", " : ",";
    first = false;
    line(level + 1);
    AppendQuoted(entry.key, out);
    out += ": ";
    AppendJson(entry.value, indent, level + 1, out);
  }
  if (!IsEmpty(node)) line(level);
  out += list ? ']' : '}';
}

}  // namespace

std::string Emit(const Node& node) {
  std::string out;
  if (IsEmpty(node)) {
    AppendInline(node, out);
    out += '\n';
  } else {
    AppendBlock(node, 0, out);
  }
  return out;
}

std::string EmitJson(const Node& node, int indent) {
  std::string out;
  AppendJson(node, indent, 0, out);
  if (indent != 0) out += '\n';
  return out;
}

}  // namespace k8sgw::yaml
