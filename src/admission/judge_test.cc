#include "src/admission/judge.h"

#include <gmock/gmock.h>

#include <set>

#include "api/gloo/v1/proxy.proto.h"
#include "src/admission/test_review.h"
#include "src/model/decode.h"

namespace k8sgw::admission {
namespace {

using ::testing::HasSubstr;

constexpr char kGateway[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}}
)";
constexpr Rules kStrict{.always_accept = false};
constexpr Rules kStrictest{.always_accept = false, .allow_warnings = false};

std::string Words(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) text += problem.ToString() + "\n";
  return text;
}

class JudgeTest : public ::testing::Test {
 protected:
  JudgeTest() { Apply(kGateway); }

  void Apply(const std::string& text) {
    for (const yaml::Node& document : yaml::Parse(text).documents) {
      for (const Change& change : DecodeKubernetes(document, "default").objects) pipeline.Stage(change);
    }
    pipeline.Commit();
  }
  Verdict Ask(const Asked& asked, const Rules& rules = kStrict) {
    const Review review = ReadAsked(asked);
    const Problems before = pipeline.problems();
    const uint64_t revision = pipeline.graph().revision();
    const Verdict verdict = judge.Decide({&review}, rules, now).front();
    EXPECT_EQ(Words(pipeline.problems()), Words(before));
    EXPECT_EQ(pipeline.graph().revision(), revision);
    EXPECT_FALSE(pipeline.graph().speculating());
    return verdict;
  }

  Pipeline pipeline{Pipeline::Options()};
  std::set<std::string> watched{"default", "gloo-system"};
  Judge judge{pipeline,
              {[this](const std::string& ns) { return watched.contains(ns); },
               [](const std::string&, const Labels& labels) { return labels.contains("watch"); }},
              "gloo-system"};
  Pending::Time now{std::chrono::hours(1)};
};

TEST_F(JudgeTest, GoodObjectsAreAllowedAndBadOnesNot) {
  EXPECT_TRUE(Ask({.object = Service("a", "a.com", kReply)}).allowed);
  const Verdict bad = Ask({.object = Service("b", "b.com", kBadRoute)});
  EXPECT_FALSE(bad.allowed);
  EXPECT_THAT(Words(bad.reasons), HasSubstr("VirtualService default/b: virtualHost.routes[0].options.regexRewrite"));
}

TEST_F(JudgeTest, AlwaysAcceptLetsErrorsThroughAsWarnings) {
  const Verdict bad = Ask({.object = Service("b", "b.com", kBadRoute)}, Rules());
  EXPECT_TRUE(bad.allowed);
  EXPECT_THAT(Words(bad.warnings), HasSubstr("regexRewrite"));
}

TEST_F(JudgeTest, WhatCannotBeReadIsDeniedWhateverSettingsSay) {
  const Verdict bad = Ask({.object = Service("b", "b.com", "bogus: 1, directResponseAction: {status: 200}")}, Rules());
  EXPECT_FALSE(bad.allowed);
  EXPECT_THAT(Words(bad.reasons), HasSubstr("bogus"));
}

TEST_F(JudgeTest, KindsThatNothingReadsAreReadStrictlyAllTheSame) {
  const auto config = [](const char* descriptor) {
    return Cat(
        "apiVersion: ratelimit.solo.io/v1alpha1\nkind: RateLimitConfig\nmetadata: {name: a, namespace: default}\n",
        "spec: {raw: {descriptors: [{", descriptor, "}]}}");
  };
  const Verdict bad = Ask({.object = config("ky: x")}, Rules());
  EXPECT_FALSE(bad.allowed);
  EXPECT_THAT(Words(bad.reasons), HasSubstr("RateLimitConfig default/a: raw.descriptors[0].ky: unknown field"));
  // The notice is held against nobody.
  const Verdict good = Ask({.object = config("key: x")}, kStrictest);
  EXPECT_TRUE(good.allowed);
  EXPECT_THAT(Words(good.warnings), HasSubstr("RateLimitConfig default/a: has no effect"));
  const Verdict gone = Ask({.operation = "DELETE", .old_object = config("key: x")}, kStrictest);
  EXPECT_TRUE(gone.allowed);
  EXPECT_TRUE(gone.warnings.empty()) << Words(gone.warnings);
}

TEST_F(JudgeTest, ProxiesAreGivenToThoseWhoAsk) {
  Apply(Service("a", "a.com", kReply));
  EXPECT_EQ(Ask({.object = Service("b", "b.com", kReply)}).proxies, nullptr);
  const Verdict good = Ask({.object = Service("b", "b.com", kReply), .dry_run = true, .return_proxies = true});
  ASSERT_NE(good.proxies, nullptr);
  ASSERT_EQ(good.proxies->size(), 1u);
  EXPECT_EQ(good.proxies->front().listeners(0).http_listener().virtual_hosts_size(), 2);
  // What is refused does not get there.
  const Verdict bad = Ask({.object = Service("b", "b.com", kBadRoute), .dry_run = true, .return_proxies = true});
  EXPECT_FALSE(bad.allowed);
  ASSERT_NE(bad.proxies, nullptr);
  EXPECT_EQ(bad.proxies->front().listeners(0).http_listener().virtual_hosts_size(), 1);
  // A review that changes nothing.
  watched.erase("default");
  EXPECT_EQ(Ask({.object = Service("b", "b.com", kReply), .return_proxies = true}).proxies, nullptr);
}

TEST_F(JudgeTest, ProxiesThatAreTooLargeAreLeftOut) {
  std::vector<Review> reviews;
  for (int i = 0; i < 20; ++i) {
    const std::string name = Cat("v", i);
    const std::string body = Cat("directResponseAction: {status: 200, body: ", std::string(100'000, 'x'), "}");
    Apply(Service(name, name + ".com", body));
    reviews.push_back(ReadAsked({.object = Service("b", "b.com", kReply), .dry_run = true, .return_proxies = true}));
  }
  // What a route may answer is limited, so this is how bodies of that size are served.
  Apply(R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}, routeOptions: {maxDirectResponseBodySizeBytes: 1000000}}
)");
  std::vector<const Review*> all;
  for (const Review& review : reviews) all.push_back(&review);
  size_t bytes = 0;
  int left_out = 0;
  for (const Verdict& verdict : judge.Decide(all, kStrict, now)) {
    EXPECT_TRUE(verdict.allowed);
    left_out += verdict.proxies_left_out ? 1 : 0;
    if (verdict.proxies) bytes += verdict.proxies->front().ByteSizeLong();
  }
  EXPECT_GT(left_out, 5);
  EXPECT_LE(bytes, kMostProxyBytes);
  EXPECT_GT(bytes, kMostProxyBytes / 2);
}

TEST_F(JudgeTest, WarningsDenyOnlyWhenTheyAreNotAllowed) {
  const Verdict late = Ask({.object = Service("a", "a.com", To("nowhere")), .dry_run = true});
  EXPECT_TRUE(late.allowed);
  EXPECT_THAT(Words(late.warnings), HasSubstr("nowhere"));
  EXPECT_FALSE(Ask({.object = Service("a", "a.com", To("nowhere"))}, kStrictest).allowed);
  EXPECT_TRUE(Ask({.object = Service("a", "a.com", kReply)}, kStrictest).allowed);
}

TEST_F(JudgeTest, NoticesAreToldAndHeldAgainstNobody) {
  const std::string gateway =
      "apiVersion: gateway.solo.io/v1\nkind: Gateway\n"
      "metadata: {name: tcp, namespace: gloo-system}\n"
      "spec: {bindAddress: \"::\", bindPort: 8081, tcpGateway: {}}\n";
  const Verdict verdict = Ask({.object = gateway}, kStrictest);
  EXPECT_TRUE(verdict.allowed) << Words(verdict.reasons);
  EXPECT_THAT(Words(verdict.warnings), HasSubstr("not translated yet"));
}

TEST_F(JudgeTest, ThoseThatAreBadTogetherAreRefused) {
  Apply(Service("a", "a.com", kReply));
  const Verdict same = Ask({.object = Service("b", "a.com", kReply)});
  EXPECT_FALSE(same.allowed);
  EXPECT_THAT(Words(same.reasons), HasSubstr("a.com"));
}

TEST_F(JudgeTest, ProblemsThatOthersHaveAnywayAreNotHeldAgainstAChange) {
  Apply(Service("bad", "bad.com", kBadRoute));
  EXPECT_TRUE(Ask({.object = Service("a", "a.com", kReply)}, kStrictest).allowed);
  // But an object's own are, also when they are not new.
  EXPECT_FALSE(
      Ask({.operation = "UPDATE", .object = Service("bad", "bad.com", kBadRoute, ", labels: {a: b}")}).allowed);
  EXPECT_TRUE(Ask({.operation = "UPDATE", .object = Service("bad", "bad.com", kReply)}).allowed);
}

TEST_F(JudgeTest, WhatEnvoySaidOfTheVersionBeforeIsNotHeldAgainstTheNext) {
  Apply(Service("a", "a.com", kReply));
  const ResourceKey a{Kind::kVirtualService, "default", "a"};
  pipeline.problem_table().Set("nack", "x", {{a, Severity::kError, "", "Envoy refused it", ""}});
  EXPECT_TRUE(Ask({.operation = "UPDATE", .object = Service("a", "b.com", kReply)}, kStrictest).allowed);
}

TEST_F(JudgeTest, AnUpstreamInUseIsKeptWhenWarningsAreNotAllowed) {
  Apply(StaticUpstream("used") + "---\n" + StaticUpstream("free") + "---\n" + Service("a", "a.com", To("used")));
  EXPECT_FALSE(Ask({.operation = "DELETE", .old_object = StaticUpstream("used")}, kStrictest).allowed);
  EXPECT_TRUE(Ask({.operation = "DELETE", .old_object = StaticUpstream("free")}, kStrictest).allowed);
  EXPECT_TRUE(Ask({.operation = "DELETE", .old_object = StaticUpstream("used")}).allowed);
}

TEST_F(JudgeTest, DeletingWhatIsBadIsAllowed) {
  Apply(Service("bad", "bad.com", kBadRoute));
  EXPECT_TRUE(Ask({.operation = "DELETE", .old_object = Service("bad", "bad.com", kBadRoute)}, kStrictest).allowed);
}

TEST_F(JudgeTest, WhatNobodyWatchesIsAllowed) {
  const std::string elsewhere =
      "apiVersion: gateway.solo.io/v1\nkind: VirtualService\n"
      "metadata: {name: x, namespace: elsewhere}\nspec: {bogus: 1}\n";
  EXPECT_TRUE(Ask({.object = elsewhere}).allowed);
  const std::string gateway =
      "apiVersion: gateway.solo.io/v1\nkind: Gateway\n"
      "metadata: {name: x, namespace: default}\nspec: {bogus: 1}\n";
  EXPECT_TRUE(Ask({.object = gateway}).allowed);
  Rules everywhere = kStrict;
  everywhere.gateways_everywhere = true;
  EXPECT_FALSE(Ask({.object = gateway}, everywhere).allowed);
  EXPECT_TRUE(Ask({.object = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: default}\n"}).allowed);
  EXPECT_TRUE(Ask({.object = "apiVersion: gateway.solo.io/v9\nkind: VirtualService\nmetadata: {name: p}\n"}).allowed);
}

TEST_F(JudgeTest, TheAnnotationAndStatusUpdatesPass) {
  const std::string skip = ", annotations: {gateway.solo.io/skip_validation: 'true'}";
  const std::string bogus = "bogus: 1, directResponseAction: {status: 200}";
  EXPECT_TRUE(Ask({.object = Service("b", "b.com", kBadRoute, skip)}).allowed);
  EXPECT_TRUE(Ask({.object = Service("b", "b.com", bogus, skip)}).allowed);
  const std::string bad = Service("b", "b.com", bogus);
  EXPECT_TRUE(Ask({.operation = "UPDATE", .object = bad + "status: {a: b}\n", .old_object = bad}).allowed);
}

TEST_F(JudgeTest, AllowedChangesCountInLaterVerdictsUntilTheyAreSeen) {
  EXPECT_TRUE(Ask({.object = StaticUpstream("u"), .dry_run = true}, kStrictest).allowed);
  EXPECT_FALSE(Ask({.object = Service("a", "a.com", To("u"))}, kStrictest).allowed) << "a dry run does not count";
  EXPECT_TRUE(Ask({.object = StaticUpstream("u")}, kStrictest).allowed);
  EXPECT_TRUE(Ask({.object = Service("a", "a.com", To("u"))}, kStrictest).allowed);
  EXPECT_FALSE(Ask({.object = Service("b", "a.com", kReply)}, kStrictest).allowed) << "the domain is taken";
  // It is seen, and goes again.
  Apply(StaticUpstream("u"));
  EXPECT_TRUE(Ask({.object = Service("c", "c.com", To("u")), .dry_run = true}, kStrictest).allowed);
  Change gone;
  gone.key = {Kind::kUpstream, "default", "u"};
  pipeline.Stage(gone);
  pipeline.Commit();
  EXPECT_FALSE(Ask({.object = Service("c", "c.com", To("u"))}, kStrictest).allowed);
}

TEST_F(JudgeTest, AllowedChangesThatNeverComeAreForgotten) {
  EXPECT_TRUE(Ask({.object = StaticUpstream("u")}, kStrictest).allowed);
  now += Pending::kPatience;
  EXPECT_FALSE(Ask({.object = Service("a", "a.com", To("u"))}, kStrictest).allowed);
}

TEST_F(JudgeTest, OneBatchIsAsGoodAsOneByOne) {
  std::vector<Review> reviews;
  for (int i = 0; i < 100; ++i) {
    const std::string name = Cat("v", i);
    reviews.push_back(ReadAsked({.object = i % 2 == 0 ? Service(name, name + ".com", kReply)
                                                      : Service(name, Cat("v", i - 1, ".com"), kReply)}));
  }
  std::vector<const Review*> pointers;
  for (const Review& review : reviews) pointers.push_back(&review);
  const auto verdicts = judge.Decide(pointers, kStrict, now);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(verdicts[static_cast<size_t>(i)].allowed, i % 2 == 0) << i;
}

// What was only tried must not be taken for what the cluster has.
TEST_F(JudgeTest, WhatIsOnlyTriedLeavesNothingInASitting) {
  watched.insert("other");
  const auto in_other = [](const std::string& domain) {
    std::string text = Service("a", domain, kReply);
    return text.replace(text.find("namespace: default"), 18, "namespace: other");
  };
  Apply(in_other("x.com"));
  const Review goes = ReadAsked({.operation = "DELETE",
                                 .object = "",
                                 .old_object = "apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n"});
  const Review moves = ReadAsked({.operation = "UPDATE", .object = in_other("y.com"), .old_object = in_other("x.com")});
  const auto verdicts = judge.Decide({&goes, &moves}, kStrict, now);
  EXPECT_TRUE(verdicts[0].allowed);
  EXPECT_TRUE(verdicts[1].allowed);
  EXPECT_FALSE(Ask({.object = Service("b", "y.com", kReply)}).allowed) << "the move counts until it is seen";
}

TEST_F(JudgeTest, AListIsJudgedAsAWhole) {
  const auto list = [](const std::string& a, const std::string& b) {
    return "apiVersion: v1\nkind: List\nitems:\n- " + ToJson(a) + "\n- " + ToJson(b) + "\n";
  };
  EXPECT_TRUE(Ask({.object = list(Service("a", "a.com", To("u")), StaticUpstream("u"))}, kStrictest).allowed);
  EXPECT_FALSE(Ask({.object = list(Service("b", "b.com", kReply), Service("c", "b.com", kReply))}).allowed);
}

TEST_F(JudgeTest, NamespacesThatLeaveTakeTheirObjectsWithThem) {
  const auto ns = [](const std::string& name, const std::string& labels) {
    return "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + ", labels: {" + labels + "}}\n";
  };
  watched.insert("other");
  Apply(
      "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: u, namespace: other}\n"
      "spec: {static: {hosts: [{addr: 127.0.0.1, port: 80}]}}\n---\n" +
      Service("a", "a.com", "routeAction: {single: {upstream: {name: u, namespace: other}}}"));
  EXPECT_FALSE(Ask({.operation = "DELETE", .old_object = ns("other", "")}, kStrictest).allowed);
  EXPECT_FALSE(Ask({.operation = "UPDATE", .object = ns("other", "")}, kStrictest).allowed);
  EXPECT_TRUE(Ask({.operation = "UPDATE", .object = ns("other", "watch: me")}, kStrictest).allowed);
  EXPECT_TRUE(Ask({.operation = "DELETE", .old_object = ns("unwatched", "")}, kStrictest).allowed);
  EXPECT_TRUE(Ask({.operation = "DELETE", .old_object = ns("default", "")}, kStrictest).allowed);
}

}  // namespace
}  // namespace k8sgw::admission
