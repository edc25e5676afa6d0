#include "src/replicas/nack_exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/replicas/nack_list.h"
#include "src/sources/kube/http.h"
#include "src/sources/kube/test_environment.h"

namespace k8sgw::replicas {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

// Its watch is the test, and nobody takes what it writes.
class ExchangeTest : public testing::Test {
 protected:
  struct FakeWatch : kube::Watch {
    void Poke() override {}
    const std::string& version() const override { return none; }
    std::string none;
  };

  void SetUp() override {
    exchange.Begin([this](const kube::Resource& resource, const kube::ReflectorOptions& options,
                          const kube::Watch::Consumer& told) {
      EXPECT_EQ(resource, (kube::Resource{"", "v1", "configmaps", "gloo-system"}));
      EXPECT_EQ(options.field_selector, "metadata.name=gloo-refusals");
      consumer = told;
      return std::make_unique<FakeWatch>();
    });
  }
  void See(const std::string& data, const std::string& name = "gloo-refusals") {
    const yaml::Padded json(Cat(R"({"data":)", data, "}"));
    kube::Event event{kube::Event::Kind::kUpsert, {{"gloo-system", name, "u", "1"}, json.view()}};
    consumer.on_batch({true, {event}});
  }
  static kube::ClientConfig Nowhere() {
    kube::ClientConfig config;
    config.server = "http://127.0.0.1:1";
    return config;
  }
  static std::string Said(const std::string& text) { return Cat(R"({"b":")", JsonEscaped(text), "\"}"); }

  kube::testing::TestEnvironment environment;
  kube::Loop loop;
  kube::Credentials credentials{Nowhere(), environment.Get(), nullptr, {}};
  kube::HttpClient client{loop, credentials, {}};
  kube::Writer writer{client};
  std::vector<std::pair<std::string, std::vector<NackInForce>>> heard;
  std::vector<std::string> told;
  kube::Watch::Consumer consumer;
  NackExchange exchange{
      loop,
      writer,
      {"gloo-system", "me/0", [this](const std::string& message) { told.push_back(message); }},
      [] { return 0.5; },
      [this](const std::string& replica, std::vector<NackInForce> nacks) { heard.emplace_back(replica, nacks); }};

  const std::vector<NackInForce> nacks{{"gloo-system~gateway-proxy",
                                        xds::Type::kListener,
                                        "listener",
                                        "1",
                                        {{{Kind::kGateway, "gloo-system", "http"}, Severity::kError, "", "no", ""}}}};
};

TEST_F(ExchangeTest, OthersAreHeard) {
  size_t left_out = 0;
  const std::string list = WriteNacks(nacks, kMostListBytes, &left_out);
  See(Said(Cat(R"({"beat":0,"refusals":)", list, "}")), "other");
  EXPECT_THAT(heard, IsEmpty());
  See(Said(Cat(R"({"beat":0,"refusals":)", list, "}")));
  EXPECT_THAT(heard, ElementsAre(Pair("b", nacks)));
  See(Said(Cat(R"({"beat":0,"refusals":)", list, "}")));
  EXPECT_EQ(heard.size(), 1U);
  consumer.on_batch({false, {{kube::Event::Kind::kDelete, {{"gloo-system", "gloo-refusals", "u", "2"}, ""}}}});
  EXPECT_THAT(heard.back(), Pair("b", IsEmpty()));
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(ExchangeTest, NonsenseIsToldOnceAndSaysNothing) {
  for (const char* text : {"no", "{", "[]", R"({"refusals":7})"}) {
    See(Said(text));
    EXPECT_THAT(heard.back(), Pair("b", IsEmpty()));
  }
  EXPECT_THAT(told, ElementsAre(HasSubstr("what b says in the ConfigMap gloo-refusals is ignored: ")));
  See(Said(R"({"refusals":[]})"));
  See(Said(R"({"refusals":[7,8]})"));
  EXPECT_THAT(told, ElementsAre(HasSubstr("b"), HasSubstr("2 entries of it make no sense")));
}

TEST_F(ExchangeTest, OurOwnKeyIsNoOther) {
  See(R"({"me-0":"no"})");
  EXPECT_THAT(heard, IsEmpty());
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(ExchangeTest, WhatHasNoRoomIsToldOnce) {
  std::vector<NackInForce> many(1000, nacks.front());
  for (NackInForce& nack : many) nack.problems.front().message = std::string(500, 'x');
  exchange.Say(many);
  EXPECT_THAT(told, IsEmpty()) << "nobody reads it";
  See("{}");
  exchange.Say(many);
  exchange.Say(many);
  EXPECT_THAT(told, ElementsAre(HasSubstr("comes into no status")));
  exchange.Say({});
  exchange.Say(many);
  EXPECT_EQ(told.size(), 2U);
}

TEST_F(ExchangeTest, WhatIsToldMayBeAnsweredAtOnce) {
  size_t left_out = 0;
  NackExchange* self = nullptr;
  int times = 0;
  NackExchange other(
      loop, writer, {"gloo-system", "other", {}}, [] { return 0.5; },
      [&](const std::string&, std::vector<NackInForce> those) {
        ++times;
        self->Say(those);
        self->SetLeading(times % 2 == 0);
      });
  self = &other;
  kube::Watch::Consumer of_other;
  other.Begin([&](const auto&, const auto&, const kube::Watch::Consumer& watch) {
    of_other = watch;
    return std::make_unique<FakeWatch>();
  });
  const std::string list = JsonEscaped(Cat(R"({"refusals":)", WriteNacks(nacks, kMostListBytes, &left_out), "}"));
  const yaml::Padded json(Cat(R"({"data":{"b":")", list, R"(","c":")", list, "\"}}"));
  kube::Event event{kube::Event::Kind::kUpsert, {{"gloo-system", "gloo-refusals", "u", "1"}, json.view()}};
  of_other.on_batch({true, {event}});
  EXPECT_EQ(times, 2);
}

TEST_F(ExchangeTest, WhoEndsWaitsForWhatIsBeingWritten) {
  int flushed = 0;
  const auto flush = [&] { exchange.Flush(std::chrono::seconds(20), [&] { ++flushed; }); };
  flush();
  EXPECT_EQ(flushed, 1) << "nothing is";
  exchange.SetLeading(true);
  exchange.Say(nacks);
  See("{}");
  exchange.SetLeading(false);
  flush();
  EXPECT_EQ(flushed, 1) << "it is on its way, although more might come";
  for (int i = 0; i < 100 && flushed == 1; ++i) {
    pollfd ready{loop.fd(), POLLIN, 0};
    poll(&ready, 1, 1'000);
    loop.Process();
  }
  EXPECT_EQ(flushed, 2);
}

}  // namespace
}  // namespace k8sgw::replicas
