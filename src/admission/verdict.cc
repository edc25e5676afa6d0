#include "src/admission/verdict.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/base/yaml.h"

namespace k8sgw::admission {
namespace {

using yaml::Node;

constexpr size_t kMostCauses = 50;
constexpr size_t kMostWarnings = 20;
constexpr size_t kLongestText = 1000;

// Not within a character.
std::string Cut(std::string text) {
  if (text.size() <= kLongestText) return text;
  size_t end = kLongestText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "…";
}

Node Scalar(std::string text, bool quoted) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.quoted = quoted;
  node.scalar = std::move(text);
  return node;
}

Node Text(std::string text) { return Scalar(std::move(text), true); }

Node List() {
  Node node;
  node.kind = Node::Kind::kSequence;
  return node;
}

Node Mapping(std::vector<std::pair<std::string, Node>> entries) {
  Node node;
  node.kind = Node::Kind::kMapping;
  for (auto& [key, value] : entries) node.entries.push_back({std::move(key), {}, std::move(value)});
  return node;
}

// Where it stands in the object as Kubernetes counts.
std::string FieldOf(const Problem& problem) {
  return problem.path.empty() || problem.path.starts_with("metadata") ? problem.path : "spec." + problem.path;
}

Node Causes(const Problems& reasons) {
  Node causes = List();
  for (size_t i = 0; i < std::min(reasons.size(), kMostCauses); ++i) {
    std::vector<std::pair<std::string, Node>> cause = {{"message", Text(Cut(reasons[i].ToString()))}};
    if (const std::string field = FieldOf(reasons[i]); !field.empty()) cause.emplace_back("field", Text(Cut(field)));
    causes.items.push_back(Mapping(std::move(cause)));
  }
  return causes;
}

std::string Message(const Problems& reasons) {
  std::string all;
  for (size_t i = 0; i < std::min(reasons.size(), kMostCauses); ++i)
    all += (i > 0 ? "; " : "") + Cut(reasons[i].ToString());
  if (reasons.size() > kMostCauses) all += Cat("; and ", reasons.size() - kMostCauses, " more");
  return "resource incompatible with current snapshot: [" + all + "]";
}

}  // namespace

std::string WriteAnswer(const Review& review, const Verdict& verdict) {
  std::vector<std::pair<std::string, Node>> response = {
      {"uid", Text(review.uid)}, {"allowed", Scalar(verdict.allowed ? "true" : "false", false)}};
  if (!verdict.allowed) {
    Node details = Mapping({{"name", Text(Cut(review.name))},
                            {"group", Text(Cut(review.group))},
                            {"kind", Text(Cut(review.kind))},
                            {"causes", Causes(verdict.reasons)}});
    response.emplace_back(
        "status", Mapping({{"message", Text(Message(verdict.reasons))}, {"details", std::move(details)}}));
  }
  // Warnings came with v1; before, they would be an unknown field.
  if (!verdict.warnings.empty() && review.api_version.ends_with("/v1")) {
    Node warnings = List();
    for (size_t i = 0; i < std::min(verdict.warnings.size(), kMostWarnings); ++i)
      warnings.items.push_back(Text(Cut(verdict.warnings[i].ToString())));
    response.emplace_back("warnings", std::move(warnings));
  }
  return yaml::EmitJson(Mapping({{"apiVersion", Text(review.api_version)},
                                 {"kind", Text("AdmissionReview")},
                                 {"response", Mapping(std::move(response))}}),
                        0);
}

}  // namespace k8sgw::admission
