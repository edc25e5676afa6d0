#include <cstdio>

#include "src/base/yaml.h"
#include "src/base/yaml_scalar.h"

namespace k8sgw::yaml {
namespace {

// Whether the text can stand without quotes and still be the same string to every reader.
bool IsPlainSafe(std::string_view text) {
  if (text.empty() || LooksTyped(text) || ClassifyPlain(text) != ScalarType::kString) return false;
  if (text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
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

// JSON's escapes, which YAML's double quotes share.
void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          char code[8];
          std::snprintf(code, sizeof(code), "\\u%04x", static_cast<unsigned char>(c));
          out += code;
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

bool IsEmpty(const Node& node) { return node.items.empty() && node.entries.empty(); }

void AppendInline(const Node& node, std::string& out) {
  switch (node.kind) {
    case Node::Kind::kNull: out += "null"; break;
    case Node::Kind::kScalar:
      if (node.quoted ? IsPlainSafe(node.scalar) : ClassifyPlain(node.scalar) != ScalarType::kString || IsPlainSafe(node.scalar)) {
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
    out += pad;
    if (IsPlainSafe(entry.key)) {
      out += entry.key;
    } else {
      AppendQuoted(entry.key, out);
    }
    out += ':';
    AppendValue(entry.value, indent, false, out);
  }
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
      if (type == ScalarType::kInt || type == ScalarType::kFloat || type == ScalarType::kBool) {
        out += node.scalar;
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
