#include "src/discovery/driver/upstream_discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "src/base/text.h"
#include "src/discovery/test_json.h"

namespace k8sgw::discovery {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Ptr<Object<core::Service>> Service(const std::string& config = "") {
  auto service = std::make_shared<Object<core::Service>>();
  if (!config.empty()) service->annotations["gloo.solo.io/upstream_config"] = config;
  service->spec.ports.push_back({"http", 80, "", "TCP", ""});
  return service;
}

// A clock that is set by hand, and a server whose answers are given one by one.
struct DriverTest : ::testing::Test {
  struct Call {
    kube::WriteRequest request;
    kube::Writer::Done done;
  };

  UpstreamDiscovery::Environment World() {
    return {.now = [this] { return now; },
            .at = [this](Time when, std::function<void()> what) { timers.emplace(when, std::move(what)); },
            .send = [this](kube::WriteRequest request,
                           kube::Writer::Done done) { calls.push_back({std::move(request), std::move(done)}); },
            .random = [] { return 0.5; },
            .log = [this](const std::string& words) { log.push_back(words); },
            .leads = [this] { return leads; },
            .log_mended = [this](const std::string& words) { log.push_back("mended: " + words); }};
  }

  void SetUp() override {
    discovery.Complete();
    discovery.SetLeading(true);
  }

  void AddService(const std::string& name) {
    discovery.SetService({"x", name}, Service());
    discovery.Flush();
  }

  // The watch says how x-a-80 is now, "" that it is gone.
  void Observe(const std::string& json) {
    const yaml::Padded padded(json);
    kube::Event event;
    event.kind = json.empty() ? kube::Event::Kind::kDelete : kube::Event::Kind::kUpsert;
    event.object = {{"gloo-system", "x-a-80", "", ""}, padded.view()};
    discovery.Observe(event);
    discovery.Flush();
  }

  // The oldest call, answered; a good one has the object as it is now.
  std::string Answer(absl::Status status, std::chrono::seconds retry_after = 0s, int code = 0) {
    Call call = std::move(calls.front());
    calls.erase(calls.begin());
    kube::WriteResult result;
    result.status = std::move(status);
    result.details.retry_after = retry_after;
    result.details.code = code;
    result.body = call.request.body;
    call.done(result);
    return call.request.method;
  }

  void Wait(std::chrono::milliseconds time) {
    const Time end = now + time;
    while (!timers.empty() && timers.begin()->first <= end) {
      auto timer = timers.extract(timers.begin());
      now = std::max(now, timer.key());
      timer.mapped()();
    }
    now = end;
  }

  using Time = UpstreamDiscovery::Time;
  Time now{};
  std::multimap<Time, std::function<void()>> timers;
  std::vector<Call> calls;
  std::vector<std::string> log;
  bool leads = true;
  UpstreamDiscovery discovery{World(), Options{}, {.rate = {10, 3}, .at_once = 2}};
};

// There is no status of a Service to say it in.
TEST_F(DriverTest, AServiceThatGetsNoUpstreamIsSaidOnceInTheLog) {
  discovery.SetLeading(false);
  const auto wrong = AllOf(HasSubstr("warning: Service x/a: metadata.annotations: gloo.solo.io/upstream_config: "),
                           HasSubstr(": correct the annotation"));
  discovery.SetService({"x", "a"}, Service("["));
  discovery.Flush();
  discovery.Flush();
  EXPECT_THAT(log, ElementsAre(wrong));
  AddService("b");
  EXPECT_EQ(log.size(), 1U) << "nothing is said twice";
  EXPECT_EQ(discovery.problems(), 1U);
  AddService("a");
  EXPECT_THAT(log, ElementsAre(wrong, AllOf(StartsWith("mended: "), wrong)));
  EXPECT_EQ(discovery.problems(), 0U);
  log.clear();
  Observe("{\"metadata\":{\"name\":\"x-a-80\",\"namespace\":\"gloo-system\"},\"spec\":{}}");
  EXPECT_THAT(log, ElementsAre("warning: Service x/a: there is an Upstream x-a-80 that was not discovered, so none is "
                               "made: rename that Upstream, or use it"));
  log.clear();
  // Nobody asks for Upstreams any more.
  Options off;
  off.enabled = false;
  discovery.SetOptions(off);
  discovery.Flush();
  EXPECT_EQ(discovery.problems(), 0U);
}

TEST_F(DriverTest, NothingIsSaidOfServicesBeforeAllIsKnown) {
  UpstreamDiscovery early(World(), Options{}, {});
  early.SetService({"x", "a"}, Service("["));
  early.Flush();
  EXPECT_TRUE(log.empty());
  early.Complete();
  early.Flush();
  EXPECT_EQ(log.size(), 1U);
}

TEST_F(DriverTest, AWriteForEachService) {
  AddService("a");
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].request.target, "/apis/gloo.solo.io/v1/namespaces/gloo-system/upstreams");
  EXPECT_EQ(Answer(absl::OkStatus()), "POST");
  EXPECT_TRUE(discovery.IsSettled());
  discovery.SetService({"x", "a"}, nullptr);
  discovery.Flush();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].request.target, "/apis/gloo.solo.io/v1/namespaces/gloo-system/upstreams/x-a-80");
  EXPECT_EQ(Answer(absl::NotFoundError("gone already")), "DELETE");
  EXPECT_TRUE(discovery.IsSettled());
  EXPECT_TRUE(log.empty());
  EXPECT_EQ(discovery.counters(), (UpstreamDiscovery::Counters{.created = 1, .deleted = 1}));
}

TEST_F(DriverTest, WhoDoesNotLeadDoesNotWrite) {
  discovery.SetLeading(false);
  AddService("a");
  Wait(10s);
  EXPECT_TRUE(calls.empty());
  discovery.SetLeading(true);
  EXPECT_EQ(calls.size(), 1U);
}

// The timer that ends a leadership may come late, as when the process stood still.
TEST_F(DriverTest, WhoDoesNotLeadAnyLongerByTheClockDoesNotWrite) {
  leads = false;
  AddService("a");
  Wait(10s);
  EXPECT_TRUE(calls.empty());
  leads = true;
  Wait(1s);
  EXPECT_EQ(calls.size(), 1U);
}

// The watch and the answers are different streams: nothing says which of them is first.
TEST_F(DriverTest, AnAnswerThatIsOlderThanWhatTheWatchSaidChangesNothing) {
  AddService("a");
  const std::string json = R"({"metadata":{"name":"x-a-80","namespace":"gloo-system","uid":"u","resourceVersion":"1",
    "labels":{"discovered_by":"kubernetesplugin"}}})";
  Observe(json);
  Observe("");
  // It was made, somebody has deleted it, and now comes the answer that it was made.
  Answer(absl::OkStatus());
  Wait(10s);
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(Answer(absl::OkStatus()), "POST");
  EXPECT_TRUE(discovery.IsSettled());
}

TEST_F(DriverTest, AFewAtOnceAndAtABoundedRate) {
  for (const char* name : {"a", "b", "c", "d", "e"}) AddService(name);
  EXPECT_EQ(calls.size(), 2U);
  Answer(absl::OkStatus());
  Answer(absl::OkStatus());
  EXPECT_EQ(calls.size(), 1U) << "three at the beginning";
  Answer(absl::OkStatus());
  EXPECT_TRUE(calls.empty());
  Wait(100ms);
  EXPECT_EQ(calls.size(), 1U) << "then ten in a second";
  Answer(absl::OkStatus());
  Wait(100ms);
  ASSERT_EQ(calls.size(), 1U);
  Answer(absl::OkStatus());
  EXPECT_TRUE(discovery.IsSettled());
}

TEST_F(DriverTest, AConflictIsThoughtOverAgain) {
  AddService("a");
  Answer(absl::AlreadyExistsError("exists"));
  EXPECT_FALSE(discovery.IsSettled());
  EXPECT_TRUE(calls.empty());
  // The watch tells what is there: it is right already.
  Observe(R"({"metadata":{"name":"x-a-80","namespace":"gloo-system","labels":{"discovered_by":"kubernetesplugin"}},
    "spec":{"kube":{"serviceName":"a","serviceNamespace":"x","servicePort":80},"discoveryMetadata":{}}})");
  Wait(10s);
  EXPECT_TRUE(calls.empty());
  EXPECT_TRUE(discovery.IsSettled());
}

TEST_F(DriverTest, WhatIsRefusedIsTriedLaterAndLater) {
  AddService("a");
  int tries = 0;
  for (int i = 0; i < 600; ++i) {
    while (!calls.empty()) {
      ++tries;
      Answer(absl::InvalidArgumentError("spec.kube: no"), 0s, 422);
    }
    Wait(1s);
  }
  EXPECT_GT(tries, 10);
  EXPECT_LT(tries, 25) << "ten minutes";
  EXPECT_GT(log.size(), 5U);
  EXPECT_LE(log.size(), 11U) << "once a minute";
  AddService("b");
  ASSERT_FALSE(calls.empty()) << "others go on";
}

TEST_F(DriverTest, WhenEverythingIsRefusedTheServerHasLittleToDo) {
  for (int i = 0; i < 100; ++i) AddService(Cat("s", i));
  const auto refuse = [this](std::chrono::seconds time) {
    int tries = 0;
    for (auto step = 0ms; step < time; step += 100ms) {
      for (; !calls.empty(); ++tries) Answer(absl::PermissionDeniedError("no"), 0s, 403);
      Wait(100ms);
    }
    return tries;
  };
  refuse(60s);
  EXPECT_LT(refuse(300s), 300 * 10);
  EXPECT_LT(log.size(), 110U);
  AddService("new");
  ASSERT_FALSE(calls.empty()) << "what was not refused does not wait";
  refuse(1s);
  // The right is given back: what waited leaves as soon as one has come through.
  Time first{};
  while (!discovery.IsSettled()) {
    while (!calls.empty()) Answer(absl::OkStatus());
    if (first == Time() && discovery.counters().created > 0) first = now;
    Wait(100ms);
  }
  EXPECT_LT(now - first, 12s) << "at ten in a second";
  EXPECT_EQ(discovery.counters().created, 101U);
}

TEST_F(DriverTest, WhatTheClusterTakesOutAgainDoesNotGoRoundAndRound) {
  AddService("a");
  int tries = 0;
  for (int i = 0; i < 60; ++i) {
    while (!calls.empty()) {
      ++tries;
      Call call = std::move(calls.front());
      calls.erase(calls.begin());
      kube::WriteResult result;
      result.body = R"({"metadata":{"name":"x-a-80","namespace":"gloo-system",
        "labels":{"discovered_by":"kubernetesplugin"}},"spec":{}})";
      call.done(result);
    }
    Wait(1s);
  }
  EXPECT_GT(tries, 3);
  EXPECT_LT(tries, 12);
}

TEST_F(DriverTest, WhenNothingCanBeWrittenAllWait) {
  for (const char* name : {"a", "b", "c"}) AddService(name);
  Answer(absl::UnavailableError("away"));
  Answer(absl::UnavailableError("away"));
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(log.size(), 1U) << "once for all that were on their way";
  Wait(400ms);
  EXPECT_TRUE(calls.empty());
  Wait(200ms);
  ASSERT_EQ(calls.size(), 2U);
  Answer(absl::ResourceExhaustedError("slowly"), 20s);
  Answer(absl::OkStatus());
  Wait(19s);
  EXPECT_TRUE(calls.empty());
  Wait(2s);
  while (!calls.empty()) Answer(absl::OkStatus());
  EXPECT_TRUE(discovery.IsSettled());
}

TEST_F(DriverTest, AnAnswerThatComesTooLateIsNobodys) {
  auto gone = std::make_unique<UpstreamDiscovery>(World(), Options{}, UpstreamDiscovery::Limits{});
  gone->Complete();
  gone->SetLeading(true);
  gone->SetService({"x", "a"}, Service());
  gone->Flush();
  ASSERT_EQ(calls.size(), 1U);
  gone.reset();
  Answer(absl::OkStatus());
  Wait(100s);
}

TEST_F(DriverTest, WhatIsHeardCountsWhenItIsTold) {
  AddService("b");
  discovery.SetHeard("services", "", false);
  Observe(
      R"({"metadata":{"name":"x-a-80","namespace":"gloo-system","uid":"u","labels":{"discovered_by":"kubernetesplugin"}},
    "spec":{"kube":{"serviceName":"a","serviceNamespace":"x","servicePort":80},"discoveryMetadata":{}}})");
  discovery.SetHeard("services", "", true);
  // An answer that comes now makes it look at what is due.
  Answer(absl::OkStatus());
  discovery.SetLeading(false);
  discovery.SetLeading(true);
  EXPECT_TRUE(calls.empty());
  AddService("a");
  EXPECT_TRUE(calls.empty()) << "it was there";
  discovery.SetService({"x", "a"}, nullptr);
  discovery.Flush();
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(Answer(absl::OkStatus()), "DELETE");
}

TEST_F(DriverTest, AnAnswerAboutADeletionDoesNotHideWhatPeopleMadeMeanwhile) {
  AddService("a");
  Answer(absl::OkStatus());
  discovery.SetService({"x", "a"}, nullptr);
  discovery.Flush();
  Observe("");
  Observe(R"({"metadata":{"name":"x-a-80","namespace":"gloo-system","uid":"theirs"}})");
  EXPECT_EQ(Answer(absl::OkStatus()), "DELETE");
  AddService("a");
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(discovery.reconciler().problems().size(), 1U);
}

}  // namespace
}  // namespace k8sgw::discovery
