#include "src/gateway/virtual_hosts.h"

#include "api/core/v1/ref.proto.h"
#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "src/gateway/delegation.h"
#include "src/gateway/fingerprint.h"
#include "src/gateway/options_merge.h"

namespace k8sgw::gateway {
namespace {

void AddVirtualHostOptions(const gatewayv1::VirtualHost& in, const VirtualHostLookups& lookups,
                           gloov1::VirtualHost& out, proxy::VirtualHost& host) {
  if (in.has_options()) *out.mutable_options() = in.options();
  const auto& refs = in.options_config_refs().delegate_options();
  for (int i = 0; i < refs.size(); ++i) {
    const VirtualHostOptionRef ref{refs[i].namespace_(), refs[i].name()};
    const auto option = lookups.virtual_host_option(ref);
    if (!option) {
      host.problems.push_back(
          Warning(Element(host.source, "optionsConfigRefs.delegateOptions", i),
                  "there is no VirtualHostOption " + ref.ToString(),
                  ref.ns.empty() ? "add its namespace" : "create it, or correct name and namespace"));
      continue;
    }
    MergeOptions(*out.mutable_options(), option->spec.options(), {KeyOf(ref), "options"}, {}, host.options);
  }
}

void AddRoutes(FlatRoutes flat, gloov1::VirtualHost& out, proxy::VirtualHost& host) {
  host.routes.reserve(flat.routes.size());
  out.mutable_routes()->Reserve(static_cast<int>(flat.routes.size()));
  for (FlatRoute& route : flat.routes) {
    out.mutable_routes()->AddAllocated(route.route.release());
    host.routes.push_back(std::move(route.source));
  }
  host.problems.insert(host.problems.end(), flat.problems.begin(), flat.problems.end());
  for (const ResourceKey& broken : flat.broken) {
    host.problems.push_back(
        Warning({host.source.object, ""},
                "is not served as it is now, because " + broken.ToString() + ", which it includes, has errors",
                "mend the " + std::string(KindName(broken.kind))));
  }
  if (!flat.broken.empty()) host.accepted = false;
}

}  // namespace

Ptr<proxy::VirtualHost> MakeVirtualHost(const proxy::VirtualHostKey& key,
                                        const Object<gatewayv1::VirtualService>& service, const proxy::Binding& binding,
                                        const VirtualHostLookups& lookups) {
  const gatewayv1::VirtualHost& in = service.spec.virtual_host();
  auto host = std::make_shared<proxy::VirtualHost>();
  auto spec = std::make_shared<gloov1::VirtualHost>();
  host->source = {KeyOf(service.ref), "virtualHost"};
  host->problems = CheckDomains(key, binding, lookups.isolated, !in.domains().empty(), lookups.claimants, host->source);
  if (lookups.content_problems) {
    host->problems.insert(host->problems.end(), lookups.content_problems->begin(), lookups.content_problems->end());
  }
  spec->set_name(service.ref.ns + "." + service.ref.name);
  *spec->mutable_domains() = in.domains();
  host->generation = service.generation;
  AddVirtualHostOptions(in, lookups, *spec, *host);
  AddRoutes(
      FlattenRoutes(service, spec->options(), {key.listener.gateway.name, key.listener.proxy.name}, lookups.routes),
      *spec, *host);
  Normalize(host->problems);
  const ResourceKey self = host->source.object;
  for (const Problem& problem : host->problems) {
    if (problem.object == self && problem.severity == Severity::kError) host->accepted = false;
  }

  Fingerprint hash;
  hash.Add(*spec);
  hash.Add(host->source);
  hash.Add(host->generation);
  hash.Add(host->options);
  hash.Add(host->routes);
  hash.Add(host->accepted);
  hash.Add(host->problems);
  host->hash = hash.value();
  host->spec = std::move(spec);
  return host;
}

}  // namespace k8sgw::gateway
