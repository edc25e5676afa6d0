#include "src/model/kubernetes_secret.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <initializer_list>
#include <map>

#include "api/enterprise/extauth.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/extensions.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "src/base/base64.h"
#include "src/base/proto_codec.h"
#include "src/base/utf8.h"

namespace k8sgw {
namespace {

// Values by their names, with their places.
struct Value {
  std::string bytes;
  std::string path;
  yaml::Mark mark;
};
using Data = std::map<std::string, Value>;

void ReadMap(const yaml::Node& document, const std::string& field, bool base64, const ReportAt& report, Data& out) {
  const yaml::Node* map = document.Find(field);
  if (!map || map->is_null()) return;
  if (!map->is_mapping())
    return report(Severity::kError, field, map->mark, "expected a mapping of names to text",
                  "write lines of name: text below it");
  for (const auto& entry : map->entries) {
    Value value{"", field + "[\"" + entry.key + "\"]", entry.mark};
    if (!entry.value.is_scalar() && !entry.value.is_null()) {
      report(Severity::kError, value.path, entry.mark, "expected text", "put it in quotes");
    } else if (!base64) {
      value.bytes = entry.value.scalar;
    } else if (!DecodeBase64(entry.value.scalar, &value.bytes)) {
      report(Severity::kError, value.path, entry.mark, "is no base64",
             "encode it with base64 -w0, or put the text under stringData");
    }
    out[entry.key] = std::move(value);
  }
}

// Stands for the rest of a text that is no base64.
constexpr char kNoBase64[] = "!";
constexpr size_t kAll = std::string::npos;

bool IsUtf8(std::string_view text) {
  uint32_t code;
  for (size_t length; !text.empty(); text.remove_prefix(length)) {
    length = DecodeUtf8(text, &code);
    if (length == 0) return false;
  }
  return true;
}

// Hands out values as text, and says which are none.
class Texts {
 public:
  Texts(const Data& data, const ReportAt& report) : data_(data), report_(report) {}

  bool Has(const std::string& key) const { return data_.contains(key); }
  bool HasAny(std::initializer_list<const char*> keys) const {
    return std::ranges::any_of(keys, [this](const char* key) { return Has(key); });
  }

  std::string Take(const std::string& key) const {
    const auto it = data_.find(key);
    if (it == data_.end()) return "";
    if (!IsUtf8(it->second.bytes)) {
      report_(Severity::kError, it->second.path, it->second.mark, "is no text: it holds bytes that are not UTF-8",
              "write the text that is meant");
    }
    return it->second.bytes;
  }

  // What stands under the key if it is text. Says nothing of what is not.
  const std::string* Look(const std::string& key) const {
    const auto it = data_.find(key);
    return it == data_.end() || !IsUtf8(it->second.bytes) ? nullptr : &it->second.bytes;
  }

  // All values that are text, but that of `left_out`.
  void TakeAll(google::protobuf::Map<std::string, std::string>& out, std::string_view left_out = {}) const {
    for (const auto& [key, value] : data_) {
      if (!left_out.empty() && key == left_out) continue;
      if (IsUtf8(value.bytes)) {
        out[key] = value.bytes;
      } else {
        report_(Severity::kWarning, value.path, value.mark, "is no text, so it is left out",
                "write the text that is meant, or remove it");
      }
    }
  }

  // Says that what stands under the key is not what it looks like.
  void Notice(const std::string& key, const DecodeProblem& problem) const {
    const Value& value = data_.at(key);
    report_(Severity::kNotice, value.path, value.mark, problem.path + ": " + problem.message, problem.fix);
  }

 private:
  const Data& data_;
  const ReportAt& report_;
};

constexpr char kHeader[] = "gloo.solo.io/header";
constexpr char kOauth[] = "extauth.solo.io/oauth";
constexpr char kApiKey[] = "extauth.solo.io/apikey";
constexpr char kAccount[] = "extauth.solo.io/accountcredentials";

// The form of older versions: a member of the message as YAML, under its name. Returns whether there is one, be it
// faulty: then it is no other form.
bool ReadMember(const Texts& texts, gloo::solo::io::Secret* out) {
  const google::protobuf::OneofDescriptor* kinds = out->GetDescriptor()->FindOneofByName("kind");
  for (int i = 0; i < kinds->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = kinds->field(i);
    for (const std::string& key : {std::string(field->json_name()), std::string(field->name())}) {
      const std::string* written = texts.Look(key);
      if (!written) continue;
      const yaml::Stream text = yaml::Parse(*written);
      if (!text.ok || text.documents.empty() || !text.documents.front().is_mapping()) continue;
      const auto problems = DecodeProto(text.documents.front(), out->GetReflection()->MutableMessage(out, field));
      // Other programs have such names in Secrets of their own.
      for (const DecodeProblem& problem : problems) texts.Notice(key, problem);
      if (!problems.empty()) out->clear_kind();
      return true;
    }
  }
  return false;
}

void ReadHeaders(const Texts& texts, gloo::solo::io::HeaderSecret& out) {
  auto& headers = *out.mutable_headers();
  const yaml::Stream list = yaml::Parse(texts.Take("headers"));
  const yaml::Node* map = list.documents.empty() ? nullptr : &list.documents.front();
  if (map && map->is_mapping() && map->Find("headers")) map = map->Find("headers");
  if (map && map->is_mapping()) {
    for (const auto& entry : map->entries) headers[entry.key] = entry.value.scalar;
  } else {
    texts.TakeAll(headers);
  }
}

// Forms that have a type. Returns whether it is one of them.
bool ReadTyped(const std::string& type, const Texts& texts, gloo::solo::io::Secret* out) {
  if (type == kRegistryUsers) {
    auto& fields = *(*out->mutable_extensions()->mutable_configs())[type].mutable_fields();
    fields[kRegistryUsersKey].set_string_value(texts.Take(kRegistryUsersKey));
  } else if (type == kHeader) {
    ReadHeaders(texts, *out->mutable_header());
  } else if (type == "gloo.solo.io.EncryptionKeySecret" || type.starts_with("gloo.solo.io/encryption")) {
    out->mutable_encryption()->set_key(texts.Take("key"));
  } else if (type == kOauth) {
    out->mutable_oauth()->set_client_secret(texts.Take("client-secret"));
  } else if (type == kApiKey) {
    out->mutable_api_key()->set_api_key(texts.Take("api-key"));
    texts.TakeAll(*out->mutable_api_key()->mutable_metadata(), "api-key");
  } else if (type == kAccount || type == "kubernetes.io/basic-auth") {
    out->mutable_credentials()->set_username(texts.Take("username"));
    out->mutable_credentials()->set_password(texts.Take("password"));
  } else {
    return false;
  }
  return true;
}

void ReadUntyped(const Texts& texts, gloo::solo::io::Secret* out) {
  if (texts.Has("headers")) return ReadHeaders(texts, *out->mutable_header());
  if (ReadMember(texts, out)) return;
  if (texts.Has("username") && texts.Has("password")) {
    ReadTyped(kAccount, texts, out);
  } else if (!texts.HasAny({kRegistryUsersKey, ".dockercfg", "ssh-privatekey"})) {
    // Any other may serve as headers.
    texts.TakeAll(*out->mutable_header()->mutable_headers());
  }
}

}  // namespace

// Whoever may name a Secret of headers has its values sent where they like. So what is known as something else, by its
// type or its keys, is never one.
void ReadKubernetesSecret(const yaml::Node& document, const ReportAt& report, gloo::solo::io::Secret* out) {
  Data data;
  ReadMap(document, "data", true, report, data);
  ReadMap(document, "stringData", false, report, data);
  const Texts texts(data, report);
  const std::string type(document.FindScalar("type"));
  if (ReadTyped(type, texts, out)) return;
  if (texts.HasAny({"tls.crt", "tls.key", "ca.crt"}) || type == "kubernetes.io/tls") {
    auto& tls = *out->mutable_tls();
    tls.set_cert_chain(texts.Take("tls.crt"));
    tls.set_private_key(texts.Take("tls.key"));
    tls.set_root_ca(texts.Take("ca.crt"));
    if (const auto staple = data.find("tls.ocsp-staple"); staple != data.end())
      tls.set_ocsp_staple(staple->second.bytes);
  } else if (texts.HasAny({"aws_access_key_id", "aws_secret_access_key", "aws_session_token"})) {
    out->mutable_aws()->set_access_key(texts.Take("aws_access_key_id"));
    out->mutable_aws()->set_secret_key(texts.Take("aws_secret_access_key"));
    out->mutable_aws()->set_session_token(texts.Take("aws_session_token"));
  } else if (type.empty() || type == "Opaque") {
    ReadUntyped(texts, out);
  }
}

void ReadConfigMap(const yaml::Node& document, const ReportAt& report, gloo::solo::io::Artifact* out) {
  Data data;
  ReadMap(document, "data", false, report, data);
  for (auto& [key, value] : data) {
    if (const size_t end = EndOfBase64(value.bytes); end < value.bytes.size())
      value.bytes.replace(end, kAll, kNoBase64);
  }
  Data binary;
  ReadMap(document, "binaryData", true, report, binary);
  for (const auto& [key, value] : binary) data[key] = {EncodeBase64(value.bytes), value.path, value.mark};
  for (auto& [key, value] : data) (*out->mutable_data())[key] = std::move(value.bytes);
}

}  // namespace k8sgw
