#include "src/proxy_validation/validate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "api/core/v1/metadata.proto.h"
#include "api/core/v1/ref.proto.h"
#include "api/gloo/grpc/validation.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/model/decode.h"
#include "src/model/inputs.h"
#include "src/pipeline/speculation.h"
#include "src/proxy/assemble.h"
#include "src/proxy_validation/findings.h"
#include "src/proxy_validation/foreign.h"
#include "src/proxy_validation/report.h"

namespace k8sgw::proxy_validation {
namespace {

using gloov1::GlooValidationServiceRequest;
using gloov1::GlooValidationServiceResponse;

absl::Status Unusable(std::string why) { return absl::InvalidArgumentError(why); }

// The problems of Upstreams that there is something to say of.
using UpstreamProblems = std::map<UpstreamRef, Problems>;

absl::StatusOr<Change> ReadUpstream(const gloov1::Upstream& upstream, const std::string& place) {
  if (upstream.ByteSizeLong() > kLargestUpstream)
    return Unusable(Cat(place, " has more than ", kLargestUpstream, " bytes"));
  gloov1::Upstream copy = upstream;
  // What the storage notes is not ours to read.
  auto& metadata = *copy.mutable_metadata();
  metadata.clear_cluster();
  metadata.clear_resource_version();
  metadata.clear_owner_references();
  DecodedDocument decoded =
      DecodeFlat(*FindKind("Upstream"), metadata.namespace_(), metadata.name(), EncodeProto(copy));
  if (decoded.objects.size() == 1) return std::move(decoded.objects.front());
  std::string why;
  for (const PlacedProblem& placed : decoded.problems) {
    if (placed.problem.severity == Severity::kError) why += (why.empty() ? "" : "; ") + Reason(placed.problem);
  }
  return Unusable(Cat(place, ": ", why));
}

template <class Refs>
absl::Status AddDeletions(const Refs& refs, Kind kind, const std::string& field, Trial& trial) {
  for (int i = 0; i < refs.size(); ++i) {
    if (refs[i].name().empty()) return Unusable(Cat(field, "[", i, "] has no name"));
    Change change;
    change.key = {kind, refs[i].namespace_(), refs[i].name()};
    if (kind == Kind::kUpstream) trial.upstreams.insert({change.key.ns, change.key.name});
    trial.changes.push_back(std::move(change));
  }
  return absl::OkStatus();
}

// Where they stand in the request, and what is wrong with them as things are now.
UpstreamProblems CollectUpstreams(const Pipeline& pipeline, const Trial& trial) {
  UpstreamProblems out;
  pipeline.envoy().translated_clusters().ForEach(
      [&](const UpstreamRef& ref, const Ptr<envoy::TranslatedCluster>& cluster) {
        if (!cluster->problems.empty()) out[ref] = cluster->problems;
      });
  for (const UpstreamRef& ref : trial.upstreams) out[ref];
  return out;
}

void AddUnknown(const Pipeline& pipeline, const Trial& trial, UpstreamProblems& upstreams) {
  for (const Change& change : trial.changes) {
    const UpstreamRef ref{change.key.ns, change.key.name};
    if (change.key.kind != Kind::kUpstream || !change.gone() || pipeline.inputs().upstreams.Get(ref)) continue;
    upstreams[ref].push_back(
        {change.key, Severity::kWarning, "", "there is no such Upstream", "correct the reference"});
  }
}

void AddUpstreamReports(const UpstreamProblems& upstreams, gloov1::ValidationReport& report) {
  for (const auto& [ref, problems] : upstreams) {
    auto& out = *report.add_upstream_reports();
    out.mutable_resource_ref()->set_name(ref.name);
    out.mutable_resource_ref()->set_namespace_(ref.ns);
    for (const Problem& problem : problems) {
      *(problem.severity == Severity::kError ? out.add_errors() : out.add_warnings()) = Reason(problem);
    }
  }
}

// As the objects say now, also what is refused.
std::map<ProxyRef, gloov1::Proxy> AssembleAll(const Pipeline& pipeline) {
  std::map<proxy::VirtualHostKey, Ptr<proxy::VirtualHost>> hosts;
  pipeline.gateway().virtual_hosts().ForEach(
      [&](const proxy::VirtualHostKey& key, const Ptr<proxy::VirtualHost>& host) { hosts.emplace(key, host); });
  std::map<ProxyRef, gloov1::Proxy> proxies;
  for (gloov1::Proxy& proxy :
       proxy::AssembleProxies(pipeline.gateway().listeners(), pipeline.gateway().bindings(), hosts)) {
    const ProxyRef ref{proxy.metadata().namespace_(), proxy.metadata().name()};
    proxies.emplace(ref, std::move(proxy));
  }
  return proxies;
}

}  // namespace

absl::StatusOr<Trial> ReadTrial(const GlooValidationServiceRequest& request) {
  const auto& upstreams = request.modified_resources().upstreams();
  const auto& deleted = request.deleted_resources();
  if (upstreams.size() + deleted.upstream_refs_size() + deleted.secret_refs_size() > kMostObjects)
    return Unusable(Cat("the request names more than ", kMostObjects, " objects"));
  Trial trial;
  for (int i = 0; i < upstreams.size(); ++i) {
    absl::StatusOr<Change> change = ReadUpstream(upstreams[i], Cat("modified_resources.upstreams[", i, "]"));
    if (!change.ok()) return change.status();
    trial.upstreams.insert({change->key.ns, change->key.name});
    trial.changes.push_back(std::move(*change));
  }
  absl::Status status =
      AddDeletions(deleted.upstream_refs(), Kind::kUpstream, "deleted_resources.upstream_refs", trial);
  if (status.ok()) status = AddDeletions(deleted.secret_refs(), Kind::kSecret, "deleted_resources.secret_refs", trial);
  if (!status.ok()) return status;
  return trial;
}

GlooValidationServiceResponse Validate(Pipeline& pipeline, const GlooValidationServiceRequest& request,
                                       const Trial& trial) {
  UpstreamProblems unknown;
  AddUnknown(pipeline, trial, unknown);
  std::optional<Speculation> speculation;
  if (!trial.changes.empty()) speculation.emplace(pipeline).Try(trial.changes);
  UpstreamProblems upstreams = CollectUpstreams(pipeline, trial);
  for (auto& [ref, problems] : unknown) upstreams[ref] = std::move(problems);
  std::map<ProxyRef, ProxyFindings> findings = CollectFindings(pipeline);
  std::map<ProxyRef, gloov1::Proxy> proxies = AssembleAll(pipeline);

  GlooValidationServiceResponse response;
  const auto add = [&](gloov1::Proxy proxy, const ProxyFindings& found) {
    auto& report = *response.add_validation_reports();
    *report.mutable_proxy_report() = MakeReport(proxy, found);
    AddUpstreamReports(upstreams, report);
    *report.mutable_proxy() = std::move(proxy);
  };
  if (request.has_proxy()) {
    const gloov1::Proxy& given = request.proxy();
    const ProxyRef ref{given.metadata().namespace_(), given.metadata().name()};
    const auto own = proxies.find(ref);
    add(given, CompareWithOwn(given, own == proxies.end() ? nullptr : &own->second, std::move(findings[ref])));
    return response;
  }
  for (auto& [ref, proxy] : proxies) add(std::move(proxy), findings[ref]);
  return response;
}

}  // namespace k8sgw::proxy_validation
