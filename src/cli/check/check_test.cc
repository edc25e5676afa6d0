#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/base64.h"
#include "src/certgen/issue.h"
#include "src/cli/check/certificates.h"
#include "src/cli/check/objects.h"
#include "src/cli/check/report.h"
#include "src/cli/check/rollout.h"

namespace k8sgw::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<yaml::Node> Parse(const std::string& text) {
  yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok) << stream.error.message;
  return std::move(stream.documents);
}

auto IsError(const std::string& what) {
  return AllOf(Field(&Finding::error, true), Field(&Finding::what, HasSubstr(what)));
}
auto IsWarning(const std::string& what) {
  return AllOf(Field(&Finding::error, false), Field(&Finding::what, HasSubstr(what)));
}
auto Mends(const std::string& mend) { return Field(&Finding::mend, HasSubstr(mend)); }

// --- what runs

TEST(CheckDeployments, NoneIsNoInstallation) {
  EXPECT_THAT(CheckDeployments({}, "gloo-system"),
              ElementsAre(AllOf(IsError("no installation in namespace gloo-system"), Mends("k8sgateway install"))));
}

TEST(CheckDeployments, CountsReplicas) {
  EXPECT_THAT(CheckDeployments(Parse(R"(
metadata: {name: gloo, namespace: gloo-system}
spec: {replicas: 2}
status: {availableReplicas: 2, updatedReplicas: 2}
---
metadata: {name: paused, namespace: gloo-system}
spec: {replicas: 0}
status: {}
)"),
                               "gloo-system"),
              IsEmpty());
  EXPECT_THAT(CheckDeployments(Parse(R"(
metadata: {name: gloo, namespace: gloo-system}
spec: {}
status: {conditions: [{type: Progressing, message: timed out}]}
---
metadata: {name: rolling, namespace: gloo-system}
spec: {replicas: 2}
status: {availableReplicas: 2, updatedReplicas: 1}
---
metadata: {name: unseen, namespace: gloo-system, generation: 2}
spec: {replicas: 1}
status: {availableReplicas: 1, updatedReplicas: 1, replicas: 1, observedGeneration: 1}
---
metadata: {name: stuck, namespace: gloo-system, generation: 2}
spec: {replicas: 1}
status: {availableReplicas: 1, updatedReplicas: 1, replicas: 2, observedGeneration: 2}
---
metadata: {name: quota, namespace: gloo-system}
spec: {replicas: 1}
status: {conditions: [{type: ReplicaFailure, status: "True", message: exceeded quota}]}
)"),
                               "gloo-system"),
              ElementsAre(IsError("0 of 1 replicas are available: timed out"), IsWarning("a rollout is under way"),
                          IsWarning("1 of 1 replicas are of the newest version"),
                          IsWarning("1 more replicas are of the version before"),
                          IsError("pods cannot be made: exceeded quota")));
}

TEST(CheckPods, SaysWhyAPodDoesNotRun) {
  EXPECT_THAT(CheckPods(Parse(R"(
metadata: {name: good, namespace: ns}
status: {phase: Running, conditions: [{type: Ready, status: "True"}], containerStatuses: [{name: c, state: {running: {}}}]}
---
metadata: {name: done, namespace: ns}
status: {phase: Succeeded}
---
metadata: {name: image, namespace: ns}
status: {phase: Pending, containerStatuses: [{name: c, state: {waiting: {reason: ImagePullBackOff, message: no such image}}}]}
---
metadata: {name: loop, namespace: ns}
status: {phase: Running, containerStatuses: [{name: c, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {reason: OOMKilled}}}]}
---
metadata: {name: homeless, namespace: ns}
status: {phase: Pending, conditions: [{type: PodScheduled, status: "False", message: 0/3 nodes are available}]}
---
metadata: {name: sick, namespace: ns}
status: {phase: Running, conditions: [{type: Ready, status: "False", message: "containers with unready status: [c]"}], containerStatuses: [{name: c, state: {running: {}}}]}
---
metadata: {name: restless, namespace: ns}
status: {phase: Running, containerStatuses: [{name: c, restartCount: 7, state: {running: {}}}]}
)")),
              ElementsAre(AllOf(IsError("ImagePullBackOff (no such image)"), Mends("global.image.registry")),
                          AllOf(IsError("CrashLoopBackOff (OOMKilled)"), Mends("more memory")),
                          AllOf(IsError("no node takes it: 0/3 nodes"), Mends("describe pod homeless")),
                          IsError("it is not ready: containers with unready"), IsWarning("started 7 times anew")));
}

// --- custom resources

constexpr char kObjects[] = R"(
kind: VirtualService
metadata: {name: shop, namespace: default}
status: {statuses: {gloo-system: {state: Warning, reason: no Upstream, reportedBy: gloo}}}
---
kind: Upstream
metadata: {name: good, namespace: default}
status: {statuses: {gloo-system: {state: Accepted}}}
---
kind: RouteTable
metadata: {name: fresh, namespace: default}
---
kind: Secret
metadata: {name: s, namespace: default}
)";

Problems One(Severity severity, Kind kind, const char* name) {
  return {{{kind, "default", name}, severity, "virtualHost.routes[0]", "there is no Upstream default/x", "create it"}};
}

TEST(CheckObjects, WhatBothSayIsSaidOnce) {
  const Problems problems = One(Severity::kWarning, Kind::kVirtualService, "shop");
  EXPECT_THAT(
      CheckObjects(Parse(kObjects), problems, "gloo-system"),
      ElementsAre(
          AllOf(IsError("virtualHost.routes[0]: there is no Upstream default/x"), Mends("create it"),
                Field(&Finding::section, "virtual-services"), Field(&Finding::object, "VirtualService default/shop")),
          AllOf(IsWarning("no control plane has looked at it"), Field(&Finding::section, "route-tables"))));
}

TEST(CheckObjects, ABadStatusWithoutAProblemIsOldOrEnvoys) {
  EXPECT_THAT(
      CheckObjects(Parse(kObjects), Problems(), "gloo-system"),
      ElementsAre(AllOf(IsError("Warning: no Upstream"), Mends("Envoy refused it")), IsWarning("looked at it")));
  // When nothing else is known, the status is.
  EXPECT_THAT(
      CheckObjects(Parse(kObjects), std::nullopt, "gloo-system"),
      ElementsAre(AllOf(IsError("Warning: no Upstream"), Field(&Finding::mend, "")), IsWarning("looked at it")));
}

TEST(CheckObjects, AGoodStatusOfABadObjectIsOld) {
  const Problems problems = One(Severity::kError, Kind::kUpstream, "good");
  EXPECT_THAT(CheckObjects(Parse(kObjects), problems, "gloo-system"),
              ::testing::Contains(IsError("(its status does not say so yet)")));
}

TEST(CheckObjects, StatusesOfOtherControlPlanesAreTheirs) {
  EXPECT_THAT(CheckObjects(Parse("kind: Upstream\nmetadata: {name: a, namespace: b}\n"
                                 "status: {statuses: {other: {state: Rejected, reason: x}}}"),
                           Problems(), "gloo-system"),
              ElementsAre(IsWarning("no control plane has looked at it")));
}

TEST(CheckObjects, NoticesAreHeldAgainstNobody) {
  EXPECT_THAT(CheckObjects({}, One(Severity::kNotice, Kind::kUpstream, "a"), "gloo-system"), IsEmpty());
  const std::string object =
      "kind: ListenerOption\nmetadata: {name: a, namespace: default}\n"
      "status: {statuses: {gloo-system: {reason: has no effect, state: ";
  const Problems notice = One(Severity::kNotice, Kind::kListenerOption, "a");
  EXPECT_THAT(CheckObjects(Parse(object + "Warning}}}"), notice, "gloo-system"), IsEmpty());
  // Envoy may have refused it all the same.
  EXPECT_THAT(CheckObjects(Parse(object + "Rejected}}}"), notice, "gloo-system"), ElementsAre(IsError("Rejected: ")));
}

TEST(CheckObjects, AStatusForAllControlPlanesCounts) {
  const auto check = [](const std::string& status) {
    return CheckObjects(Parse("kind: RateLimitConfig\nmetadata: {name: a, namespace: b}\nstatus: " + status),
                        Problems(), "gloo-system");
  };
  EXPECT_THAT(check("{state: ACCEPTED, message: has no effect}"), IsEmpty());
  EXPECT_THAT(check("{state: REJECTED, message: wrong}"),
              ElementsAre(AllOf(IsError("Rejected: wrong"), Field(&Finding::section, "rate-limit-configs"))));
  EXPECT_THAT(check("{}"), ElementsAre(IsWarning("no control plane has looked at it")));
}

TEST(CheckObjects, NobodyIsAskedForStatusesThatNobodyWrites) {
  EXPECT_THAT(CheckObjects(Parse("kind: DirectResponse\nmetadata: {name: a, namespace: b}\n---\n"
                                 "kind: GatewayParameters\nmetadata: {name: a, namespace: b}"),
                           Problems(), "gloo-system"),
              IsEmpty());
}

// --- certificates

constexpr int64_t kNow = 1'800'000'000;
constexpr int64_t kDay = 86'400;

certgen::Issued Issue(int64_t days) {
  auto issued = certgen::Issue({.service = "gloo", .ns = "gloo-system"}, kNow, days * kDay);
  EXPECT_TRUE(issued.ok()) << issued.status();
  return issued.ok() ? *std::move(issued) : certgen::Issued();
}

std::vector<yaml::Node> Secret(const std::string& certificate) {
  return Parse(
      "kind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: cert, namespace: gloo-system}\ndata: {tls.crt: " +
      EncodeBase64(certificate) + "}");
}

TEST(CheckSecrets, TellsCertificatesThatEnd) {
  const std::set<std::string> referred = {"gloo-system/cert"};
  const std::vector<yaml::Node> secrets = Secret(Issue(40).certificate);
  EXPECT_THAT(CheckSecrets(secrets, referred, kNow), IsEmpty());
  EXPECT_THAT(CheckSecrets(secrets, referred, kNow + 20 * kDay),
              ElementsAre(AllOf(IsWarning("ends in 20 days, at 2027-02-24T"), Mends("renew it"))));
  EXPECT_THAT(CheckSecrets(secrets, referred, kNow + 41 * kDay), ElementsAre(IsError("has ended at 2027-02-24T")));
  EXPECT_THAT(CheckSecrets(secrets, {}, kNow + 41 * kDay), IsEmpty()) << "nobody uses it";
}

TEST(CheckSecrets, WhatIsNoCertificateIsNotItsBusiness) {
  EXPECT_THAT(CheckSecrets(Secret("hello"), {"gloo-system/cert"}, kNow), IsEmpty());
  EXPECT_THAT(CheckSecrets(Parse("type: kubernetes.io/tls\ndata: 5"), {""}, kNow), IsEmpty());
}

TEST(ReferredSecrets, AreFoundWhereverTheyStand) {
  EXPECT_THAT(ReferredSecrets(Parse(R"(
metadata: {name: a, namespace: default}
spec: {sslConfig: {secretRef: {name: x, namespace: certs}}, deep: [{sslConfig: {secretRef: {name: y}}}], secretRef: z}
)")),
              ElementsAre("certs/x", "default/y"));
}

constexpr char kWebhookSecret[] = "gateway-validation-certs";

std::vector<yaml::Node> Webhook(const std::string& bundle, const char* policy = "Ignore") {
  return Parse("metadata: {name: hooks}\nwebhooks:\n- name: ours\n  failurePolicy: " + std::string(policy) +
               "\n  clientConfig: {caBundle: \"" + EncodeBase64(bundle) +
               "\", service: {name: gloo, namespace: gloo-system}}\n"
               "- name: theirs\n  clientConfig: {service: {name: gloo, namespace: elsewhere}}\n");
}

TEST(CheckWebhooks, TheBundleMustBeThatOfTheCertificate) {
  const certgen::Issued issued = Issue(365);
  const yaml::Node secret = Secret(issued.certificate)[0];
  EXPECT_THAT(CheckWebhooks(Webhook(issued.authority), secret, kWebhookSecret, "gloo-system", kNow), IsEmpty());
  EXPECT_THAT(CheckWebhooks(Webhook(Issue(365).authority), secret, kWebhookSecret, "gloo-system", kNow),
              ElementsAre(AllOf(IsError("the caBundle of webhook ours is not that"), IsError("are not checked"),
                                Mends("k8sgateway certgen"), Mends("hooks"))));
  EXPECT_THAT(CheckWebhooks(Webhook("", "Fail"), secret, kWebhookSecret, "gloo-system", kNow),
              ElementsAre(AllOf(IsError("ours has no caBundle"), IsError("every change is refused"))));
  EXPECT_THAT(CheckWebhooks(Webhook(issued.authority), yaml::Node(), kWebhookSecret, "gloo-system", kNow),
              ElementsAre(IsError("Secret gloo-system/gateway-validation-certs has no certificate")));
  EXPECT_THAT(CheckWebhooks(Webhook(""), yaml::Node(), kWebhookSecret, "another", kNow), IsEmpty());
  EXPECT_THAT(CheckWebhooks(Webhook(issued.authority), secret, kWebhookSecret, "gloo-system", kNow + 350 * kDay),
              ElementsAre(IsWarning("ends in 15 days")));
}

// --- what is printed

TEST(Report, NothingWrong) {
  EXPECT_EQ(RenderReport({.sections = {"pods", "upstream-groups"}, .skipped = {{"pods", "no right"}}}, {}),
            "Checking pods... Skipped: no right\nChecking upstream groups... OK\nNo problems detected.\n");
}

TEST(Report, ErrorsComeFirstWithWhatToDo) {
  const Findings findings = {{"pods", false, "Pod ns/a", "restless", "look"},
                             {"upstreams", true, "Upstream ns/b", "bad\nline", "mend it"}};
  EXPECT_EQ(RenderReport({.sections = {"pods", "upstreams"}, .skipped = {}}, findings),
            "Checking pods... 1 warning\nChecking upstreams... 1 error\n"
            "\nError: Upstream ns/b: bad\\nline\n  mend it\n"
            "\nWarning: Pod ns/a: restless\n  look\n");
  EXPECT_TRUE(HasErrors(findings));
  EXPECT_FALSE(HasErrors({findings[0]}));
}

TEST(Report, JsonHasThePublishedParts) {
  const std::string text =
      yaml::EmitJson(ReportTree({.sections = {"pods"}, .skipped = {}}, {{"pods", true, "Pod ns/a", "bad", "mend"}}), 0);
  EXPECT_EQ(
      text,
      R"({"resources": [{"name": "pods", "status": "1 error"}], "errors": ["Pod ns/a: bad"], "messages": [], "problems": [)"
      R"({"section": "pods", "severity": "error", "object": "Pod ns/a", "message": "bad", "mend": "mend"}]})");
}

TEST(FindSection, KnowsPublishedSpellings) {
  for (const char* name : {"virtual-services", "virtualservice", "virtual-service", "VirtualServices"})
    EXPECT_EQ(FindSection(name), "virtual-services") << name;
  EXPECT_EQ(FindSection("nonsense"), "");
}

}  // namespace
}  // namespace k8sgw::cli
