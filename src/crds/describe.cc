#include "src/crds/describe.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <string_view>

#include "src/base/text.h"

namespace k8sgw::crds {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Lines become one line; an empty line between them, or a line that begins a list, begins a new one.
std::string Flow(std::string_view comment) {
  std::string out;
  bool broken = false;
  while (!comment.empty()) {
    const size_t end = comment.find('\n');
    const std::string_view line = Trim(comment.substr(0, end));
    comment = end == std::string_view::npos ? std::string_view() : comment.substr(end + 1);
    if (line.empty()) {
      broken = true;
      continue;
    }
    if (!out.empty()) out += broken || line.starts_with("- ") ? '\n' : ' ';
    out += line;
    broken = false;
  }
  return out;
}

template <class Described>
std::string Comment(const Described& described) {
  google::protobuf::SourceLocation location;
  if (!described.GetSourceLocation(&location)) return "";
  return Flow(location.leading_comments);
}

// Up to the first full stop that ends a sentence.
std::string_view FirstSentence(std::string_view text) {
  const size_t end = std::min(text.find(". "), text.find('\n'));
  return end == std::string_view::npos ? text : text.substr(0, end + 1);
}

std::string Values(const EnumDescriptor& values) {
  std::string out;
  bool commented = false;
  for (int i = 0; i < values.value_count(); ++i) commented |= !Comment(*values.value(i)).empty();
  for (int i = 0; i < values.value_count(); ++i) {
    const auto& value = *values.value(i);
    if (!commented) {
      out += Cat(i == 0 ? "One of " : ", ", value.name());
      continue;
    }
    const std::string comment = Comment(value);
    out += Cat("\n- ", value.name(), comment.empty() ? "" : ": ", FirstSentence(comment));
  }
  if (!commented && !out.empty()) out += '.';
  return out;
}

std::string Siblings(const FieldDescriptor& field, const OneofDescriptor& choice) {
  std::string out;
  for (int i = 0; i < choice.field_count(); ++i) {
    if (choice.field(i) != &field) out += Cat(out.empty() ? "Not together with " : ", ", choice.field(i)->json_name());
  }
  return out.empty() ? out : out + ".";
}

void Append(std::string& out, std::string_view more) {
  if (more.empty()) return;
  if (!out.empty() && more.front() != '\n') out += out.find("\n- ") == std::string::npos ? ' ' : '\n';
  out += more;
}

}  // namespace

std::string Describe(const Descriptor& message) { return Comment(message); }

std::string Describe(const FieldDescriptor& field) {
  std::string out = Comment(field);
  const Descriptor* message = field.is_map() ? field.message_type()->map_value()->message_type() : field.message_type();
  if (out.empty() && message && message->file()->package() != "google.protobuf") out = Describe(*message);
  if (field.options().deprecated()) out = out.empty() ? "Deprecated." : "Deprecated. " + out;
  if (const OneofDescriptor* choice = field.real_containing_oneof()) Append(out, Siblings(field, *choice));
  const EnumDescriptor* values = field.is_map() ? field.message_type()->map_value()->enum_type() : field.enum_type();
  if (values && values->file()->package() != "google.protobuf") Append(out, Values(*values));
  return out;
}

}  // namespace k8sgw::crds
