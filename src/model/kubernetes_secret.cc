#include "src/model/kubernetes_secret.h"

#include <google/protobuf/struct.pb.h>

#include <map>

#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/extensions.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "src/base/base64.h"
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

  std::string Take(const std::string& key) const {
    const auto it = data_.find(key);
    if (it == data_.end()) return "";
    if (!IsUtf8(it->second.bytes)) {
      report_(Severity::kError, it->second.path, it->second.mark, "is no text: it holds bytes that are not UTF-8",
              "write the text that is meant");
    }
    return it->second.bytes;
  }

  // All values that are text.
  void TakeAll(google::protobuf::Map<std::string, std::string>& out) const {
    for (const auto& [key, value] : data_) {
      if (IsUtf8(value.bytes)) {
        out[key] = value.bytes;
      } else {
        report_(Severity::kWarning, value.path, value.mark, "is no text, so it cannot serve as a header",
                "write the text that is meant, or remove it");
      }
    }
  }

 private:
  const Data& data_;
  const ReportAt& report_;
};

}  // namespace

void ReadKubernetesSecret(const yaml::Node& document, const ReportAt& report, gloo::solo::io::Secret* out) {
  Data data;
  ReadMap(document, "data", true, report, data);
  ReadMap(document, "stringData", false, report, data);
  const Texts texts(data, report);
  const std::string type(document.FindScalar("type"));
  if (type == kRegistryUsers) {
    // No header secret: else whoever may name one sends these passwords where they like.
    auto& fields = *(*out->mutable_extensions()->mutable_configs())[type].mutable_fields();
    fields[kRegistryUsersKey].set_string_value(texts.Take(kRegistryUsersKey));
  } else if (data.contains("tls.crt") || data.contains("tls.key") || data.contains("ca.crt") ||
             type == "kubernetes.io/tls") {
    auto& tls = *out->mutable_tls();
    tls.set_cert_chain(texts.Take("tls.crt"));
    tls.set_private_key(texts.Take("tls.key"));
    tls.set_root_ca(texts.Take("ca.crt"));
    if (const auto staple = data.find("tls.ocsp-staple"); staple != data.end())
      tls.set_ocsp_staple(staple->second.bytes);
  } else if (data.contains("aws_access_key_id") || data.contains("aws_secret_access_key")) {
    out->mutable_aws()->set_access_key(texts.Take("aws_access_key_id"));
    out->mutable_aws()->set_secret_key(texts.Take("aws_secret_access_key"));
    out->mutable_aws()->set_session_token(texts.Take("aws_session_token"));
  } else if (type == "gloo.solo.io/header" || data.contains("headers")) {
    auto& headers = *out->mutable_header()->mutable_headers();
    const yaml::Stream list = yaml::Parse(texts.Take("headers"));
    const yaml::Node* map = list.documents.empty() ? nullptr : &list.documents.front();
    if (map && map->is_mapping() && map->Find("headers")) map = map->Find("headers");
    if (map && map->is_mapping()) {
      for (const auto& entry : map->entries) headers[entry.key] = entry.value.scalar;
    } else {
      texts.TakeAll(headers);
    }
  } else if (data.contains("key") && type.starts_with("gloo.solo.io/encryption")) {
    out->mutable_encryption()->set_key(texts.Take("key"));
  } else if (data.contains("username") && data.contains("password")) {
    out->mutable_credentials()->set_username(texts.Take("username"));
    out->mutable_credentials()->set_password(texts.Take("password"));
  } else {
    // Any other secret may serve as headers.
    texts.TakeAll(*out->mutable_header()->mutable_headers());
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
