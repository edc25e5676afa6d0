#include "src/discovery/reconciler.h"

#include <google/protobuf/wrappers.pb.h>

#include <utility>

#include "api/gloo/v1/settings.proto.h"
#include "api/options/kubernetes.proto.h"
#include "src/base/text.h"
#include "src/discovery/service_upstream.h"
#include "src/discovery/stored_upstream.h"
#include "src/discovery/upstream_config.h"
#include "src/model/label_selector.h"

namespace k8sgw::discovery {
namespace {

constexpr char kDiscover[] = "gloo.solo.io/discover";

std::pair<ServiceRef, uint32_t> PortOf(const StoredUpstream& stored) {
  const auto& kube = stored.spec.kube();
  return {{kube.service_namespace(), kube.service_name()}, kube.service_port()};
}

}  // namespace

Options ReadOptions(const gloov1::Settings& settings, const std::string& own_namespace) {
  Options options;
  const auto& uds = settings.discovery().uds_options();
  options.enabled = !uds.has_enabled() || uds.enabled().value();
  const std::string& ns = settings.discovery_namespace();
  options.write_namespace = ns.empty() ? own_namespace : ns;
  options.watch_labels.insert(uds.watch_labels().begin(), uds.watch_labels().end());
  const auto& global = settings.upstreamoptions().global_annotations();
  options.global_annotations.insert(global.begin(), global.end());
  options.labels_choose_namespaces =
      settings.watch_namespaces().empty() && !settings.watch_namespace_selectors().empty();
  return options;
}

Reconciler::Reconciler(Options options) : options_(std::move(options)) {}
Reconciler::~Reconciler() = default;

void Reconciler::SetOptions(Options options) {
  if (options == options_) return;
  options_ = std::move(options);
  problems_changed_ = true;
  for (const auto& [ref, service] : services_) {
    Unclaim(ref);
    if (IsWanted(*service)) Claim(ref, *service);
  }
  MarkAll();
}

bool Reconciler::IsWanted(const Object<core::Service>& service) const {
  return HasLabels(service.labels, options_.watch_labels) || FindAnnotation(service.annotations, kDiscover) == "true";
}

void Reconciler::Unclaim(const ServiceRef& ref) {
  if (mistakes_.erase(ref) > 0) problems_changed_ = true;
  const auto names = names_.extract(ref);
  if (names.empty()) return;
  for (const std::string& name : names.mapped()) {
    auto& ports = wanted_[name];
    std::erase_if(ports, [&](const auto& entry) { return entry.first.first == ref; });
    if (ports.empty()) wanted_.erase(name);
    Touch(name);
  }
}

void Reconciler::Claim(const ServiceRef& ref, const Object<core::Service>& service) {
  DescribedService described = DescribeService(ref, service, options_.global_annotations);
  if (!described.mistakes.empty()) {
    mistakes_[ref] = std::move(described.mistakes);
    problems_changed_ = true;
  }
  const auto annotations = std::make_shared<const Labels>(std::move(described.annotations));
  for (auto& [port, spec] : described.ports) {
    const std::string name = UpstreamName(ref, port);
    wanted_[name].emplace(PortKey{ref, port}, Port{std::move(spec), annotations});
    names_[ref].insert(name);
    Touch(name);
  }
}

void Reconciler::SetService(const ServiceRef& ref, Ptr<Object<core::Service>> service) {
  Unclaim(ref);
  if (!service) {
    services_.erase(ref);
    return;
  }
  if (IsWanted(*service)) Claim(ref, *service);
  services_[ref] = std::move(service);
}

UpstreamRef Reconciler::SetStored(std::string_view padded) {
  std::optional<StoredUpstream> stored = ReadStored(padded);
  if (!stored) return {};
  const UpstreamRef ref = stored->ref;
  stored_[ref.ns.str()].insert_or_assign(ref.name.str(), *std::move(stored));
  if (ref.ns == options_.write_namespace) Touch(ref.name.str());
  return ref;
}

void Reconciler::RemoveStored(const UpstreamRef& ref) {
  const auto ns = stored_.find(ref.ns.str());
  if (ns == stored_.end() || ns->second.erase(ref.name.str()) == 0) return;
  if (ns->second.empty()) stored_.erase(ns);
  if (ref.ns == options_.write_namespace) Touch(ref.name.str());
}

void Reconciler::Complete() { complete_ = true; }

void Reconciler::SetHeard(std::string_view plural, const std::string& ns, bool heard) {
  if (!heard) {
    unheard_.emplace(plural, ns);
  } else if (unheard_.erase({std::string(plural), ns}) > 0) {
    MarkAll();
  }
}

bool Reconciler::IsUnheard(const std::string& plural, const std::string& ns) const {
  return unheard_.contains({plural, ""}) || unheard_.contains({plural, ns});
}

bool Reconciler::MayGo(const StoredUpstream& stored) const {
  if (options_.labels_choose_namespaces && IsUnheard("namespaces", "")) return false;
  return !IsUnheard("services", stored.spec.kube().service_namespace());
}

void Reconciler::MarkAll() {
  for (const auto& [name, ports] : wanted_) Touch(name);
  const auto stored = stored_.find(options_.write_namespace);
  if (stored == stored_.end()) return;
  for (const auto& [name, upstream] : stored->second) Touch(name);
}

void Reconciler::Touch(const std::string& name) {
  dirty_.insert(name);
  const auto ports = wanted_.find(name);
  const StoredUpstream* stored = FindStored(name);
  const bool contested = ports != wanted_.end() && (ports->second.size() > 1 || (stored && !stored->is_ours()));
  if (contested) contested_.insert(name);
  // What others write into Upstreams all the time, such as statuses, changes no problem.
  if (contested || contested_.erase(name) > 0) problems_changed_ = true;
}

std::set<std::string> Reconciler::TakeDirty() {
  if (!complete_) return {};
  return std::exchange(dirty_, {});
}

const StoredUpstream* Reconciler::FindStored(const std::string& name) const {
  const auto ns = stored_.find(options_.write_namespace);
  if (ns == stored_.end()) return nullptr;
  const auto found = ns->second.find(name);
  return found == ns->second.end() ? nullptr : &found->second;
}

const Reconciler::Ports::value_type* Reconciler::OwnerOf(const std::string& name) const {
  const auto ports = wanted_.find(name);
  if (ports == wanted_.end()) return nullptr;
  if (const StoredUpstream* stored = FindStored(name)) {
    const auto same = ports->second.find(PortOf(*stored));
    if (same != ports->second.end()) return &*same;
  }
  return &*ports->second.begin();
}

std::optional<Write> Reconciler::Decide(const std::string& name) const {
  if (!complete_ || !options_.enabled || IsUnheard("upstreams", options_.write_namespace)) return std::nullopt;
  const UpstreamRef ref{options_.write_namespace, name};
  const StoredUpstream* stored = FindStored(name);
  if (stored && !stored->is_ours()) return std::nullopt;
  const auto* wanted = OwnerOf(name);
  if (!wanted) {
    if (!stored || !MayGo(*stored)) return std::nullopt;
    return Write{Write::Kind::kDelete, ref, "", stored->uid, stored->version};
  }
  const Port& port = wanted->second;
  // Nobody takes over from a Service that is perhaps there.
  if (stored && PortOf(*stored) != wanted->first && !MayGo(*stored)) return std::nullopt;
  if (!stored) return Write{Write::Kind::kCreate, ref, NewObject(ref, *port.spec, *port.annotations)};
  std::string patch = PatchFor(*stored, *port.spec, *port.annotations);
  if (patch.empty()) return std::nullopt;
  return Write{Write::Kind::kPatch, ref, std::move(patch)};
}

Problems Reconciler::problems() const {
  Problems out;
  if (!options_.enabled) return out;
  const auto add = [&out](const ServiceRef& ref, std::string path, std::string message, std::string fix) {
    out.push_back(
        {{Kind::kService, ref.ns, ref.name}, Severity::kWarning, std::move(path), std::move(message), std::move(fix)});
  };
  for (const auto& [ref, mistakes] : mistakes_) {
    for (const std::string& mistake : mistakes) add(ref, "metadata.annotations", mistake, "correct the annotation");
  }
  for (const std::string& name : contested_) {
    const StoredUpstream* stored = FindStored(name);
    const auto* owner = OwnerOf(name);
    for (const auto& port : wanted_.at(name)) {
      if (stored && !stored->is_ours()) {
        add(port.first.first, "", Cat("there is an Upstream ", name, " that was not discovered, so none is made"),
            "rename that Upstream, or use it");
      } else if (&port != owner) {
        add(port.first.first, "", Cat("another Service has the name ", name, " for its Upstream already"),
            "rename a Service, or write an Upstream of another name");
      }
    }
  }
  Normalize(out);
  return out;
}

}  // namespace k8sgw::discovery
