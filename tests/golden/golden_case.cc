#include "tests/golden/golden_case.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

#include "api/gloo/v1/proxy.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/yaml.h"
#include "src/envoy/resource.h"
#include "src/model/decode.h"

namespace k8sgw::golden {
namespace {

constexpr char kMarker[] = "--- # expect ";
// 2026-01-01: certificates of cases are judged at this time.
constexpr int64_t kNow = 1767225600;

// How a case says what stands in the environment.
constexpr char kSecretsMatch[] = "\n# env HEADER_SECRET_REF_NS_MATCHES_US=true\n";

// How it says what is known of an image: "# wasm IMAGE SHA256" and then perhaps what is wrong.
constexpr char kModule[] = "# wasm ";

constexpr char kDefaultGateways[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: gateway-proxy, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, proxyNames: [gateway-proxy], httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: gateway-proxy-ssl, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8443, ssl: true, proxyNames: [gateway-proxy], httpGateway: {}}
)";

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string Trimmed(std::string text) {
  const size_t end = text.find_last_not_of(" \n");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

std::string Canonical(const std::string& text) {
  const yaml::Stream stream = yaml::Parse(text);
  if (!stream.ok) return "broken YAML: " + stream.error.message;
  return stream.documents.empty() ? "null" : Trimmed(yaml::Emit(stream.documents.front()));
}

// One step of a path: `name`, `[3]` or `["key"]`; empty at the end.
std::string TakeStep(std::string& path) {
  if (path.starts_with('.')) path.erase(0, 1);
  size_t end = 0;
  if (path.starts_with("[\"")) {
    end = path.find("\"]") + 2;
  } else if (path.starts_with('[')) {
    end = path.find(']') + 1;
  } else {
    end = std::min(path.find_first_of(".["), path.size());
  }
  std::string step = path.substr(0, end);
  path.erase(0, end);
  return step;
}

yaml::Node Select(yaml::Node node, std::string path) {
  while (!path.empty()) {
    const std::string step = TakeStep(path);
    const yaml::Node* next = nullptr;
    if (step.starts_with("[\"")) {
      next = node.Find(step.substr(2, step.size() - 4));
    } else if (step.starts_with('[')) {
      const size_t index = std::stoul(step.substr(1));
      next = index < node.items.size() ? &node.items[index] : nullptr;
    } else {
      next = node.Find(step);
    }
    if (!next) return {};
    node = yaml::Node(*next);
  }
  return node;
}

yaml::Node ScalarNode(std::string text) {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = std::move(text);
  return node;
}

}  // namespace

Case::Case(std::filesystem::path path) : path_(std::move(path)) {
  std::istringstream text(ReadFile(path_));
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(kMarker)) {
      sections_.push_back({line.substr(sizeof(kMarker) - 1), ""});
    } else {
      (sections_.empty() ? input_ : sections_.back().expected) += line + "\n";
    }
  }
}

std::string Case::Name() const {
  const auto folder = path_.parent_path();
  return (folder.filename() == "testdata" ? folder.parent_path() : folder).filename().string() + "/" +
         path_.stem().string();
}

bool Case::MayFail() const { return path_.filename().string().starts_with("fail_"); }

bool Case::ExpectsReports() const {
  return std::any_of(sections_.begin(), sections_.end(), [](const Section& s) { return s.header == "reports"; });
}

Pipeline::Options Case::pipeline_options() const {
  Pipeline::Options options;
  options.now = kNow;
  options.header_secrets_match_upstreams = input_.find(kSecretsMatch) != std::string::npos;
  return options;
}

void Case::StageModules(Pipeline& pipeline) const {
  std::istringstream text(input_);
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with(kModule)) continue;
    std::istringstream words(line.substr(sizeof(kModule) - 1));
    std::string image;
    WasmModule module;
    words >> image >> module.sha256;
    std::getline(words >> std::ws, module.problem);
    if (module.sha256 == "-") module.sha256.clear();
    pipeline.StageWasmModule(image, module);
  }
}

void Case::Run() {
  pipeline_ = std::make_unique<Pipeline>(pipeline_options());
  bool has_gateway = false;
  const auto stage = [&](const std::string& text) {
    const yaml::Stream stream = yaml::Parse(text);
    if (!stream.ok) problems_.push_back({{}, Severity::kError, "", stream.error.message, ""});
    for (const yaml::Node& document : stream.documents) {
      DecodedDocument decoded = DecodeKubernetes(document, "default");
      for (PlacedProblem& placed : decoded.problems) problems_.push_back(std::move(placed.problem));
      for (const Change& change : decoded.objects) {
        has_gateway |= change.key.kind == Kind::kGateway;
        pipeline_->StageAndTell(change);
        objects_.push_back(change);
      }
    }
  };
  stage(input_);
  if (!has_gateway) stage(kDefaultGateways);
  StageModules(*pipeline_);
  pipeline_->Commit();
  Problems found = pipeline_->problems();
  problems_.insert(problems_.end(), found.begin(), found.end());
  Normalize(problems_);
}

std::string Case::Actual(const Section& section) const {
  std::istringstream words(section.header);
  std::string type;
  std::string name;
  std::string path;
  words >> type;
  yaml::Node result;
  if (type == "reports") {
    result.kind = yaml::Node::Kind::kSequence;
    for (const Problem& problem : problems_) result.items.push_back(ScalarNode(problem.ToString()));
  } else if (type == "proxy") {
    words >> path;
    const auto proxies = pipeline_->AssembleProxies();
    if (!proxies.empty()) result = Select(EncodeProto(proxies.front()), path);
  } else {
    words >> name >> path;
    const std::map<std::string, xds::Type> types = {{"cluster", xds::Type::kCluster},
                                                    {"endpoints", xds::Type::kEndpoint},
                                                    {"listener", xds::Type::kListener},
                                                    {"route", xds::Type::kRoute},
                                                    {"secret", xds::Type::kSecret}};
    for (const std::string& role : pipeline_->roles()) {
      const Snapshot snapshot = pipeline_->ResourcesOf(role);
      const auto resources = types.contains(type) ? snapshot.find(types.at(type)) : snapshot.end();
      if (resources == snapshot.end() || !resources->second.contains(name)) continue;
      result = Select(EncodeProto(*envoy::ParseAny(*resources->second.at(name))), path);
      break;
    }
  }
  return Trimmed(yaml::Emit(result));
}

void Case::Update() const {
  std::string text = input_;
  std::vector<Section> sections = sections_;
  std::erase_if(sections, [&](const Section& s) { return s.header == "reports" && problems_.empty(); });
  if (!problems_.empty() && !ExpectsReports()) sections.push_back({"reports", ""});
  for (const Section& section : sections) {
    const std::string actual = Actual(section);
    text += kMarker + section.header + "\n";
    // What is right stays as it was written.
    text += (SameYaml(actual, section.expected) ? Trimmed(section.expected) : actual) + "\n";
  }
  if (text != ReadFile(path_)) std::ofstream(path_) << text;
}

std::vector<std::filesystem::path> Case::FindAll() {
  std::vector<std::filesystem::path> paths;
  for (const char* root : {"plugins", "tests/cases"}) {
    if (!std::filesystem::exists(root)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      const auto& path = entry.path();
      const std::string folder = path.parent_path().filename();
      if (path.extension() == ".yaml" && (folder == "testdata" || root != std::string("plugins")))
        paths.push_back(path);
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool SameYaml(const std::string& a, const std::string& b) { return Canonical(a) == Canonical(b); }

}  // namespace k8sgw::golden
