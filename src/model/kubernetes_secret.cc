#include "src/model/kubernetes_secret.h"

#include <map>

#include "api/gloo/v1/artifact.pb.h"
#include "api/gloo/v1/secret.pb.h"
#include "src/base/base64.h"
#include "src/base/proto_codec.h"

namespace k8sgw {
namespace {

using Data = std::map<std::string, std::string>;

void ReadMap(const yaml::Node& document, const std::string& field, bool base64, const ReportAt& error, Data& out) {
  const yaml::Node* map = document.Find(field);
  if (!map || map->is_null()) return;
  if (!map->is_mapping()) {
    error(field, map->mark, "expected a mapping of names to text", "");
    return;
  }
  for (const auto& entry : map->entries) {
    const std::string path = field + "[\"" + entry.key + "\"]";
    if (entry.value.is_null()) {
      out[entry.key] = "";
    } else if (!entry.value.is_scalar()) {
      error(path, entry.mark, "expected text", "");
    } else if (!base64) {
      out[entry.key] = entry.value.scalar;
    } else if (!DecodeBase64(entry.value.scalar, &out[entry.key])) {
      error(path, entry.mark, "is no base64", "encode it with base64 -w0, or put the text under stringData");
    }
  }
}

std::string Take(const Data& data, const std::string& key) {
  const auto it = data.find(key);
  return it == data.end() ? "" : it->second;
}

}  // namespace

void ReadKubernetesSecret(const yaml::Node& document, const ReportAt& error, gloo::solo::io::Secret* out) {
  Data data;
  ReadMap(document, "data", true, error, data);
  ReadMap(document, "stringData", false, error, data);
  const std::string type(document.FindScalar("type"));
  if (data.contains("tls.crt") || data.contains("tls.key") || data.contains("ca.crt") || type == "kubernetes.io/tls") {
    auto& tls = *out->mutable_tls();
    tls.set_cert_chain(Take(data, "tls.crt"));
    tls.set_private_key(Take(data, "tls.key"));
    tls.set_root_ca(Take(data, "ca.crt"));
    tls.set_ocsp_staple(Take(data, "tls.ocsp-staple"));
  } else if (data.contains("aws_access_key_id") || data.contains("aws_secret_access_key")) {
    out->mutable_aws()->set_access_key(Take(data, "aws_access_key_id"));
    out->mutable_aws()->set_secret_key(Take(data, "aws_secret_access_key"));
    out->mutable_aws()->set_session_token(Take(data, "aws_session_token"));
  } else if (type == "gloo.solo.io/header" || data.contains("headers")) {
    auto& headers = *out->mutable_header()->mutable_headers();
    const yaml::Stream list = yaml::Parse(Take(data, "headers"));
    const yaml::Node* map = list.documents.empty() ? nullptr : &list.documents.front();
    if (map && map->is_mapping() && map->Find("headers")) map = map->Find("headers");
    if (data.contains("headers") && map && map->is_mapping()) {
      for (const auto& entry : map->entries) headers[entry.key] = entry.value.scalar;
    } else {
      for (const auto& [key, value] : data) headers[key] = value;
    }
  } else if (data.contains("key") && type.starts_with("gloo.solo.io/encryption")) {
    out->mutable_encryption()->set_key(Take(data, "key"));
  } else if (data.contains("username") && data.contains("password")) {
    out->mutable_credentials()->set_username(Take(data, "username"));
    out->mutable_credentials()->set_password(Take(data, "password"));
  } else {
    // Any other secret may serve as headers.
    for (const auto& [key, value] : data) (*out->mutable_header()->mutable_headers())[key] = value;
  }
}

void ReadConfigMap(const yaml::Node& document, const ReportAt& error, gloo::solo::io::Artifact* out) {
  Data data;
  ReadMap(document, "data", false, error, data);
  ReadMap(document, "binaryData", true, error, data);
  for (auto& [key, value] : data) (*out->mutable_data())[key] = std::move(value);
}

}  // namespace k8sgw
