#include "src/certgen/secret_store.h"

#include <utility>

#include "src/base/base64.h"
#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/pem/pem.h"

namespace k8sgw::certgen {
namespace {

constexpr char kManager[] = "k8sgateway-certgen";
constexpr char kStepAt[] = "k8sgateway.io/certgen-step-at";

std::string Quoted(std::string_view text) { return Cat("\"", JsonEscaped(text), "\""); }

absl::Status About(const std::string& name, std::string_view what, const kube::WriteResult& result) {
  return {result.status.code(), Cat(name, " cannot be ", what, ": ", std::string(result.status.message()))};
}

}  // namespace

absl::StatusOr<std::optional<Material>> SecretStore::Read() {
  seen_version_.clear();
  kube::WriteResult result = cluster_.Call(kube::ReadObject(Target()));
  if (result.status.code() == absl::StatusCode::kNotFound) return std::optional<Material>();
  if (!result.status.ok()) return About(name(), "read", result);
  const yaml::Padded text(std::move(result.body));
  const auto tree = yaml::FromJson(text.view());
  if (!tree.ok()) return tree.status();
  const yaml::Node* metadata = tree->Find("metadata");
  if (metadata) seen_version_ = metadata->FindScalar("resourceVersion");
  if (seen_version_.empty()) return absl::DataLossError(name() + ": the API server gave no resourceVersion");
  Material material;
  const yaml::Node* data = tree->Find("data");
  const auto take = [&](const std::string& key, std::string& out) {
    // What is no base64 counts as unreadable material, which is replaced.
    if (data && !DecodeBase64(data->FindScalar(key), &out)) out.clear();
  };
  take(names_.certificate, material.certificate);
  take(names_.key, material.key);
  take(names_.authorities, material.authorities);
  take(kNextCertificate, material.next_certificate);
  take(kNextKey, material.next_key);
  const yaml::Node* annotations = metadata->Find("annotations");
  const std::string step_at(annotations ? annotations->FindScalar(kStepAt) : "");
  if (const auto time = pem::ParseTime(step_at); time.ok()) material.step_at = *time;
  return std::optional<Material>(std::move(material));
}

std::string SecretStore::Body(const Material& material) const {
  std::string data;
  const auto put = [&](const std::string& key, const std::string& value, bool optional) {
    // null removes a key from an object that is there, and must not stand in one that is made.
    if (optional && value.empty() && seen_version_.empty()) return;
    data += Cat(data.empty() ? "" : ",", Quoted(key), ":",
                optional && value.empty() ? "null" : Quoted(EncodeBase64(value)));
  };
  put(names_.certificate, material.certificate, false);
  put(names_.key, material.key, false);
  put(names_.authorities, material.authorities, false);
  put(kNextCertificate, material.next_certificate, true);
  put(kNextKey, material.next_key, true);
  std::string metadata = Cat("\"name\":", Quoted(secret_), ",\"namespace\":", Quoted(ns_));
  if (!seen_version_.empty()) metadata += Cat(",\"resourceVersion\":", Quoted(seen_version_));
  if (material.step_at) {
    metadata += Cat(",\"annotations\":{\"", kStepAt, "\":\"", pem::FormatTime(*material.step_at), "\"}");
  } else if (!seen_version_.empty()) {
    metadata += Cat(",\"annotations\":{\"", kStepAt, "\":null}");
  }
  // The published type asks for these two keys. The type of a Secret that is there cannot be changed.
  std::string type;
  if (seen_version_.empty()) {
    const bool tls = names_.certificate == "tls.crt" && names_.key == "tls.key";
    type = Cat("\"type\":\"", tls ? "kubernetes.io/tls" : "Opaque", "\",");
  }
  return Cat(R"({"apiVersion":"v1","kind":"Secret",)", type, "\"metadata\":{", metadata, "},\"data\":{", data, "}}");
}

absl::Status SecretStore::Write(const Material& material) {
  const kube::WriteResult result =
      cluster_.Call(seen_version_.empty() ? kube::CreateObject(Target().resource, Body(material), kManager)
                                          : kube::MergePatch(Target(), Body(material), kManager));
  if (result.status.ok()) return absl::OkStatus();
  const bool changed = result.status.code() == absl::StatusCode::kAlreadyExists ||
                       result.status.code() == absl::StatusCode::kAborted ||
                       (result.status.code() == absl::StatusCode::kNotFound && !seen_version_.empty());
  if (changed) return absl::AbortedError("another process has written " + name());
  return About(name(), "written", result);
}

}  // namespace k8sgw::certgen
