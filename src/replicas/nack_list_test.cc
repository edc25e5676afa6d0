#include "src/replicas/nack_list.h"

#include <gtest/gtest.h>

#include "src/base/text.h"

namespace k8sgw::replicas {
namespace {

NackInForce Refused(const std::string& name, const std::string& message = "Envoy refused it") {
  return {"gloo-system~gateway-proxy",
          xds::Type::kListener,
          name,
          "0a1b",
          {{{Kind::kGateway, "gloo-system", name}, Severity::kError, "", message, "change what Envoy names"}}};
}

std::string Text(const std::vector<NackInForce>& nacks, size_t most = kMostListBytes) {
  size_t left_out = 0;
  return Cat(R"({"beat":3,"refusals":)", WriteNacks(nacks, most, &left_out), "}");
}

TEST(NackListTest, IsReadAsItWasWritten) {
  NackInForce routes = Refused("a", "say \"no\"\n\t\\ … \x01");
  routes.type = xds::Type::kRoute;
  routes.version = "";
  routes.problems.push_back({{Kind::kVirtualService, "shop", "b"}, Severity::kError, "virtualHost", "m", ""});
  const std::vector<NackInForce> nacks = {routes, Refused("b")};
  const auto read = ReadNacks(Text(nacks));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, (NackList{nacks, 0}));
}

TEST(NackListTest, NothingHasNoText) {
  size_t left_out = 7;
  EXPECT_EQ(WriteNacks({}, kMostListBytes, &left_out), "");
  EXPECT_EQ(left_out, 0U);
}

TEST(NackListTest, OneThatIsTooLargeHidesNoOther) {
  const std::vector<NackInForce> nacks = {Refused("a", std::string(kMostListBytes, 'x')), Refused("b")};
  size_t left_out = 0;
  EXPECT_NE(WriteNacks(nacks, kMostListBytes, &left_out), "");
  EXPECT_EQ(left_out, 1U);
}

TEST(NackListTest, IsBounded) {
  std::vector<NackInForce> nacks;
  for (int i = 0; i < 1000; ++i) nacks.push_back(Refused(Cat("listener-", i), std::string(500, 'x')));
  size_t left_out = 0;
  const std::string text = WriteNacks(nacks, kMostListBytes, &left_out);
  EXPECT_LE(text.size(), kMostListBytes);
  EXPECT_GT(text.size(), kMostListBytes - 2000);
  const auto read = ReadNacks(Cat(R"({"refusals":)", text, "}"));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->nacks.size() + left_out, 1000U);
  EXPECT_EQ(read->left_out, 0U);
}

TEST(NackListTest, WhatIsNoListIsAnError) {
  for (const char* text : {"", "no", "[]", "null", "7", "{}", R"({"refusals":{}})", R"({"refusals":null})",
                           R"({"refusals":[)", R"({"refusals":[],"refusals":[]})", "\xff\xfe"}) {
    EXPECT_FALSE(ReadNacks(text).ok()) << text;
  }
  EXPECT_FALSE(ReadNacks(std::string(1 << 20, '[')).ok());
}

// One of them does not spoil the others.
TEST(NackListTest, WhatNoReplicaWritesIsLeftOut) {
  const std::string good = Text({Refused("a")});
  const size_t end = good.size() - 2;
  const std::vector<std::pair<std::string, std::string>> edits = {
      {R"("kind":"Gateway")", R"("kind":"Nonsense")"},
      {R"("kind":"Gateway")", R"("kind":7)"},
      {R"("kind":"Gateway",)", ""},
      {R"("namespace":"gloo-system")", R"("namespace":{"a":[]})"},
      {"envoy.config.listener.v3.Listener", "envoy.config.listener.v3.Other"},
      {R"("role":"gloo-system~gateway-proxy")", R"("role":"")"},
      {R"("version":"0a1b")", R"("version":null)"},
      {R"("version":"0a1b")", R"("version":7)"},
      {R"("message":"Envoy refused it")", Cat(R"("message":")", std::string(5000, 'x'), "\"")},
      {R"("problems":[)", R"("problems":[[],)"},
  };
  const std::string entry = good.substr(good.find('[') + 1, end - good.find('[') - 1);
  for (const auto& [from, to] : edits) {
    std::string bad = entry;
    ASSERT_NE(bad.find(from), std::string::npos) << from;
    bad.replace(bad.find(from), from.size(), to);
    const auto read = ReadNacks(Cat(R"({"refusals":[)", bad, ",", entry, "]}"));
    ASSERT_TRUE(read.ok()) << bad;
    EXPECT_EQ(*read, (NackList{{Refused("a")}, 1})) << bad;
  }
  const auto read = ReadNacks(Cat(R"({"refusals":[1,"a",null,{},[],)", entry, R"(],"new":{"x":1}})"));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, (NackList{{Refused("a")}, 5}));
}

}  // namespace
}  // namespace k8sgw::replicas
