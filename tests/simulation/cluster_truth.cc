#include "tests/simulation/cluster_truth.h"

#include <algorithm>

#include "api/gloo/v1/settings.proto.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "tests/simulation/kinds.h"

namespace k8sgw::sim {
namespace {

const ResourceKey& SettingsKey() {
  static const ResourceKey kKey{Kind::kSettings, kOwnNamespace, "default"};
  return kKey;
}

// What Envoys refused is known to one pipeline alone; and what stands in a Proxy besides its parts are the generations
// of objects, which writes of statuses count up.
std::map<std::string, std::string> Comparable(const Pipeline& pipeline) {
  auto dump = Dump(pipeline);
  std::erase_if(dump, [](const auto& entry) {
    return entry.first.starts_with("proxy ") || entry.first.find("Envoy refused") != std::string::npos;
  });
  return dump;
}

}  // namespace

FreshStart::FreshStart(const ModelCluster& cluster, const Gloo& gloo, const Memory& memory)
    : cluster_(cluster), pipeline_(EmptyPipeline(Gloo::PipelineOptions(), memory)) {
  verdicts_ = std::make_unique<status::Verdicts>(*pipeline_);
  Fill(*pipeline_, Read(gloo));
  verdicts_->AfterCommit();
}

ControlPlane::Reading FreshStart::Read(const Gloo& gloo) {
  ControlPlane::Reading all;
  std::map<ResourceKey, Problems> problems;
  for (const auto& [key, item] : cluster_.items()) {
    if (key.kind == Kind::kSettings && key != SettingsKey()) continue;
    const DecodedDocument decoded =
        cluster::ObjectStore::Decode(*KindOf(key.kind)->info, yaml::Padded(cluster_.JsonOf(key)).view());
    for (const PlacedProblem& placed : decoded.problems) problems[key].push_back(placed.problem);
    if (!decoded.objects.empty()) {
      all.objects.emplace(key, decoded.objects.front());
    } else if (const Change kept = gloo.source().store().Current(key); !kept.gone()) {
      all.objects.emplace(key, kept);
    }
  }
  if (const Change kept = gloo.source().store().Current(SettingsKey()); !kept.gone()) {
    all.objects.emplace(SettingsKey(), kept);
  }
  const auto in_force = all.objects.find(SettingsKey());
  policy_ = cluster::NamespacePolicy::Read(
      in_force == all.objects.end() ? gloov1::Settings() : in_force->second.As<gloov1::Settings>()->spec,
      kOwnNamespace);
  const auto counts = [&](const ResourceKey& key) { return key.ns.empty() || Counts(key.ns.str()); };
  std::erase_if(all.objects, [&](const auto& entry) { return !counts(entry.first); });
  for (const auto& [key, those] : problems) {
    if (counts(key)) all.problems.insert(all.problems.end(), those.begin(), those.end());
  }
  return all;
}

std::string FreshStart::DifferenceTo(Gloo& gloo) const {
  return Difference(Comparable(gloo.pipeline()), Comparable(*pipeline_));
}

std::vector<std::string> FreshStart::WrongStatuses(Gloo& gloo) const {
  std::vector<std::string> wrong;
  status::EntryReader reader(kOwnNamespace);
  for (const auto& [key, item] : cluster_.items()) {
    if (!HasStatus(key.kind)) continue;
    const std::string json = cluster_.JsonOf(key);
    if (item.foreign != 0 && json.find(Cat(R"("other": {"n": )", item.foreign, "}")) == std::string::npos) {
      wrong.push_back(key.ToString() + " has lost the entry of another writer");
    }
    if (!Counts(key.ns.str())) continue;
    const uint64_t found = reader.ReadCopy(json).hash;
    const auto findings = gloo.pipeline().problem_table().Of(key);
    const bool refused = std::ranges::any_of(findings, [](const ProblemTable::Finding& finding) {
      return finding.problem.message.find("Envoy refused") != std::string::npos;
    });
    if (found != gloo.VerdictOn(key).Hash()) wrong.push_back(key.ToString() + " has not the verdict: " + json);
    if (!refused && found != verdicts_->Of(key).Hash()) {
      wrong.push_back(key.ToString() + " has not the verdict of a fresh start: " + json);
    }
  }
  return wrong;
}

}  // namespace k8sgw::sim
