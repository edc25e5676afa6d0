#include "src/cmd/folder.h"

#include <fmt/core.h>

#include <algorithm>
#include <ctime>

#include "src/base/printable.h"
#include "src/base/yaml.h"
#include "src/model/decode.h"

namespace k8sgw {
namespace {

std::vector<Change> FromText(const std::string& text) {
  std::vector<Change> changes;
  for (const yaml::Node& document : yaml::Parse(text).documents) {
    DecodedDocument decoded = DecodeKubernetes(document, kDefaultNamespace);
    for (Change& change : decoded.objects) changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace

std::vector<Change> DefaultGateways(const std::string& ns, const std::string& bind, int http_port, int https_port) {
  const auto gateway = [&](const std::string& name, int port, bool ssl) {
    return fmt::format(R"(---
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {{name: {}, namespace: {}}}
spec: {{bindAddress: "{}", bindPort: {}, ssl: {}, proxyNames: [{}], httpGateway: {{}}}}
)",
                       name, ns, bind, port, ssl, kDefaultProxy);
  };
  return FromText(gateway(kDefaultProxy, http_port, false) +
                  gateway(std::string(kDefaultProxy) + "-ssl", https_port, true));
}

std::vector<Change> RouteEverythingTo(const std::string& host, int port) {
  return FromText(fmt::format(R"(
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {{name: backend, namespace: default}}
spec: {{static: {{hosts: [{{addr: "{}", port: {}}}], useTls: false}}}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {{name: everything, namespace: default}}
spec:
  virtualHost:
    domains: ["*"]
    routes:
    - matchers: [{{prefix: /}}]
      routeAction: {{single: {{upstream: {{name: backend, namespace: default}}}}}}
)",
                              host, port));
}

std::string PlacedLine::ToString() const {
  std::string line = place;
  const auto add = [&](const std::string& part) {
    if (!part.empty()) line += (line.empty() ? "" : ": ") + part;
  };
  // Problems of a file as a whole have no object.
  if (!problem.object.name.empty()) add(problem.object.ToString());
  add(problem.path);
  add(problem.severity != Severity::kError ? "warning: " + problem.message : problem.message);
  add(problem.fix);
  return Printable(line);
}

Folder::Folder(const std::string& directory, Pipeline::Options options)
    : source_(directory, kDefaultNamespace), pipeline_([&] {
        if (options.now == 0) options.now = std::time(nullptr);
        return options;
      }()) {
  bool has_gateway = false;
  const auto stage = [&](const std::vector<Change>& changes) {
    for (const Change& change : changes) {
      has_gateway |= change.key.kind == Kind::kGateway;
      pipeline_.StageAndTell(change);
    }
  };
  stage(source_.Start());
  if (!has_gateway) stage(DefaultGateways(options.settings.write_namespace, "::", 8080, 8443));
  pipeline_.Commit();
}

std::string Folder::Place(const ResourceKey& object, const std::string& field) const {
  return file::FormatPlace(source_.root(), source_.Locate(object, field));
}

std::vector<PlacedLine> Folder::Problems() const {
  std::vector<PlacedLine> lines;
  std::vector<std::pair<file::Place, PlacedLine>> sorted;
  for (const file::FileProblem& problem : source_.problems()) {
    sorted.push_back({problem.place, {file::FormatPlace(source_.root(), problem.place), problem.problem}});
  }
  for (const Problem& problem : pipeline_.problems()) {
    const file::Place place = source_.Locate(problem.object, problem.path);
    sorted.push_back({place, {file::FormatPlace(source_.root(), place), problem}});
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first.path, a.first.line, a.second.problem) <
           std::tie(b.first.path, b.first.line, b.second.problem);
  });
  for (auto& [place, line] : sorted) lines.push_back(std::move(line));
  return lines;
}

}  // namespace k8sgw
