#include "src/status/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"
#include "src/base/utf8.h"

namespace k8sgw::status {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

const ResourceKey kObject{Kind::kVirtualService, "n", "a"};
const ProxyRef kFirst{"gloo-system", "gateway-proxy"};
const ProxyRef kSecond{"gloo-system", "other"};

ProblemTable::Finding Error(const std::string& path, const std::string& message, const std::string& fix = "",
                            std::vector<Name> roles = {}) {
  return {{kObject, Severity::kError, path, message, fix}, std::move(roles)};
}
ProblemTable::Finding Warning(const std::string& path, const std::string& message, std::vector<Name> roles = {}) {
  return {{kObject, Severity::kWarning, path, message, ""}, std::move(roles)};
}
Entry Make(const std::vector<ProblemTable::Finding>& findings, const std::vector<ProxyRef>& proxies = {},
           const Limits& limits = {}) {
  return MakeEntry(Kind::kVirtualService, findings, proxies, limits);
}

TEST(VerdictTest, WithoutProblemsItIsAccepted) {
  EXPECT_EQ(Make({}), (Entry{State::kAccepted, "", "gateway", {}}));
  EXPECT_EQ(MakeEntry(Kind::kUpstream, {}, {}, {}).reported_by, "gloo");
}

TEST(VerdictTest, ReasonsAreInThePublishedForm) {
  Entry entry = Make({Error("a.b", "is wrong", "mend it")});
  EXPECT_EQ(entry.state, State::kRejected);
  EXPECT_EQ(entry.reason, "1 error occurred:\n\t* a.b: is wrong: mend it\n\n");
  entry = Make({Error("", "x"), Error("c", "y"), Warning("d", "z"), Warning("", "w")});
  EXPECT_EQ(entry.state, State::kRejected);
  EXPECT_EQ(entry.reason, "2 errors occurred:\n\t* x\n\t* c: y\n\n\nwarning: \n  d: z\nw");
  entry = Make({Warning("d", "z")});
  EXPECT_EQ(entry.state, State::kWarning);
  EXPECT_EQ(entry.reason, "warning: \n  d: z");
}

TEST(VerdictTest, EachProxySaysWhatIsWrongInIt) {
  const Entry entry = Make({Error("a", "x", "", {"gloo-system~other"}), Warning("b", "y"),
                            Warning("c", "z", {"gloo-system~gateway-proxy", "gloo-system~other"})},
                           {kFirst, kSecond});
  EXPECT_EQ(entry.state, State::kRejected);
  ASSERT_EQ(entry.subresources.size(), 2u);
  EXPECT_EQ(entry.subresources.at("*v1.Proxy.gateway-proxy_gloo-system"),
            (Entry{State::kWarning, "warning: \n  c: z", "gloo", {}}));
  EXPECT_EQ(entry.subresources.at("*v1.Proxy.other_gloo-system").state, State::kRejected);
}

TEST(VerdictTest, LongReasonsAreCutBetweenCharacters) {
  for (size_t more = 0; more < 4; ++more) {
    std::string text(more, 'x');
    while (text.size() < 3000) text += "ö€";
    const Entry entry = Make({Error("a", text, "", {"gloo-system~gateway-proxy"}), Error("b", "y")}, {kFirst});
    const std::string& inner = entry.subresources.begin()->second.reason;
    for (const auto& [reason, limit] : {std::pair(entry.reason, 1024u), std::pair(inner, 512u)}) {
      EXPECT_LE(reason.size(), limit);
      EXPECT_GT(reason.size(), limit - 4);
      EXPECT_THAT(reason, EndsWith("…"));
      for (std::string_view rest = reason; !rest.empty();) {
        uint32_t code = 0;
        const size_t length = DecodeUtf8(rest, &code);
        ASSERT_GT(length, 0u);
        rest.remove_prefix(length);
      }
    }
    EXPECT_THAT(entry.reason, StartsWith("2 errors occurred:\n\t* a: "));
  }
  EXPECT_THAT(Make({Error("a", std::string(3000, 'x'))}, {}, kWidestLimits).reason, EndsWith("xxx\n\n"));
  // What just fits is not cut.
  const std::string fits(1024 - Make({Error("", "")}).reason.size(), 'x');
  EXPECT_EQ(Make({Error("", fits)}).reason.size(), 1024u);
  EXPECT_THAT(Make({Error("", fits)}).reason, EndsWith("x\n\n"));
}

TEST(VerdictTest, EvenTheWidestEntryFitsIntoAnObject) {
  std::vector<ProblemTable::Finding> findings;
  std::vector<ProxyRef> proxies;
  std::vector<Name> roles;
  for (int i = 0; i < 300; ++i) proxies.push_back({"n", Cat("p", i)});
  for (const ProxyRef& proxy : proxies) roles.emplace_back(Cat("n~", proxy.name.str()));
  for (int i = 0; i < 6000; ++i)
    findings.push_back(Error(Cat("field[", i, "]"), std::string(60, 'x'), "mend it", roles));
  const Entry entry = Make(findings, proxies, kWidestLimits);
  EXPECT_EQ(entry.subresources.size(), 100u);
  size_t size = entry.reason.size();
  for (const auto& [name, inner] : entry.subresources) size += inner.reason.size();
  EXPECT_LT(size, 1u << 20);
}

TEST(VerdictTest, WhatIsNotUtf8IsReplaced) {
  EXPECT_EQ(Make({Warning("", "a\xff\xc3")}).reason, "warning: \n  a\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(VerdictTest, KindsWithoutStatus) {
  EXPECT_EQ(ReporterOf(Kind::kSecret), "");
  EXPECT_EQ(ReporterOf(Kind::kArtifact), "");
  EXPECT_EQ(ReporterOf(Kind::kHttpListenerOption), "gloo-kube-gateway");
  EXPECT_EQ(ReporterOf(Kind::kGatewayParameters), "");
  EXPECT_EQ(ReporterOf(Kind::kDirectResponse), "");
}

TEST(VerdictTest, WhatOnlyAnotherEditionReadsIsAccepted) {
  ProblemTable::Finding notice{{{}, Severity::kNotice, "", "has no effect", ""}, {}};
  const Entry accepted{State::kAccepted, "warning: \n  has no effect", "gloo", {}};
  EXPECT_EQ(MakeEntry(Kind::kAuthConfig, {notice}, {}, {}), accepted);
  EXPECT_EQ(MakeEntry(Kind::kRateLimitConfig, {notice}, {}, {}), accepted);
  EXPECT_EQ(MakeEntry(Kind::kListenerOption, {notice}, {}, {}).state, State::kWarning);
  EXPECT_EQ(MakeEntry(Kind::kAuthConfig, {notice, Warning("", "x")}, {}, {}).state, State::kWarning);
  // A RateLimitConfig has no word for it.
  EXPECT_EQ(MakeEntry(Kind::kRateLimitConfig, {notice, Warning("", "x")}, {}, {}).state, State::kAccepted);
  EXPECT_EQ(MakeEntry(Kind::kRateLimitConfig, {Error("a", "x")}, {}, {}).state, State::kRejected);
}

}  // namespace
}  // namespace k8sgw::status
