#include "src/cli/check/mounted.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/certgen/issue.h"

namespace k8sgw::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kNow = 1'800'000'000;
constexpr int64_t kDay = 86'400;

std::vector<yaml::Node> Parse(const std::string& text) {
  yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok) << stream.error.message;
  return std::move(stream.documents);
}

constexpr char kWorkloads[] = R"(
kind: Deployment
metadata: {name: gloo, namespace: gloo-system}
spec:
  template:
    spec:
      volumes:
      - {name: tmp, emptyDir: {}}
      - {name: validation-certs, secret: {secretName: my-webhook, optional: true}}
      - {name: gloo-mtls-certs, secret: {secretName: mtls, optional: true}}
---
kind: DaemonSet
metadata: {name: edge, namespace: gloo-system}
spec:
  template:
    spec:
      volumes:
      - {name: more, secret: {secretName: mtls}}
      - name: all
        projected: {sources: [{serviceAccountToken: {path: token}}, {secret: {name: extra}}]}
---
kind: Pod
metadata: {name: far-1, namespace: far}
spec: {volumes: [{name: gloo-mtls-certs, secret: {secretName: mtls}}]}
)";

TEST(MountsOf, AreThoseOfAllVolumesEachOnce) {
  EXPECT_THAT(MountsOf(Parse(kWorkloads)),
              ElementsAre(Mount{"far", "mtls", "Pod far/far-1", true},
                          Mount{"gloo-system", "extra", "DaemonSet gloo-system/edge", false},
                          Mount{"gloo-system", "mtls", "Deployment gloo-system/gloo", true},
                          Mount{"gloo-system", "my-webhook", "Deployment gloo-system/gloo", false}));
  EXPECT_THAT(MountsOf({}), IsEmpty());
}

TEST(MountsOfServers, AreInThePatchesOfTheChart) {
  const auto configs = Parse(R"(
metadata: {name: pets-mtls-sidecar, namespace: pets}
data:
  patch.yaml: |
    spec:
      template:
        spec:
          volumes:
          - {name: gloo-mtls-certs, secret: {secretName: pets-certs, defaultMode: 0444}}
---
metadata: {name: other, namespace: pets}
data: {patch.yaml: "}{", envoy.yaml: "a: b"}
---
metadata: {name: none, namespace: pets}
)");
  EXPECT_THAT(MountsOfServers(configs),
              ElementsAre(Mount{"pets", "pets-certs", "the server of ConfigMap pets/pets-mtls-sidecar", true}));
}

TEST(WebhookSecretOf, IsWhatTheDeploymentMounts) {
  EXPECT_EQ(WebhookSecretOf(Parse(kWorkloads)), "my-webhook");
  EXPECT_EQ(WebhookSecretOf({}), "");
}

std::string Certificate(int64_t days) {
  const auto issued = certgen::Issue({.service = "gloo", .ns = "gloo-system"}, kNow, days * kDay);
  EXPECT_TRUE(issued.ok()) << issued.status();
  return issued.ok() ? issued->certificate : "";
}

yaml::Node Secret(const std::string& entry, const std::string& text, const std::string& component = "") {
  return Parse(Cat("kind: Secret\nmetadata: {name: mtls, namespace: gloo-system, labels: {gloo: \"", component,
                   "\"}}\ndata: {", entry, ": \"", EncodeBase64(text), "\"}"))[0];
}

auto Is(bool error, const std::string& what, const std::string& mend) {
  return AllOf(Field(&Finding::error, error), Field(&Finding::object, "Secret gloo-system/mtls"),
               Field(&Finding::what, HasSubstr(what)), Field(&Finding::mend, HasSubstr(mend)),
               Field(&Finding::section, "secrets"));
}

const Mount kMtls{"gloo-system", "mtls", "Deployment gloo-system/gloo", true};
const Mount kAny{"gloo-system", "mtls", "Deployment gloo-system/gloo", false};

TEST(CheckMount, TellsCertificatesThatEnd) {
  const std::string certificate = Certificate(40);
  EXPECT_THAT(CheckMount(kAny, Secret("tls.crt", certificate), kNow), IsEmpty());
  EXPECT_THAT(CheckMount(kAny, Secret("any.pem", certificate), kNow + 20 * kDay),
              ElementsAre(Is(false, "ends in 20 days, at 2027-02-24T", "put new files in")));
  EXPECT_THAT(CheckMount(kMtls, Secret("tls.crt", certificate, "gloo-mtls-certgen"), kNow + 41 * kDay),
              ElementsAre(Is(true, "has ended at 2027-02-24T", "--from=cronjob/gloo-mtls-certgen-cronjob")));
  EXPECT_THAT(CheckMount(kMtls, Secret("tls.crt", certificate), kNow + 41 * kDay),
              ElementsAre(Is(true, "Deployment gloo-system/gloo has it mounted", "put new files in")));
}

TEST(CheckMount, ABundleIsGoodAsLongAsOneOfItIs) {
  const std::string both = Certificate(40) + Certificate(400);
  EXPECT_THAT(CheckMount(kMtls, Secret("ca.crt", both), kNow + 41 * kDay), IsEmpty());
  EXPECT_THAT(CheckMount(kMtls, Secret("ca.crt", both), kNow + 390 * kDay), ElementsAre(Is(false, "(ca.crt)", "")));
  EXPECT_THAT(CheckMount(kMtls, Secret("tls.crt", both), kNow + 41 * kDay), ElementsAre(Is(true, "has ended", "")))
      << "a chain is as good as its worst";
}

TEST(CheckMount, WhatMtlsNeedsMustBeThere) {
  EXPECT_THAT(CheckMount(kMtls, yaml::Node(), kNow), ElementsAre(Is(true, "it is not there", "certgen")));
  EXPECT_THAT(CheckMount(kMtls, Secret("other", "hello"), kNow), ElementsAre(Is(true, "has no certificate", "")));
  EXPECT_THAT(CheckMount(kAny, yaml::Node(), kNow), IsEmpty()) << "its pods say so themselves";
  EXPECT_THAT(CheckMount(kAny, Secret("password", "hello"), kNow), IsEmpty());
}

}  // namespace
}  // namespace k8sgw::cli
