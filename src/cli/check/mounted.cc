#include "src/cli/check/mounted.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "src/base/text.h"
#include "src/cli/check/certificates.h"
#include "src/cli/cluster/object.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

// The names of volumes and labels in the chart.
constexpr char kMtlsVolume[] = "gloo-mtls-certs";
constexpr char kWebhookVolume[] = "validation-certs";
constexpr char kMtlsCertgen[] = "gloo-mtls-certgen";
constexpr char kServerPatch[] = "patch.yaml";

void AddVolumes(const std::vector<Node>& volumes, const std::string& ns, const std::string& by,
                std::vector<Mount>& out) {
  for (const Node& volume : volumes) {
    if (std::string name = TextAt(volume, {"secret", "secretName"}); !name.empty())
      out.push_back({ns, std::move(name), by, volume.FindScalar("name") == kMtlsVolume});
    for (const Node& source : ItemsAt(volume, {"projected", "sources"})) {
      if (std::string name = TextAt(source, {"secret", "name"}); !name.empty())
        out.push_back({ns, std::move(name), by, false});
    }
  }
}

// Each Secret once; whoever needs it counts.
std::vector<Mount> Once(std::vector<Mount> mounts) {
  std::sort(mounts.begin(), mounts.end(), [](const Mount& a, const Mount& b) {
    return std::tie(a.ns, a.secret, b.needed, a.by) < std::tie(b.ns, b.secret, a.needed, b.by);
  });
  const auto same = [](const Mount& a, const Mount& b) { return a.ns == b.ns && a.secret == b.secret; };
  mounts.erase(std::unique(mounts.begin(), mounts.end(), same), mounts.end());
  return mounts;
}

std::string RenewalOf(const Node& secret) {
  if (TextAt(secret, {"metadata", "labels", "gloo"}) == kMtlsCertgen) {
    return Cat("its CronJob should have renewed it: kubectl -n ", NamespaceOf(secret),
               " create job renew-mtls --from=cronjob/", kMtlsCertgen, "-cronjob");
  }
  return "renew it: put new files in, which the kubelet hands to the pods";
}

}  // namespace

std::vector<Mount> MountsOf(const std::vector<Node>& workloads) {
  std::vector<Mount> out;
  for (const Node& workload : workloads) {
    std::string kind(workload.FindScalar("kind"));
    const std::string by = Cat(kind, " ", PathOf(workload));
    AddVolumes(ItemsAt(workload, {"spec", "template", "spec", "volumes"}), NamespaceOf(workload), by, out);
    if (kind == "Pod") AddVolumes(ItemsAt(workload, {"spec", "volumes"}), NamespaceOf(workload), by, out);
  }
  return Once(std::move(out));
}

std::vector<Mount> MountsOfServers(const std::vector<Node>& config_maps) {
  std::vector<Mount> out;
  for (const Node& config : config_maps) {
    const std::string text = TextAt(config, {"data", kServerPatch});
    if (text.empty()) continue;
    const yaml::Stream patch = yaml::Parse(text);
    if (!patch.ok) continue;
    for (const Node& document : patch.documents) {
      AddVolumes(ItemsAt(document, {"spec", "template", "spec", "volumes"}), NamespaceOf(config),
                 "the server of ConfigMap " + PathOf(config), out);
    }
  }
  return Once(std::move(out));
}

std::string WebhookSecretOf(const std::vector<Node>& deployments) {
  for (const Node& deployment : deployments) {
    for (const Node& volume : ItemsAt(deployment, {"spec", "template", "spec", "volumes"})) {
      if (volume.FindScalar("name") == kWebhookVolume) return TextAt(volume, {"secret", "secretName"});
    }
  }
  return "";
}

Findings CheckMount(const Mount& mount, const Node& secret, int64_t now) {
  const std::string object = Cat("Secret ", mount.ns, "/", mount.secret);
  if (secret.is_null()) {
    if (!mount.needed) return {};
    return {{"secrets", true, object, Cat("it is not there, and ", mount.by, " needs it for mTLS"),
             "make it, or let certgen: global.glooMtls.certGen in the Helm values"}};
  }
  Findings out;
  bool has_certificate = false;
  if (const Node* data = At(secret, {"data"})) {
    for (const Node::Entry& entry : data->entries) {
      const auto found = CertificatesAt(secret, entry.key);
      if (!found) continue;
      has_certificate = true;
      // A bundle of authorities keeps old ones beside the new for a while.
      const bool bundle = entry.key != "tls.crt";
      const Ending ending = bundle ? LastEndOf(*found, now) : EndOf(*found, now);
      if (ending.what.empty()) continue;
      out.push_back({"secrets", ending.ended, object,
                     Cat(ending.what, " (", entry.key, "); ", mount.by, " has it mounted"), RenewalOf(secret)});
    }
  }
  if (mount.needed && !has_certificate) {
    out.push_back({"secrets", true, object, Cat("it has no certificate, and ", mount.by, " needs it for mTLS"),
                   RenewalOf(secret)});
  }
  return out;
}

}  // namespace k8sgw::cli
