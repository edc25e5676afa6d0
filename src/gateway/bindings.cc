#include "src/gateway/bindings.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/ascii.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/ssl.proto.h"
#include "src/gateway/fingerprint.h"

namespace k8sgw::gateway {
namespace {

using proxy::Binding;
using proxy::VirtualHostKey;

constexpr size_t kMaxNamed = 3;

// Age first; an object without a timestamp (from a file) counts as old as can be.
bool IsOlder(const Claimants::value_type& a, const Claimants::value_type& b) {
  return std::tie(a.second->created, a.first.virtual_service) < std::tie(b.second->created, b.first.virtual_service);
}

// The first few of the claimants besides `self`, and how many more there are.
std::string NameOthers(const std::vector<const Claimants::value_type*>& claimants, const VirtualHostKey& self) {
  std::string text;
  size_t named = 0;
  for (const auto* claimant : claimants) {
    if (claimant->first == self || named == kMaxNamed) continue;
    text += (named++ == 0 ? "VirtualService " : ", ") + claimant->first.virtual_service.ToString();
  }
  const size_t others = claimants.size() - 1;
  if (others > named) text += " and " + std::to_string(others - named) + " more";
  return text;
}

Problem DescribeConflict(const VirtualHostKey& self, const std::string& domain,
                         const std::vector<const Claimants::value_type*>& rivals, const Source& place) {
  const auto* owner =
      *std::min_element(rivals.begin(), rivals.end(), [](const auto* a, const auto* b) { return IsOlder(*a, *b); });
  if (owner->first == self) {
    return Warning(place,
                   "domain \"" + domain + "\" is also claimed by " + NameOthers(rivals, self) +
                       " for the same listener; this VirtualService is the oldest and keeps it",
                   "give each domain to one VirtualService");
  }
  return Error(place,
               "domain \"" + domain + "\" already belongs to VirtualService " +
                   owner->first.virtual_service.ToString() + " in the same listener",
               "remove the domain here or there, or join both VirtualServices by delegating to RouteTables");
}

}  // namespace

bool IsServable(const Object<gatewayv1::VirtualService>& service, const GatewaySettings& settings) {
  return settings.Watches(service.ref.ns) && service.spec.has_virtual_host();
}

Ptr<Binding> MakeBinding(const Object<gatewayv1::VirtualService>& service, const GatewaySettings& settings) {
  auto binding = std::make_shared<Binding>();
  const auto& domains = service.spec.virtual_host().domains();
  binding->domains.assign(domains.begin(), domains.end());
  if (binding->domains.empty()) binding->domains.push_back("*");
  binding->created = service.created;
  Fingerprint hash;
  hash.Add(binding->domains);
  hash.Add(binding->created);
  if (service.spec.has_ssl_config()) {
    // A copy, so that a binding does not keep the routes of an older version alive.
    auto ssl = std::make_shared<gloov1::SslConfig>(service.spec.ssl_config());
    if (settings.one_way_tls && !ssl->has_one_way_tls()) ssl->mutable_one_way_tls()->set_value(*settings.one_way_tls);
    hash.Add(*ssl);
    gloov1::SslConfig without_names = *ssl;
    without_names.clear_sni_domains();
    Fingerprint ssl_hash;
    ssl_hash.Add(without_names);
    binding->ssl_hash = ssl_hash.value();
    binding->ssl_config = std::move(ssl);
  }
  binding->hash = hash.value();
  return binding;
}

std::vector<DomainKey> DomainKeys(const proxy::ListenerKey& listener, const Binding& binding) {
  std::vector<DomainKey> keys;
  for (const std::string& domain : binding.domains) keys.push_back({listener, absl::AsciiStrToLower(domain)});
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

Problems CheckDomains(const VirtualHostKey& self, const Binding& binding, bool isolated, bool has_domains,
                      const std::function<const Claimants&(const DomainKey&)>& claimants, const Source& at) {
  Problems problems;
  std::set<std::string> seen;
  for (size_t i = 0; i < binding.domains.size(); ++i) {
    const std::string& domain = binding.domains[i];
    const Source place = has_domains ? Element(at, "domains", static_cast<int>(i)) : Field(at, "domains");
    const auto [lower, fresh] = seen.insert(absl::AsciiStrToLower(domain));
    if (!fresh) {
      problems.push_back(Error(place, "domain \"" + domain + "\" stands in the list twice", "remove one of them"));
      continue;
    }
    const Claimants& all = claimants({self.listener, *lower});
    if (all.size() < 2) continue;
    std::vector<const Claimants::value_type*> rivals;
    for (const auto& claimant : all) {
      if (!isolated || claimant.second->ssl_hash == binding.ssl_hash) rivals.push_back(&claimant);
    }
    if (rivals.size() > 1) problems.push_back(DescribeConflict(self, domain, rivals, place));
  }
  return problems;
}

}  // namespace k8sgw::gateway
