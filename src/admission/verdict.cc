#include "src/admission/verdict.h"

#include <algorithm>
#include <utility>

#include "api/gloo/v1/proxy.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/base/yaml.h"

namespace k8sgw::admission {
namespace {

constexpr size_t kMostCauses = 50;
constexpr size_t kMostWarnings = 20;
constexpr size_t kLongestText = 1000;
constexpr size_t kLongestMessage = 8000;

// Not within a character.
std::string Cut(std::string text, size_t longest) {
  if (text.size() <= longest) return text;
  size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "…";
}

// As JSON.
std::string Quote(std::string text, size_t longest = kLongestText) {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = Cut(std::move(text), longest);
  return yaml::EmitJson(node, 0);
}

// Where it stands in the object as Kubernetes counts.
std::string FieldOf(const Problem& problem) {
  const bool is_whole = problem.path.empty() || problem.path == "spec" || problem.path.starts_with("metadata");
  return is_whole ? problem.path : "spec." + problem.path;
}

// A field is one of the object that is reviewed; what is wrong with others is in the message.
bool IsAbout(const Problem& problem, const Review& review) {
  return review.items.size() == 1 && review.items[0].key == problem.object;
}

std::string Causes(const Review& review, const Problems& reasons) {
  std::string causes;
  for (size_t i = 0; i < std::min(reasons.size(), kMostCauses); ++i) {
    causes += Cat(i > 0 ? "," : "", R"({"message":)", Quote(reasons[i].ToString()));
    const std::string field = IsAbout(reasons[i], review) ? FieldOf(reasons[i]) : "";
    if (!field.empty()) causes += Cat(R"(,"field":)", Quote(field));
    causes += "}";
  }
  return Cat("[", causes, "]");
}

std::string ProxiesOf(const Verdict& verdict) {
  if (!verdict.proxies || verdict.proxies->empty()) return "";
  std::string all;
  for (const gloov1::Proxy& proxy : *verdict.proxies)
    all += Cat(all.empty() ? "" : ",", yaml::EmitJson(EncodeProto(proxy), 0));
  return Cat(R"(,"proxies":[)", all, "]");
}

std::vector<std::string> Warnings(const Verdict& verdict) {
  std::vector<std::string> warnings;
  if (verdict.proxies_left_out) warnings.push_back("the Proxies are left out, because they are too large");
  for (size_t i = 0; i < std::min(verdict.warnings.size(), kMostWarnings); ++i)
    warnings.push_back(verdict.warnings[i].ToString());
  return warnings;
}

std::string Message(const Problems& reasons) {
  std::string all;
  for (size_t i = 0; i < std::min(reasons.size(), kMostCauses); ++i)
    all += (i > 0 ? "; " : "") + Cut(reasons[i].ToString(), kLongestText);
  if (reasons.size() > kMostCauses) all += Cat("; and ", reasons.size() - kMostCauses, " more");
  return Quote("resource incompatible with current snapshot: [" + all + "]", kLongestMessage);
}

}  // namespace

std::string WriteAnswer(const Review& review, const Verdict& verdict) {
  std::string response = Cat(R"({"uid":)", Quote(review.uid), R"(,"allowed":)", verdict.allowed ? "true" : "false");
  if (!verdict.allowed) {
    response += Cat(R"(,"status":{"message":)", Message(verdict.reasons), R"(,"details":{"name":)", Quote(review.name),
                    R"(,"group":)", Quote(review.group), R"(,"kind":)", Quote(review.kind), R"(,"causes":)",
                    Causes(review, verdict.reasons), "}}");
  }
  const std::vector<std::string> warnings = Warnings(verdict);
  if (!warnings.empty()) {
    response += R"(,"warnings":[)";
    for (size_t i = 0; i < warnings.size(); ++i) response += Cat(i > 0 ? "," : "", Quote(warnings[i]));
    response += "]";
  }
  return Cat(R"({"apiVersion":)", Quote(review.api_version), R"(,"kind":"AdmissionReview","response":)", response, "}",
             ProxiesOf(verdict), "}");
}

}  // namespace k8sgw::admission
