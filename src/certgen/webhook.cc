#include "src/certgen/webhook.h"

#include <utility>

#include "src/base/base64.h"
#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/json/tree.h"

namespace k8sgw::certgen {
namespace {

constexpr char kManager[] = "k8sgateway-certgen";
constexpr int kTries = 20;

std::string Quoted(std::string_view text) { return Cat("\"", JsonEscaped(text), "\""); }

}  // namespace

absl::StatusOr<CalledWebhooks> FindWebhooks(std::string_view padded_json, const Subject& subject,
                                            const std::string& authorities) {
  const auto tree = yaml::FromJson(padded_json);
  if (!tree.ok()) return tree.status();
  CalledWebhooks found;
  found.trust_it = true;
  if (const yaml::Node* metadata = tree->Find("metadata"))
    found.resource_version = metadata->FindScalar("resourceVersion");
  const yaml::Node* webhooks = tree->Find("webhooks");
  if (!webhooks) return found;
  for (const yaml::Node& webhook : webhooks->items) {
    const yaml::Node* config = webhook.Find("clientConfig");
    const yaml::Node* service = config ? config->Find("service") : nullptr;
    if (!service || service->FindScalar("name") != subject.service || service->FindScalar("namespace") != subject.ns)
      continue;
    found.names.emplace_back(webhook.FindScalar("name"));
    std::string bundle;
    if (!DecodeBase64(config->FindScalar("caBundle"), &bundle) || bundle != authorities) found.trust_it = false;
  }
  return found;
}

absl::StatusOr<bool> Webhook::Update(Store& store) {
  absl::StatusOr<bool> written = false;
  for (int i = 0; i < kTries; ++i) {
    written = Try(store);
    if (written.status().code() != absl::StatusCode::kAborted) break;
  }
  return written;
}

absl::StatusOr<bool> Webhook::Try(Store& store) {
  const std::string name = "ValidatingWebhookConfiguration " + configuration_;
  const kube::Target target{{"admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", ""},
                            configuration_};
  kube::WriteResult read = cluster_.Call(kube::ReadObject(target));
  if (read.status.code() == absl::StatusCode::kNotFound) {
    return absl::NotFoundError(
        Cat("there is no ", name, ": install it, or leave --validating-webhook-configuration-name away"));
  }
  if (!read.status.ok())
    return absl::Status(read.status.code(), Cat(name, " cannot be read: ", std::string(read.status.message())));
  const auto material = store.Read();
  if (!material.ok()) return material.status();
  if (!*material) return absl::AbortedError(store.name() + " is gone");
  const std::string& authorities = (*material)->authorities;
  const yaml::Padded text(std::move(read.body));
  const auto found = FindWebhooks(text.view(), subject_, authorities);
  if (!found.ok()) return found.status();
  if (found->names.empty()) {
    return absl::NotFoundError(Cat("no webhook of ", name, " calls Service ", subject_.ns, "/", subject_.service,
                                   ": correct --svc-name and --svc-namespace"));
  }
  if (found->trust_it) return false;
  std::string webhooks;
  for (const std::string& webhook : found->names) {
    webhooks += Cat(webhooks.empty() ? "" : ",", "{\"name\":", Quoted(webhook),
                    ",\"clientConfig\":{\"caBundle\":", Quoted(EncodeBase64(authorities)), "}}");
  }
  std::string body = Cat(R"({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration",)",
                         "\"metadata\":{\"name\":", Quoted(configuration_),
                         ",\"resourceVersion\":", Quoted(found->resource_version), "},\"webhooks\":[", webhooks, "]}");
  const kube::WriteResult result = cluster_.Call(kube::ServerSideApply(target, std::move(body), kManager, true));
  if (result.status.ok()) return true;
  return absl::Status(result.status.code(), Cat(name, " cannot be written: ", std::string(result.status.message())));
}

}  // namespace k8sgw::certgen
