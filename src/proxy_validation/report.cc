#include "src/proxy_validation/report.h"

#include <algorithm>
#include <set>
#include <utility>

#include "api/core/v1/ref.proto.h"
#include "api/gloo/grpc/validation.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/envoy/names.h"
#include "src/proxy/source_metadata.h"
#include "src/proxy_validation/routes_of.h"

namespace k8sgw::proxy_validation {
namespace {

using gloov1::HttpListenerReport;
using gloov1::ListenerReport;
using gloov1::RouteReport;
using gloov1::VirtualHostReport;

const HostFindings kNoHost;
const ListenerFindings kNoListener;

// Several finders may say the same.
Problems Merge(const FoundProblems& found) {
  Problems all = found.of_objects;
  all.insert(all.end(), found.of_translation.begin(), found.of_translation.end());
  Normalize(all);
  return all;
}

int64_t GenerationOf(const ResourceKey& object, const proxy::VirtualHost* host) {
  if (!host) return 0;
  if (object == host->source.object) return host->generation;
  for (const proxy::RouteSource& route : host->routes) {
    for (const proxy::Origin& origin : route.origins) {
      if (origin.object == object) return origin.generation;
    }
  }
  return 0;
}

template <class Report, class Type>
void AddError(const Problem& problem, Type type, const proxy::VirtualHost* host, Report& report) {
  auto& error = *report.add_errors();
  error.set_type(type);
  error.set_reason(Reason(problem));
  if (!problem.object.name.empty())
    proxy::AddSource({problem.object, GenerationOf(problem.object, host)}, *error.mutable_metadata());
}

template <class Report, class Type>
void AddWarning(const Problem& problem, Type type, Report& report) {
  auto& warning = *report.add_warnings();
  warning.set_type(type);
  warning.set_reason(Reason(problem));
}

void AddUnknownWarning(const Problem& problem, HttpListenerReport& report) {
  AddWarning(problem, HttpListenerReport::Warning::UnknownWarning, report);
}

VirtualHostReport::Error::Type HostError(const Problem& problem, const HostFindings& found) {
  if (!found.part || problem.object != found.part->source.object) return VirtualHostReport::Error::ProcessingError;
  const std::string domains = found.part->source.path + ".domains";
  if (!IsWithin(problem.path, domains)) return VirtualHostReport::Error::ProcessingError;
  for (int i = 0; i < found.part->spec->domains_size(); ++i) {
    if (problem.path == domains + "[" + std::to_string(i) + "]" && found.part->spec->domains(i).empty())
      return VirtualHostReport::Error::EmptyDomainError;
  }
  // Of domains, objects are only asked whether they are unique.
  const auto& claims = found.of_objects;
  return std::find(claims.begin(), claims.end(), problem) != claims.end()
             ? VirtualHostReport::Error::DomainsNotUniqueError
             : VirtualHostReport::Error::ProcessingError;
}

void AddToRoute(const Problem& problem, const PlaceInRoute& place, const proxy::VirtualHost& host, RouteReport& report,
                HttpListenerReport& http) {
  if (problem.severity == Severity::kError) {
    const auto type = IsWithin(place.path, "matchers") ? RouteReport::Error::InvalidMatcherError
                                                       : RouteReport::Error::ProcessingError;
    AddError(problem, type, &host, report);
  } else if (place.of_destination) {
    AddWarning(problem, RouteReport::Warning::InvalidDestinationWarning, report);
  } else {
    AddUnknownWarning(problem, http);
  }
}

void AddHost(const gloov1::VirtualHost& shape, const HostFindings& found, HttpListenerReport& http) {
  VirtualHostReport& report = *http.add_virtual_host_reports();
  for (int i = 0; i < shape.routes_size(); ++i) report.add_route_reports();
  for (const Problem& problem : Merge(found)) {
    const auto places = found.part ? RoutesOf(problem, *found.part) : std::vector<PlaceInRoute>();
    for (const PlaceInRoute& place : places) {
      AddToRoute(problem, place, *found.part, *report.mutable_route_reports(static_cast<int>(place.route)), http);
      // It has no place of its own there, so once is enough.
      if (problem.severity != Severity::kError && !place.of_destination) break;
    }
    if (!places.empty()) continue;
    if (problem.severity == Severity::kError) {
      AddError(problem, HostError(problem, found), found.part.get(), report);
    } else {
      AddUnknownWarning(problem, http);
    }
  }
}

const HostFindings& HostOf(const ListenerFindings& found, const std::string& name) {
  const auto it = found.hosts.find(name);
  return it == found.hosts.end() ? kNoHost : it->second;
}

void AddHttp(const gloov1::Listener& listener, const ListenerFindings& found, ListenerReport& report) {
  HttpListenerReport& http = *report.mutable_http_listener_report();
  for (const gloov1::VirtualHost& host : listener.http_listener().virtual_hosts())
    AddHost(host, HostOf(found, host.name()), http);
}

// A report for each chain, by the listener's name and a hash of what tells the chain from others.
void AddAggregate(const gloov1::Listener& listener, const ListenerFindings& found, ListenerReport& report) {
  const gloov1::AggregateListener& aggregate = listener.aggregate_listener();
  auto& reports = *report.mutable_aggregate_listener_report()->mutable_http_listener_reports();
  for (const auto& chain : aggregate.http_filter_chains()) {
    HttpListenerReport& http =
        reports[envoy::RouteConfigName(listener.name(), HexHash(Hash64(SerializeDeterministic(chain.matcher()))))];
    for (const std::string& name : chain.virtual_host_refs()) {
      const auto host = aggregate.http_resources().virtual_hosts().find(name);
      if (host != aggregate.http_resources().virtual_hosts().end()) AddHost(host->second, HostOf(found, name), http);
    }
  }
}

// Warnings that are not about TLS stand below, where there is a word for them.
void AddOwn(const ListenerFindings& found, ListenerReport& report) {
  const Problems& claims = found.of_objects;
  for (const Problem& problem : Merge(found)) {
    const bool is_ssl = IsWithin(problem.path, "sslConfig");
    if (problem.severity == Severity::kError) {
      const bool is_bind =
          problem.path == "bindPort" && std::find(claims.begin(), claims.end(), problem) != claims.end();
      AddError(problem,
               is_ssl    ? ListenerReport::Error::SSLConfigError
               : is_bind ? ListenerReport::Error::BindPortNotUniqueError
                         : ListenerReport::Error::ProcessingError,
               nullptr, report);
    } else if (is_ssl) {
      AddWarning(problem, ListenerReport::Warning::SSLConfigWarning, report);
    } else if (report.has_http_listener_report()) {
      AddUnknownWarning(problem, *report.mutable_http_listener_report());
    } else if (report.has_aggregate_listener_report()) {
      for (auto& [name, http] : *report.mutable_aggregate_listener_report()->mutable_http_listener_reports())
        AddUnknownWarning(problem, http);
    }
  }
}

}  // namespace

std::string Reason(const Problem& problem) {
  const std::string text = problem.ToString();
  // Without its severity, which the place in the tree says.
  return text.substr(text.find(": ") + 2);
}

gloov1::ProxyReport MakeReport(const gloov1::Proxy& proxy, const ProxyFindings& findings) {
  gloov1::ProxyReport out;
  for (const gloov1::Listener& listener : proxy.listeners()) {
    const auto known = findings.find(listener.name());
    const ListenerFindings& found = known == findings.end() ? kNoListener : known->second;
    ListenerReport& report = *out.add_listener_reports();
    if (listener.has_http_listener()) AddHttp(listener, found, report);
    if (listener.has_aggregate_listener()) AddAggregate(listener, found, report);
    AddOwn(found, report);
  }
  return out;
}

}  // namespace k8sgw::proxy_validation
