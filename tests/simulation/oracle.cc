#include "tests/simulation/oracle.h"

#include <algorithm>
#include <set>

#include "api/core/v1/metadata.proto.h"
#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/matchable_http_gateway.proto.h"
#include "api/gateway/v1/matchable_tcp_gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/base/proto_codec.h"
#include "src/envoy/names.h"
#include "src/envoy/resource.h"
#include "src/model/kubernetes.h"

namespace k8sgw::sim {
namespace {

// Within the validity of the certificates of the simulation.
constexpr int64_t kNow = 1'800'000'000;
constexpr char kDefaultNamespace[] = "default";
// Of every table; the worlds are small.
constexpr uint32_t kShards = 4;

std::string Shorten(const std::string& text) { return text.size() > 400 ? text.substr(0, 400) + "..." : text; }

void Take(const std::vector<Change>& changes, Objects& objects) {
  for (const Change& change : changes) {
    if (change.gone()) {
      objects.erase(change.key);
    } else {
      objects.insert_or_assign(change.key, change);
    }
  }
}

Problems ProblemsOf(const file::FileStore& store) {
  Problems problems;
  for (const file::FileProblem& problem : store.problems()) problems.push_back(problem.problem);
  return problems;
}

// Whether something is wrong in the file itself; not that another file says the same.
bool IsFaulty(const file::FileStore& store, const std::string& path) {
  const auto problems = store.problems();
  return std::any_of(problems.begin(), problems.end(), [&](const file::FileProblem& problem) {
    return problem.place.path == path && problem.problem.message.find("is also defined in") == std::string::npos;
  });
}

void DumpRole(const Pipeline& pipeline, const std::string& role, bool has_listeners,
              std::map<std::string, std::string>& out) {
  const Snapshot snapshot = pipeline.ResourcesOf(role);
  for (const auto& [type, resources] : snapshot) {
    for (const auto& [name, resource] : resources) {
      // A role that lost its last listener goes on, so that its Envoys lose theirs too; a fresh start cannot know it.
      // What is left of it is what every role has.
      const bool own = type == xds::Type::kRoute || type == xds::Type::kScope ||
                       (type == xds::Type::kListener && name != envoy::kFallbackListener);
      if (!has_listeners && !own) continue;
      out[role + " " + std::string(xds::TypeUrl(type)) + " " + name] =
          resource->version + " " + envoy::JoinBytes(*resource) +
          (resource->with_module ? " with module " + resource->with_module->version : "");
    }
  }
}

}  // namespace

Pipeline::Options SimulationOptions(envoy::SecretDelivery secrets) {
  Pipeline::Options options;
  options.settings.write_namespace = "gloo-system";
  options.secret_delivery = secrets;
  options.now = kNow;
  return options;
}

std::map<std::string, xds::Update> Revise(Pipeline& pipeline, const std::vector<Change>& changes,
                                          const Problems& source_problems) {
  for (const Change& change : changes) pipeline.StageAndTell(change);
  pipeline.problem_table().Set("source", "", source_problems);
  return pipeline.Commit();
}

ControlPlane::ControlPlane(envoy::SecretDelivery secrets)
    : secrets_(secrets), store_(kDefaultNamespace), pipeline_(SimulationOptions(secrets_)) {
  pipeline_.DivideTables(kShards);
}

Problems ControlPlane::source_problems() const { return ProblemsOf(store_); }

void ControlPlane::Note(const FileChange& file) {
  if (!file.text) {
    history_.erase(file.path);
    return;
  }
  auto& texts = history_[file.path];
  if (!IsFaulty(store_, file.path)) texts.clear();
  texts.push_back(*file.text);
}

std::map<std::string, xds::Update> ControlPlane::Apply(const std::vector<FileChange>& files) {
  std::vector<Change> changes;
  for (const FileChange& file : files) {
    const auto more = file.text ? store_.Update(file.path, *file.text) : store_.Remove(file.path);
    changes.insert(changes.end(), more.begin(), more.end());
    Note(file);
  }
  Take(changes, objects_);
  return Revise(pipeline_, changes, source_problems());
}

ControlPlane::Reading ControlPlane::ReadAgain(Random& random) const {
  std::vector<std::string> paths;
  for (const auto& [path, texts] : history_) paths.push_back(path);
  std::shuffle(paths.begin(), paths.end(), random.engine());
  file::FileStore store(kDefaultNamespace);
  Reading reading;
  for (const std::string& path : paths) {
    for (const std::string& text : history_.at(path)) Take(store.Update(path, text), reading.objects);
  }
  reading.problems = ProblemsOf(store);
  return reading;
}

std::unique_ptr<Pipeline> EmptyPipeline(Pipeline::Options options, const Memory& memory) {
  auto pipeline = std::make_unique<Pipeline>(std::move(options));
  pipeline->DivideTables(kShards);
  pipeline->gateway().Remember(memory.gateway);
  pipeline->envoy().Remember(memory.envoy);
  return pipeline;
}

std::map<std::string, xds::Update> Fill(Pipeline& pipeline, const ControlPlane::Reading& reading) {
  std::vector<Change> changes;
  for (const auto& [key, change] : reading.objects) changes.push_back(change);
  return Revise(pipeline, changes, reading.problems);
}

std::unique_ptr<Pipeline> FromScratch(envoy::SecretDelivery secrets, const ControlPlane::Reading& reading,
                                      const Memory& memory) {
  auto pipeline = EmptyPipeline(SimulationOptions(secrets), memory);
  Fill(*pipeline, reading);
  return pipeline;
}

std::map<std::string, std::string> Dump(const Pipeline& pipeline) {
  std::map<std::string, std::string> out;
  std::set<std::string> with_listeners;
  pipeline.envoy().served_listeners().ForEach(
      [&](const auto& key, const auto&) { with_listeners.insert(envoy::Role(key.proxy)); });
  for (const std::string& role : pipeline.roles()) DumpRole(pipeline, role, with_listeners.contains(role), out);
  for (const Problem& problem : pipeline.problems()) out["problem " + problem.ToString()] = "";
  for (const gloov1::Proxy& proxy : pipeline.AssembleProxies()) {
    out["proxy " + proxy.metadata().name()] = SerializeDeterministic(proxy);
  }
  return out;
}

std::map<std::string, std::string> Dump(const Objects& objects) {
  std::map<std::string, std::string> out;
  const auto text = [](const auto& object) -> std::string {
    if constexpr (std::is_same_v<std::decay_t<decltype(object)>, std::monostate>) {
      return "gone";
    } else {
      std::string meta = object->created + " " + std::to_string(object->generation);
      for (const auto& [name, value] : object->labels) meta += " " + name + "=" + value;
      for (const auto& [name, value] : object->annotations) meta += " " + name + ":" + value;
      if constexpr (requires { core::ContentHash(object->spec); }) {
        return meta + " " + std::to_string(core::ContentHash(object->spec));
      } else if constexpr (requires { object->spec.content; }) {
        return meta + " " + std::to_string(object->spec.content);
      } else {
        return meta + " " + SerializeDeterministic(object->spec);
      }
    }
  };
  for (const auto& [key, change] : objects) out["object " + key.ToString()] = std::visit(text, change.object);
  return out;
}

std::string Difference(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b) {
  for (const auto& [key, text] : a) {
    const auto other = b.find(key);
    if (other == b.end()) return "only in the first: " + key + "\n" + Shorten(text);
    if (other->second != text)
      return "differs: " + key + "\nfirst:  " + Shorten(text) + "\nsecond: " + Shorten(other->second);
  }
  for (const auto& [key, text] : b) {
    if (!a.contains(key)) return "only in the second: " + key + "\n" + Shorten(text);
  }
  return "";
}

}  // namespace k8sgw::sim
