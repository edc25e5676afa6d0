// What anybody may post to the webhook: the first byte says in which format, the rest is the body. Every review that
// can be read gets a verdict and an answer that can be read, and the same one again; the pipeline does not change.
#include <string>

#include "src/admission/judge.h"
#include "src/base/yaml.h"
#include "src/json/tree.h"
#include "src/model/decode.h"
#include "tests/fuzz/require.h"

namespace k8sgw::fuzz {
namespace {

constexpr char kWorld[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}}
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: u, namespace: default}
spec: {static: {hosts: [{addr: 127.0.0.1, port: 80}]}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  virtualHost:
    domains: [a.com]
    routes: [{matchers: [{prefix: /}], routeAction: {single: {upstream: {name: u, namespace: default}}}}]
)";

// One for all inputs: what is judged leaves nothing.
Pipeline& World() {
  static Pipeline* pipeline = [] {
    auto* made = new Pipeline(Pipeline::Options());
    for (const yaml::Node& document : yaml::Parse(kWorld).documents) {
      for (const Change& change : DecodeKubernetes(document, "default").objects) made->Stage(change);
    }
    made->Commit();
    return made;
  }();
  return *pipeline;
}

std::string Answer(const admission::Review& review, bool strict) {
  const admission::Namespaces namespaces{[](const std::string& ns) { return ns != "elsewhere"; },
                                         [](const std::string&, const Labels& labels) { return !labels.empty(); }};
  admission::Judge judge(World(), namespaces, "gloo-system");
  const admission::Rules rules{.always_accept = !strict, .allow_warnings = !strict};
  return WriteAnswer(review, judge.Decide({&review}, rules, {}).front());
}

}  // namespace
}  // namespace k8sgw::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace k8sgw;
  using fuzz::Require;
  if (size == 0) return 0;
  const auto format = (data[0] & 1) != 0 ? admission::Format::kYaml : admission::Format::kJson;
  const bool strict = (data[0] & 2) != 0;
  std::string body(reinterpret_cast<const char*>(data + 1), size - 1);
  const size_t length = body.size();
  body.append(yaml::kJsonPadding, '\0');
  const auto review = admission::ReadReview(std::string_view(body).substr(0, length), format);
  if (!review.ok()) return 0;
  const Problems before = fuzz::World().problems();
  const std::string answer = fuzz::Answer(*review, strict);
  Require(yaml::Parse(answer).ok, "the answer can be read", answer);
  Require(answer.size() < 400'000, "the answer is short");
  Require(answer == fuzz::Answer(*review, strict), "the answer is the same again", answer);
  Require(fuzz::World().problems() == before && !fuzz::World().graph().speculating(), "nothing is left");
  return 0;
}
