#include "src/cmd/gloo_webhook.h"

#include <google/protobuf/wrappers.pb.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "src/cmd/find_envoy.h"
#include "src/sources/cluster/namespaces.h"

namespace k8sgw {

admission::WebhookOptions WebhookOf(const GlooOptions& options) {
  return {.address = options.webhook_bind, .own_namespace = options.ns, .envoy = FindEnvoy(options.envoy)};
}

void LogOfWebhook(const std::string& message, bool is_error) {
  is_error ? spdlog::error("webhook: {}", message) : spdlog::info("webhook: {}", message);
}

bool NamesWebhookFiles(const gloov1::Settings* settings) {
  if (!settings) return false;
  const auto& validation = settings->gateway().validation();
  return !validation.validation_webhook_tls_cert().empty() && !validation.validation_webhook_tls_key().empty();
}

admission::Namespaces NamespacesOfFiles(std::function<const gloov1::Settings*()> settings, std::string own) {
  const auto counts = [settings = std::move(settings), own = std::move(own)](const std::string& ns) {
    const gloov1::Settings* given = settings();
    return !given || cluster::NamespacePolicy::Read(*given, own).Counts(ns, {});
  };
  return {counts, [counts](const std::string& ns, const Labels&) { return counts(ns); }};
}

}  // namespace k8sgw
