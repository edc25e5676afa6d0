#include "src/admin/redactor.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "absl/strings/ascii.h"
#include "src/base/text.h"

namespace k8sgw::admin {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kPart = 8;  // bytes that a part has at least
constexpr std::string_view kPrivateKey = "PRIVATE KEY-----";

// Messages of which every text is secret, but those of kPublic.
constexpr std::string_view kSecretMessages[] = {
    "gloo.solo.io.Secret",
    "envoy.extensions.transport_sockets.tls.v3.GenericSecret",
    "envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys",
    "envoy.extensions.transport_sockets.tls.v3.PrivateKeyProvider",
};
constexpr std::string_view kPublic[] = {"gloo.solo.io.Secret.metadata", "gloo.solo.io.TlsSecret.cert_chain",
                                        "gloo.solo.io.TlsSecret.root_ca", "gloo.solo.io.TlsSecret.ocsp_staple"};
// Parts of the names of fields, of keys of maps and of headers.
constexpr std::string_view kSecretNames[] = {
    "password", "passphrase",    "privatekey", "secretkey",  "clientsecret", "apikey",     "accesskey",
    "token",    "authorization", "pkcs12",     "sessionkey", "sharedsecret", "hmacsecret", "cookiesecret"};
// Names with these ends tell where a secret is, or how it is called.
constexpr std::string_view kNotSecretEnds[] = {"ref",    "name",   "names",  "path",    "file",     "filename",
                                               "url",    "uri",    "header", "headers", "prefix",   "endpoint",
                                               "id",     "ttl",    "source", "type",    "audience", "size",
                                               "bucket", "policy", "mode",   "request", "response", "rules"};

bool Contains(std::span<const std::string_view> list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// "secret_key", "secretKey" and "x-secret-key" are one name.
bool IsSecretName(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte)) plain += absl::ascii_tolower(byte);
  }
  const auto named = [&](std::string_view part) { return plain.find(part) != std::string::npos; };
  const auto ends = [&](std::string_view end) { return plain.ends_with(end); };
  return std::any_of(std::begin(kSecretNames), std::end(kSecretNames), named) &&
         std::none_of(std::begin(kNotSecretEnds), std::end(kNotSecretEnds), ends);
}

uint64_t Beginning(const char* text) {
  uint64_t number = 0;
  std::memcpy(&number, text, sizeof(number));
  return number;
}

// Every text in a message but the public ones.
void ForEachText(const Message& message, const auto& take) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (Contains(kPublic, field->full_name())) continue;
    const int size = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < size; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
        take(field->is_repeated() ? reflection->GetRepeatedString(message, field, i)
                                  : reflection->GetString(message, field));
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        const Message& inner = field->is_repeated() ? reflection->GetRepeatedMessage(message, field, i)
                                                    : reflection->GetMessage(message, field);
        // Of an entry of a map, the key is a name.
        if (field->is_map()) {
          const FieldDescriptor* value = inner.GetDescriptor()->map_value();
          if (value->cpp_type() == FieldDescriptor::CPPTYPE_STRING)
            take(inner.GetReflection()->GetString(inner, value));
          else if (value->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
            ForEachText(inner.GetReflection()->GetMessage(inner, value), take);
        } else {
          ForEachText(inner, take);
        }
      }
    }
  }
}

// The name that an entry of a list of headers, or of a map, goes by: {key, value}.
std::string NameOfEntry(const Message& message) {
  const FieldDescriptor* key = message.GetDescriptor()->FindFieldByName("key");
  const FieldDescriptor* value = message.GetDescriptor()->FindFieldByName("value");
  if (!key || !value || key->cpp_type() != FieldDescriptor::CPPTYPE_STRING || key->is_repeated()) return "";
  return message.GetReflection()->GetString(message, key);
}

}  // namespace

void Redactor::Learn(const Message& secret) {
  ForEachText(secret, [this](std::string text) {
    // As it may stand in a configuration: without what an editor left at its ends.
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string::npos) return;
    text = text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
    if (text.size() < kPart) {
      whole_.insert(std::move(text));
      return;
    }
    parts_[Beginning(text.data())].push_back(std::move(text));
  });
}

bool Redactor::IsSecret(std::string_view text) const {
  if (text.find(kPrivateKey) != std::string_view::npos) return true;
  if (text.size() < kPart && whole_.contains(std::string(text))) return true;
  if (parts_.empty()) return false;
  for (size_t i = 0; i + kPart <= text.size(); ++i) {
    const auto found = parts_.find(Beginning(text.data() + i));
    if (found == parts_.end()) continue;
    for (const std::string& part : found->second) {
      if (text.substr(i).starts_with(part)) return true;
    }
  }
  return false;
}

std::string Redactor::Text(std::string text) const { return IsSecret(text) ? kRedacted : std::move(text); }

void Redactor::Redact(Message& message) const { Walk(message, false); }

void Redactor::Walk(Message& message, bool all) const {
  const Descriptor* descriptor = message.GetDescriptor();
  if (descriptor == google::protobuf::Any::descriptor()) return WalkAny(message, all);
  all = all || Contains(kSecretMessages, descriptor->full_name());
  const bool named = IsSecretName(NameOfEntry(message));
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (Contains(kPublic, field->full_name())) {
      WalkField(message, field, false);
    } else if (named && field->name() == "key") {
      WalkField(message, field, all);
    } else {
      WalkField(message, field, all || named || IsSecretName(field->name()));
    }
  }
}

void Redactor::WalkField(Message& message, const FieldDescriptor* field, bool all) const {
  const auto* reflection = message.GetReflection();
  const int size = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
  for (int i = 0; i < size; ++i) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      Message* inner = field->is_repeated() ? reflection->MutableRepeatedMessage(&message, field, i)
                                            : reflection->MutableMessage(&message, field);
      Walk(*inner, all);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      const std::string text = field->is_repeated() ? reflection->GetRepeatedString(message, field, i)
                                                    : reflection->GetString(message, field);
      // Keys of maps are names, and tell their values apart.
      const bool is_key = message.GetDescriptor()->map_key() == field;
      if (text.empty() || !((all && !is_key) || IsSecret(text))) continue;
      field->is_repeated() ? reflection->SetRepeatedString(&message, field, i, kRedacted)
                           : reflection->SetString(&message, field, kRedacted);
    }
  }
}

void Redactor::WalkAny(Message& message, bool all) const {
  auto& any = static_cast<google::protobuf::Any&>(message);
  if (any.type_url().empty()) return;
  const std::string name = any.type_url().substr(any.type_url().rfind('/') + 1);
  const Descriptor* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  std::unique_ptr<Message> inner;
  if (type) inner.reset(google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (inner && inner->ParseFromString(any.value())) {
    Walk(*inner, all);
    any.set_value(inner->SerializeAsString());
    return;
  }
  google::protobuf::StringValue words;
  words.set_value(Cat("not shown: of the unknown type ", name));
  any.PackFrom(words);
}

}  // namespace k8sgw::admin
