// The drivers against a real HTTP/2 server. What they drive has its own tests.
#include "src/sources/kube/list_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "src/sources/kube/leader_election.h"
#include "src/sources/kube/test_h2_server.h"
#include "src/sources/kube/test_loop.h"
#include "src/sources/kube/text.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::TestCertificates;
using testing::TestH2Server;

double Half() { return 0.5; }

class DriverTest : public ::testing::Test {
 protected:
  DriverTest() {
    certificates.MakeAuthority("ca");
    certificates.MakeCertificate("server", "ca", "IP:127.0.0.1");
    server =
        std::make_unique<TestH2Server>(std::vector{certificates.Path("server.crt"), certificates.Path("server.key")});
    config.server = server->Url();
    config.ca.file = certificates.Path("ca.crt");
  }
  HttpClient& client() {
    if (!client_) {
      credentials_ = std::make_unique<Credentials>(config, RealEnvironment(), ExecRunner(), Credentials::Options{});
      client_ = std::make_unique<HttpClient>(loop, *credentials_, options);
    }
    return *client_;
  }
  void Follow(const std::string& count, const std::string& plural = "xs") {
    ReflectorOptions reflector_options;
    reflector_options.backoff.first = milliseconds(20);
    watch = std::make_unique<ListWatch>(client(), Resource{count, "v1", plural, ""}, reflector_options, Half,
                                        ListWatch::Consumer{[this](const Batch& batch) { Take(batch); },
                                                            [this](const Health& health) { told = health; }});
  }
  void Take(const Batch& batch) {
    ++batches;
    syncs += batch.sync;
    if (batch.sync) known_at_sync = batch.events.size();
    for (const Event& event : batch.events) {
      EXPECT_THAT(std::string(event.object.json), HasSubstr("xxx"));
      EXPECT_TRUE(names.insert(event.object.meta.name).second) << event.object.meta.name << " was told twice";
    }
  }
  bool Until(const std::function<bool()>& done, milliseconds limit = seconds(20)) {
    return RunUntil(loop, done, limit);
  }
  WriteResult Send(Writer& writer, WriteRequest request) {
    std::optional<WriteResult> result;
    writer.Send(std::move(request), [&](const WriteResult& its_result) { result = its_result; });
    EXPECT_TRUE(Until([&] { return result.has_value(); }));
    return result.value_or(WriteResult());
  }

  TestCertificates certificates;
  std::unique_ptr<TestH2Server> server;
  Loop loop;
  ClientConfig config;
  HttpClient::Options options;
  std::unique_ptr<Credentials> credentials_;
  std::unique_ptr<HttpClient> client_;
  std::unique_ptr<ListWatch> watch;
  std::set<std::string> names;
  int batches = 0;
  int syncs = 0;
  size_t known_at_sync = 0;
  Health told;
};

TEST_F(DriverTest, AGroupThatTheServerDoesNotServeIsGone) {
  const auto history = std::make_shared<History>();
  ListWatch others(client(), Resource{"5", "v1", "xs", ""}, {.history = history}, Half, {[](const Batch&) {}, {}});
  ReflectorOptions gone{.absent_retry = milliseconds(20), .gone_after = milliseconds(50), .history = history};
  watch = std::make_unique<ListWatch>(client(), Resource{"missing.x", "v1", "xs", ""}, gone, Half,
                                      ListWatch::Consumer{[this](const Batch& batch) { Take(batch); },
                                                          [this](const Health& health) { told = health; }});
  ASSERT_TRUE(Until([&] { return syncs == 1; }));
  EXPECT_EQ(known_at_sync, 0u);
  EXPECT_EQ(told.phase, Health::Phase::kAbsent);
  EXPECT_FALSE(told.synced);
}

TEST_F(DriverTest, FollowsAKind) {
  Follow("1000");
  EXPECT_EQ(told.phase, Health::Phase::kConnecting);
  ASSERT_TRUE(Until([&] { return syncs > 0; }));
  EXPECT_EQ(known_at_sync, 1000u) << "all at once";
  EXPECT_EQ(told.phase, Health::Phase::kWatching);
  EXPECT_TRUE(told.synced);
  ASSERT_TRUE(Until([&] { return names.size() == 1050; }));
  EXPECT_GT(batches, 10) << "changes are told as they come";
  EXPECT_EQ(syncs, 1);
}

TEST_F(DriverTest, ConnectionsThatAreCutLoseAndRepeatNothing) {
  Follow("20", "cut");
  ASSERT_TRUE(Until([&] { return names.size() == 70; }));
  EXPECT_EQ(syncs, 1);
  EXPECT_EQ(watch->reflector().resource_version(), "70");
}

TEST_F(DriverTest, AConsumerMayHoldTheServerBack) {
  Follow("1000");
  watch->Pause();
  EXPECT_FALSE(Until([&] { return batches > 0; }, milliseconds(300)));
  watch->Resume();
  EXPECT_TRUE(Until([&] { return names.size() == 1050; }));
}

TEST_F(DriverTest, AServerThatHangsIsLeftAndFoundAgain) {
  options.ping_after = milliseconds(100);
  options.ping_timeout = milliseconds(1500);
  Follow("20");
  ASSERT_TRUE(Until([&] { return names.size() > 25; }));
  server->Freeze();
  ASSERT_TRUE(Until([&] { return told.phase == Health::Phase::kRetrying; }));
  EXPECT_THAT(std::string(ToStd(told.error.message())), HasSubstr("the connection is dead"));
  EXPECT_TRUE(told.synced);
  server->Thaw();
  ASSERT_TRUE(Until([&] { return names.size() == 70 && told.phase == Health::Phase::kWatching; }));
  EXPECT_EQ(syncs, 1);
}

TEST_F(DriverTest, AServerThatIsAwayIsNamed) {
  server.reset();
  Follow("20");
  ASSERT_TRUE(Until([&] { return told.phase == Health::Phase::kRetrying; }));
  EXPECT_THAT(std::string(ToStd(told.error.message())), HasSubstr(config.server));
  EXPECT_FALSE(told.synced);
}

TEST_F(DriverTest, NobodyIsToldAfterTheEnd) {
  Follow("1000");
  ASSERT_TRUE(Until([&] { return syncs > 0; }));
  watch.reset();
  const size_t before = names.size();
  Until([] { return false; }, milliseconds(200));
  EXPECT_EQ(names.size(), before);
  EXPECT_EQ(client().running(), 0u);
}

TEST_F(DriverTest, Writes) {
  Writer writer(client());
  WriteResult result = Send(writer, {"PUT", "/conflict", "application/json", "{}"});
  EXPECT_EQ(result.status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(result.details.reason, "Conflict");
  result = Send(writer, {"GET", "/status/429", "", ""});
  EXPECT_EQ(result.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(result.details.retry_after, seconds(7));
  result = Send(writer, {"POST", "/echo", "application/json", "{\"a\":1}"});
  EXPECT_TRUE(result.status.ok());
  EXPECT_THAT(result.body, HasSubstr(R"("body": "{\"a\":1}")"));
  result = Send(writer, {"GET", "/large/20000000", "", ""});
  EXPECT_EQ(result.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(result.body, "");
  result = Send(writer, {"GET", "/silent", "", "", milliseconds(50)});
  EXPECT_EQ(result.status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(writer.running(), 0u);
}

TEST_F(DriverTest, ATokenThatWasRotatedIsReadAgainAtOnce) {
  config.token.file = certificates.Path("token");
  const auto write = [&](const char* token) { std::ofstream(config.token.file) << token; };
  write("old");
  Writer writer(client());
  EXPECT_TRUE(absl::IsUnauthenticated(Send(writer, {"GET", "/private", "", ""}).status));
  write("good");
  EXPECT_TRUE(Send(writer, {"GET", "/private", "", ""}).status.ok());
}

TEST_F(DriverTest, AWriterThatEndsTellsNobody) {
  bool told_result = false;
  {
    Writer writer(client());
    writer.Send({"GET", "/lines/20", "", ""}, [&](const WriteResult&) { told_result = true; });
    Until([] { return false; }, milliseconds(50));
  }
  Until([] { return false; }, milliseconds(300));
  EXPECT_FALSE(told_result);
}

TEST_F(DriverTest, LeadersFollowEachOther) {
  Writer writer(client());
  const auto lease = [](const char* identity) {
    return LeaseOptions{.ns = "sys",
                        .name = "gloo",
                        .identity = identity,
                        .duration = milliseconds(3000),
                        .renew_deadline = milliseconds(2000),
                        .retry_period = milliseconds(50)};
  };
  std::string history;
  const auto note = [&](const char* who) {
    return [&history, who](bool leading) { history += (leading ? "+" : "-") + std::string(who); };
  };
  LeaderElection first(loop, writer, lease("a"), Half, note("a"), nullptr);
  ASSERT_TRUE(Until([&] { return first.IsLeader(); }));
  auto second = std::make_unique<LeaderElection>(loop, writer, lease("b"), Half, note("b"), nullptr);
  EXPECT_FALSE(Until([&] { return second->IsLeader(); }, milliseconds(3500)));
  EXPECT_TRUE(first.IsLeader());
  bool released = false;
  first.Release([&] { released = true; });
  ASSERT_TRUE(Until([&] { return released && second->IsLeader(); }, milliseconds(2900)));
  EXPECT_EQ(history, "+a-a+b");
  // One that dies does not release.
  second.reset();
  LeaderElection third(loop, writer, lease("c"), Half, note("c"), nullptr);
  EXPECT_FALSE(Until([&] { return third.IsLeader(); }, milliseconds(1000)));
  EXPECT_TRUE(Until([&] { return third.IsLeader(); }));
  EXPECT_EQ(history, "+a-a+b+c");
}

}  // namespace
}  // namespace k8sgw::kube
