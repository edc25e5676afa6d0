#include "src/cli/check/certificates.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/cli/cluster/object.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr int64_t kDay = int64_t{24} * 3600;

void Collect(const Node& node, const std::string& ns, std::set<std::string>& out) {
  for (const Node::Entry& entry : node.entries) {
    if (entry.key == "secretRef" && entry.value.is_mapping()) {
      const std::string its(entry.value.FindScalar("namespace"));
      out.insert(Cat(its.empty() ? ns : its, "/", entry.value.FindScalar("name")));
    }
    Collect(entry.value, ns, out);
  }
  for (const Node& item : node.items) Collect(item, ns, out);
}

Ending EndAt(int64_t end, int64_t now) {
  if (end < now) return {true, Cat("the certificate has ended at ", pem::FormatTime(end))};
  if (end - now >= kExpirySeconds) return {};
  return {false, Cat("the certificate ends in ", (end - now) / kDay, " days, at ", pem::FormatTime(end))};
}

bool EndsBefore(const pem::Certificate& a, const pem::Certificate& b) { return pem::NotAfter(a) < pem::NotAfter(b); }

void Tell(const Ending& ending, const char* section, const std::string& object, const std::string& mend,
          Findings& out) {
  if (!ending.what.empty()) out.push_back({section, ending.ended, object, ending.what, mend});
}

}  // namespace

std::optional<pem::Certificates> CertificatesAt(const Node& secret, std::string_view key) {
  std::string text;
  if (!DecodeBase64(TextAt(secret, {"data", key}), &text)) return std::nullopt;
  absl::StatusOr<pem::Certificates> found = pem::ReadCertificates(text);
  if (!found.ok()) return std::nullopt;
  return *std::move(found);
}

Ending EndOf(const pem::Certificates& certificates, int64_t now) {
  if (certificates.empty()) return {};
  return EndAt(pem::NotAfter(*std::min_element(certificates.begin(), certificates.end(), EndsBefore)), now);
}

Ending LastEndOf(const pem::Certificates& certificates, int64_t now) {
  if (certificates.empty()) return {};
  return EndAt(pem::NotAfter(*std::max_element(certificates.begin(), certificates.end(), EndsBefore)), now);
}

std::set<std::string> ReferredSecrets(const std::vector<Node>& objects) {
  std::set<std::string> out;
  for (const Node& object : objects) {
    if (const Node* spec = object.Find("spec")) Collect(*spec, NamespaceOf(object), out);
  }
  return out;
}

Findings CheckSecrets(const std::vector<Node>& secrets, const std::set<std::string>& referred, int64_t now) {
  Findings out;
  for (const Node& secret : secrets) {
    if (!referred.contains(PathOf(secret))) continue;
    const std::string object = "Secret " + PathOf(secret);
    if (const auto chain = CertificatesAt(secret, "tls.crt"))
      Tell(EndOf(*chain, now), "secrets", object, "renew it: put a new tls.crt and tls.key in", out);
  }
  return out;
}

Findings CheckWebhooks(const std::vector<Node>& configurations, const Node& secret, const std::string& secret_name,
                       const std::string& ns, int64_t now) {
  Findings out;
  const auto chain = CertificatesAt(secret, "tls.crt");
  const std::string renew = Cat("make it anew: k8sgateway certgen --svc-namespace ", ns, " --secret-name ", secret_name,
                                " --validating-webhook-configuration-name ");
  for (const Node& configuration : configurations) {
    const std::string object = "ValidatingWebhookConfiguration " + NameOf(configuration);
    bool ours = false;
    for (const Node& webhook : ItemsAt(configuration, {"webhooks"})) {
      if (TextAt(webhook, {"clientConfig", "service", "name"}) != "gloo" ||
          TextAt(webhook, {"clientConfig", "service", "namespace"}) != ns)
        continue;
      ours = true;
      const std::string name(webhook.FindScalar("name"));
      const bool strict = webhook.FindScalar("failurePolicy") == "Fail";
      const std::string effect = strict ? "every change is refused" : "changes are not checked";
      std::string text;
      if (!DecodeBase64(TextAt(webhook, {"clientConfig", "caBundle"}), &text) || text.empty()) {
        out.push_back({"webhooks", true, object, Cat("webhook ", name, " has no caBundle, so ", effect),
                       renew + NameOf(configuration)});
        continue;
      }
      const absl::StatusOr<pem::Certificates> authorities = pem::ReadCertificates(text);
      const bool trusted = chain && authorities.ok() && pem::Verify(*chain, *authorities, now).ok();
      if (!chain || trusted || !EndOf(*chain, now).what.empty()) continue;
      out.push_back({"webhooks", true, object,
                     Cat("the caBundle of webhook ", name, " is not that of the certificate in Secret ", PathOf(secret),
                         ", so ", effect),
                     renew + NameOf(configuration)});
    }
    if (!ours) continue;
    if (!chain) {
      out.push_back({"webhooks", true, object, Cat("Secret ", ns, "/", secret_name, " has no certificate for it"),
                     renew + NameOf(configuration)});
    } else {
      Tell(EndOf(*chain, now), "webhooks", "Secret " + PathOf(secret), renew + NameOf(configuration), out);
    }
  }
  return out;
}

}  // namespace k8sgw::cli
