#include "tests/simulation/model_cluster.h"

#include <iterator>
#include <utility>

#include "api/gloo/v1/settings.proto.h"
#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/model/decode.h"
#include "src/sources/cluster/watched_kind.h"
#include "src/status/test_objects.h"
#include "tests/simulation/edits.h"
#include "tests/simulation/kinds.h"
#include "tests/simulation/objects.h"

namespace k8sgw::sim {
namespace {

using kube::testing::TestApiServer;
using yaml::Node;

// Stands for the version, which the server gives.
constexpr std::string_view kVersion = "@version@";

constexpr const char* kStayingObjects[] = {
    "apiVersion: v1\nkind: Service\nmetadata: {name: stays, namespace: gloo-system}\n"
    "spec: {selector: {app: stays}, ports: [{name: http, port: 80}]}\n",
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: stays, namespace: gloo-system, "
    "labels: {kubernetes.io/service-name: stays}}\naddressType: IPv4\nports: [{name: http, port: 8080}]\n"
    "endpoints: [{addresses: [10.9.0.1], conditions: {ready: true}}]\n",
    "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: stays, namespace: gloo-system}\n"
    "spec: {kube: {serviceName: stays, serviceNamespace: gloo-system, servicePort: 80}}\n",
    "apiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: stays, namespace: gloo-system}\n"
    "spec: {virtualHost: {domains: [stays.com], routes: [{routeAction: {single: {upstream: {name: stays, "
    "namespace: gloo-system}}}}]}}\n",
    "apiVersion: gateway.solo.io/v1\nkind: Gateway\nmetadata: {name: stays, namespace: gloo-system}\n"
    "spec: {bindAddress: '::', bindPort: 9000, proxyNames: [gateway-proxy], "
    "httpGateway: {virtualServices: [{name: stays, namespace: gloo-system}]}}\n"};

Node Text(std::string text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = std::move(text);
  return node;
}

Node& Field(Node& mapping, std::string_view key) {
  if (!mapping.is_mapping()) {
    mapping = {};
    mapping.kind = Node::Kind::kMapping;
  }
  for (Node::Entry& entry : mapping.entries) {
    if (entry.key == key) return entry.value;
  }
  return mapping.entries.emplace_back(Node::Entry{std::string(key), {}, {}}).value;
}

// As the API server does it: what is written as text is kept as base64.
void EncodeTexts(Node& secret) {
  const Node* texts = secret.Find("stringData");
  if (!texts) return;
  const Node copy = *texts;
  Node& data = Field(secret, "data");
  for (const Node::Entry& entry : copy.entries) Field(data, entry.key) = Text(EncodeBase64(entry.value.scalar));
  std::erase_if(secret.entries, [](const Node::Entry& entry) { return entry.key == "stringData"; });
}

std::string NameOf(const ResourceKey& key) {
  return key.ns.empty() ? key.name.str() : Cat(key.ns.str(), ".", key.name.str());
}

std::string WriteVersion(std::string_view name, std::string_view version, std::string_view json) {
  const size_t at = json.find(kVersion);
  if (at != std::string_view::npos) return Cat(json.substr(0, at), version, json.substr(at + kVersion.size()));
  // One that is gone.
  const size_t dot = name.find('.');
  const bool of_cluster = dot == std::string_view::npos;
  return Cat(R"({"metadata":{"name":")", of_cluster ? name : name.substr(dot + 1), R"(","namespace":")",
             of_cluster ? "" : name.substr(0, dot), R"(","uid":"gone","resourceVersion":")", version, "\"}}");
}

std::string SettingsText(Random& random) {
  return Cat("apiVersion: gloo.solo.io/v1\nkind: Settings\nmetadata: {name: default, namespace: gloo-system}\nspec: ",
             random.Pick({"{}", "{}", "{watchNamespaces: [default]}", "{watchNamespaces: [other]}",
                          "{watchNamespaces: [default, other]}",
                          "{watchNamespaceSelectors: [{matchLabels: {watch: yes-please}}]}",
                          "{gloo: {removeUnusedFilters: true}}"}),
             "\n");
}

}  // namespace

ModelCluster::ModelCluster(uint64_t seed, const Clock& clock, Tell say, Tell complain)
    : clock_(clock),
      say_(std::move(say)),
      complain_(std::move(complain)),
      random_(seed),
      server_(
          WriteVersion, [this](int n) { return random_.Below(n); }, clock.now()),
      policy_(cluster::NamespacePolicy::Read({}, kOwnNamespace)) {
  for (const char* ns : {kOwnNamespace, "default", "other"}) PutNamespace(ns, "yes-please");
  for (const char* text : kStayingObjects) Apply(text);
  for (int i = random_.Below(60); i > 0; --i) Apply(RandomObject(random_));
}

bool ModelCluster::Apply(const std::string& text) {
  const yaml::Stream stream = yaml::Parse(text);
  if (!stream.ok || stream.documents.size() != 1) return false;
  const DecodedDocument decoded = DecodeKubernetes(stream.documents[0], "default");
  if (decoded.keys.size() != 1) return false;
  const ResourceKey key = decoded.keys.front();
  const std::string ns = key.ns.str();
  if (!KindOf(key.kind) || comes_back_.contains(key.kind) || (!ns.empty() && !labels_.contains(ns))) return false;
  const auto [it, fresh] = items_.try_emplace(key);
  Item& item = it->second;
  Node object = stream.documents[0];
  if (key.kind == Kind::kSecret) EncodeTexts(object);
  if (fresh) item.uid = Cat("uid-", ++uids_);
  Node& metadata = Field(object, "metadata");
  if (!ns.empty()) Field(metadata, "namespace") = Text(ns);
  Field(metadata, "uid") = Text(item.uid);
  Field(metadata, "resourceVersion") = Text(std::string(kVersion));
  // Older ones have smaller numbers.
  const Node* created = fresh ? nullptr : item.object.Find("metadata")->Find("creationTimestamp");
  Field(metadata, "creationTimestamp") =
      created ? *created
              : Text(Cat("2024-01-01T", 10 + uids_ / 2500, ":", 10 + uids_ / 50 % 50, ":", 10 + uids_ % 50, "Z"));
  if (const Node* status = fresh ? nullptr : item.object.Find("status")) Field(object, "status") = *status;
  item.text = text;
  item.object = std::move(object);
  ++ways_.applied;
  say_("applied: " + key.ToString());
  Publish(key);
  NotePolicy(key);
  return true;
}

void ModelCluster::Publish(const ResourceKey& key) {
  Item& item = items_.at(key);
  Node& generation = Field(Field(item.object, "metadata"), "generation");
  generation = Text(std::to_string(++item.generation));
  generation.quoted = false;
  const std::string json = yaml::EmitJson(item.object, 0);
  if (!absent_.contains(key)) absent_[key] = clock_.now();
  server_.Everywhere(std::string(KindOf(key.kind)->info->plural), key.ns.str(),
                     [&](TestApiServer& server) { server.Put(NameOf(key), json); });
}

void ModelCluster::Delete(const ResourceKey& key) {
  items_.erase(key);
  absent_[key] = clock_.now();
  server_.Everywhere(std::string(KindOf(key.kind)->info->plural), key.ns.str(),
                     [&](TestApiServer& server) { server.Delete(NameOf(key)); });
}

void ModelCluster::Merge(const ResourceKey& key, const std::string& patch) {
  status::testing::Merge(items_.at(key).object, status::testing::ParseJson(patch));
  Publish(key);
}

std::optional<ResourceKey> ModelCluster::Any() {
  for (int tries = 0; tries < 20; ++tries) {
    auto it = items_.begin();
    std::advance(it, random_.Below(static_cast<int>(items_.size())));
    if (it->first.name.str() != kStays) return it->first;
  }
  return std::nullopt;
}

void ModelCluster::Act() {
  switch (random_.Below(20)) {
    case 0: return ActOnNamespaces();
    case 1: {
      ++ways_.policies;
      const std::string text = SettingsText(random_);
      say_(Cat("Settings are written: ", text.substr(text.find("spec:"))));
      Apply(text);
      return;
    }
    case 2:
      ++ways_.bursts;
      say_("many objects are written");
      for (int i = 5 + random_.Below(20); i > 0; --i) Apply(RandomObject(random_));
      return;
    case 3:
    case 4: {
      auto it = items_.begin();
      std::advance(it, random_.Below(static_cast<int>(items_.size())));
      return WriteStatus(it->first);
    }
    default: break;
  }
  if (random_.OneIn(3)) {
    Apply(RandomObject(random_));
  } else if (const auto key = Any()) {
    Edit(*key);
  }
}

void ModelCluster::Edit(const ResourceKey& key) {
  std::string text = items_.at(key).text;
  switch (random_.Below(8)) {
    case 0: say_("deleted: " + key.ToString()); return Delete(key);
    case 1:
      say_("deleted and made again: " + key.ToString());
      Delete(key);
      if (Apply(random_.OneIn(2) ? text : EditOneWord(random_, text))) ++ways_.anew;
      return;
    case 2:
      if (const size_t spec = text.find("spec: {"); spec != std::string::npos && key.kind != Kind::kService) {
        say_("broken: " + key.ToString());
        ++ways_.broken;
        Apply(text.insert(spec + 7, "statik: {}, "));
        return;
      }
      [[fallthrough]];
    default:
      say_("edited: " + key.ToString());
      text = EditOneWord(random_, text);
      if (text != items_.at(key).text) Apply(text);
  }
}

// Other controllers have entries beside ours, and some put their hands on ours.
void ModelCluster::WriteStatus(const ResourceKey& key) {
  if (!HasStatus(key.kind)) return;
  if (random_.OneIn(3)) {
    ++ways_.taken;
    say_("somebody changes our entry: " + key.ToString());
    return Merge(key, random_.Pick({R"({"status":{"statuses":{"gloo-system":null}}})",
                                    R"({"status":{"statuses":{"gloo-system":{"state":"Pending","reason":"x"}}}})"}));
  }
  ++ways_.foreign;
  items_.at(key).foreign = ++foreign_;
  Merge(key, Cat(R"({"status":{"statuses":{"other":{"n":)", foreign_, "}}}}"));
}

kube::WriteResult ModelCluster::Fail(int code) {
  ++ways_.failed;
  kube::WriteResult result;
  result.details.code = code;
  result.details.message = "refused by the simulation";
  if (code == 429 || code == 503) result.details.retry_after = std::chrono::seconds(random_.Below(5));
  result.status = code == 0 ? absl::UnavailableError("the network") : kube::ToStatus(result.details);
  return result;
}

kube::WriteResult ModelCluster::Patch(const kube::WriteRequest& request, const std::string& uid) {
  constexpr int kCodes[] = {500, 503, 429, 409, 403};
  ++ways_.patches;
  const bool mishap = write_fault_ > 0 && random_.OneIn(2);
  if (server_.away) return Fail(0);
  if (mishap && write_fault_ <= 5) return Fail(kCodes[write_fault_ - 1]);
  if (mishap && write_fault_ == 6) return Fail(0);
  std::optional<ResourceKey> key;
  for (const auto& [candidate, item] : items_) {
    const std::string path = PathOf(candidate);
    if (request.target == path || request.target.starts_with(path + "?")) key = candidate;
  }
  if (!key) return Fail(404);
  Item& item = items_.at(*key);
  const Node patch = status::testing::ParseJson(request.body);
  const Node* metadata = patch.Find("metadata");
  if (metadata && metadata->Find("uid") && metadata->FindScalar("uid") != item.uid) {
    ++ways_.stale;
    return Fail(409);
  }
  if (item.uid != uid) complain_("a status that is not this object's is written to " + key->ToString());
  const std::string before = yaml::EmitJson(item.object, 0);
  Node after = item.object;
  status::testing::Merge(after, patch);
  if (yaml::EmitJson(after, 0) != before) {
    ++ways_.effective;
    item.object = std::move(after);
    Publish(*key);
  }
  if (mishap && write_fault_ == 7) {
    ++ways_.lost;
    return Fail(0);
  }
  kube::WriteResult result;
  result.body = yaml::EmitJson(item.object, 0);
  return result;
}

}  // namespace k8sgw::sim
