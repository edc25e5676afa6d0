// Who is listened to, and who gets anything; `make tsan` looks for races in it.
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <optional>
#include <random>
#include <thread>

#include "src/xds/hub.h"
#include "src/xds/test_authenticator.h"
#include "src/xds/test_resource.h"

namespace k8sgw::xds {
namespace {

using namespace std::chrono_literals;

constexpr char kRole[] = "a~b";
constexpr auto kPatience = 20s;

// A stream that remembers how far it came.
class TestStream final : public Stream {
 public:
  explicit TestStream(Hub& hub) : Stream(hub) {}

  void Begin(std::vector<std::string> authorization) {
    Open({.delta = true, .single_type = std::nullopt}, {std::move(authorization), "ipv4:10.0.0.7:1"});
  }
  // Asks for all clusters once it is listened to; false when it never is.
  bool Subscribe(const std::string& role) {
    if (!Await([this] { return listens_ > 0 || refused_; }) || refused()) return false;
    Request request;
    request.role = role;
    request.type_url = TypeUrl(Type::kCluster);
    Receive(request);
    return true;
  }
  bool AwaitSent(int count) {
    return Await([&] { return sent_ >= count; });
  }
  // The error that it ended with; nullopt when it did not in time.
  std::optional<absl::Status> AwaitRefused() {
    Await([this] { return refused_.has_value(); });
    return refused();
  }
  std::optional<absl::Status> refused() {
    std::lock_guard<std::mutex> lock(mutex_);
    return refused_;
  }
  int listens() {
    std::lock_guard<std::mutex> lock(mutex_);
    return listens_;
  }
  int sent() {
    std::lock_guard<std::mutex> lock(mutex_);
    return sent_;
  }

 private:
  void Prepare(const Response&) override {}
  void StartSending() override {
    Change([this] { ++sent_; });
  }
  void StartListening() override {
    Change([this] { ++listens_; });
  }
  void StartRefusing(const absl::Status& status) override {
    Change([&] {
      EXPECT_FALSE(refused_) << "refused twice";
      refused_ = status;
    });
  }
  void Change(const std::function<void()>& change) {
    std::lock_guard<std::mutex> lock(mutex_);
    change();
    changed_.notify_all();
  }
  bool Await(const std::function<bool()>& condition) {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, kPatience, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int listens_ = 0;  // these are guarded by mutex_
  int sent_ = 0;
  std::optional<absl::Status> refused_;
};

struct Access : ::testing::Test {
  explicit Access(std::chrono::milliseconds holds_for = 1h) : authenticator(holds_for) {
    hub.emplace(HubOptions{{.unknown_role_grace = 1h, .fallback_role = "fallback", .on_nack = nullptr},
                           &authenticator,
                           [this](const Refusal& refusal) {
                             std::lock_guard<std::mutex> lock(mutex);
                             refusals.push_back(refusal);
                           }});
    hub->Apply(kRole, {{Make(Type::kCluster, "secret", "1")}, {}});
  }
  std::shared_ptr<TestStream> Begin(std::vector<std::string> authorization) {
    auto stream = std::make_shared<TestStream>(*hub);
    stream->Begin(std::move(authorization));
    return stream;
  }
  std::vector<Refusal> told() {
    std::lock_guard<std::mutex> lock(mutex);
    return refusals;
  }
  // What a fetch of all clusters gives.
  absl::StatusOr<std::optional<Response>> Fetch(std::vector<std::string> authorization, const std::string& role) {
    Request request;
    request.role = role;
    request.type_url = TypeUrl(Type::kCluster);
    std::promise<absl::StatusOr<std::optional<Response>>> answer;
    hub->Fetch({std::move(authorization), "ipv4:10.0.0.7:1"}, request, [&](const auto& got) { answer.set_value(got); });
    return answer.get_future().get();
  }

  TestAuthenticator authenticator;
  std::mutex mutex;
  std::vector<Refusal> refusals;  // guarded by mutex
  std::optional<Hub> hub;
};

TEST_F(Access, WhoIsNotKnownIsNotListenedTo) {
  // Three times, as the authenticator answers on three threads.
  for (int i = 0; i < 3; ++i) {
    const auto stream = Begin({});
    const auto refused = stream->AwaitRefused();
    ASSERT_TRUE(refused);
    EXPECT_TRUE(absl::IsUnauthenticated(*refused));
    EXPECT_EQ(stream->listens(), 0);
    EXPECT_EQ(stream->sent(), 0);
    EXPECT_FALSE(stream->Close()) << "it is closed";
  }
  EXPECT_EQ(hub->access_stats().unauthenticated, 3);
  EXPECT_EQ(hub->stats().streams, 0);
  ASSERT_EQ(told().size(), 3U);
  EXPECT_EQ(told()[0].peer, "ipv4:10.0.0.7:1");
}

TEST_F(Access, OneGetsItsRoleAndNoOther) {
  const auto good = Begin({kRole});
  ASSERT_TRUE(good->Subscribe(kRole));
  EXPECT_TRUE(good->AwaitSent(1));
  const auto thief = Begin({"a~c"});
  ASSERT_TRUE(thief->Subscribe(kRole));
  const auto refused = thief->AwaitRefused();
  ASSERT_TRUE(refused);
  EXPECT_TRUE(absl::IsPermissionDenied(*refused));
  EXPECT_EQ(thief->sent(), 0);
  // A change goes to the one only.
  good->Sent();
  hub->Apply(kRole, {{Make(Type::kCluster, "secret", "2")}, {}});
  EXPECT_EQ(thief->sent(), 0);
  EXPECT_EQ(hub->access_stats().admitted, 1);
  EXPECT_EQ(hub->access_stats().denied, 1);
  ASSERT_EQ(told().size(), 1U);
  EXPECT_EQ(told()[0].role, kRole);
  EXPECT_TRUE(good->Close());
}

TEST_F(Access, ALaterRequestForAnotherRoleChangesNothing) {
  hub->Apply("a~c", {{Make(Type::kCluster, "other", "1"), Make(Type::kCluster, "more", "1")}, {}});
  const auto stream = Begin({kRole});
  ASSERT_TRUE(stream->Subscribe(kRole));
  ASSERT_TRUE(stream->AwaitSent(1));
  stream->Sent();
  Request request;
  request.role = "a~c";
  request.type_url = TypeUrl(Type::kCluster);
  request.subscribe = {"other"};
  stream->Receive(request);
  stream->Sent();
  hub->Apply("a~c", {{Make(Type::kCluster, "other", "2")}, {}});
  EXPECT_EQ(hub->stats().resources_sent, 1);
  EXPECT_TRUE(stream->Close());
}

TEST_F(Access, FetchesAreAskedAboutToo) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(absl::IsUnauthenticated(Fetch({}, kRole).status()));
    EXPECT_TRUE(absl::IsPermissionDenied(Fetch({"a~c"}, kRole).status()));
    const auto got = Fetch({kRole}, kRole);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ((*got)->resources.size(), 1U);
  }
  authenticator.away = true;
  EXPECT_TRUE(absl::IsUnavailable(Fetch({kRole}, kRole).status()));
  EXPECT_EQ(hub->access_stats().admitted, 3);
  EXPECT_EQ(hub->access_stats().unauthenticated, 3);
  EXPECT_EQ(hub->access_stats().denied, 3);
  EXPECT_EQ(hub->access_stats().unavailable, 1);
}

struct AccessForAWhile : Access {
  AccessForAWhile() : Access(5ms) {}
};

TEST_F(AccessForAWhile, StreamsEndWhenTheirCallerIsNoLongerKnown) {
  hub->Apply("a~c", {{Make(Type::kCluster, "other", "1")}, {}});
  const auto goes = Begin({kRole});
  const auto stays = Begin({"a~c"});
  ASSERT_TRUE(goes->Subscribe(kRole));
  ASSERT_TRUE(stays->Subscribe("a~c"));
  ASSERT_TRUE(goes->AwaitSent(1));
  ASSERT_TRUE(stays->AwaitSent(1));
  authenticator.Revoke(kRole);
  const auto refused = goes->AwaitRefused();
  ASSERT_TRUE(refused);
  EXPECT_TRUE(absl::IsUnauthenticated(*refused));
  const int asked = authenticator.asked;
  while (authenticator.asked < asked + 9) std::this_thread::yield();
  EXPECT_FALSE(stays->refused());
  EXPECT_EQ(hub->access_stats().admitted, 2);
  EXPECT_TRUE(stays->Close());
}

TEST_F(AccessForAWhile, ManyComeAndGoWhileTheyAreAskedAbout) {
  std::vector<std::thread> clients;
  for (unsigned seed = 1; seed <= 4; ++seed) {
    clients.emplace_back([this, seed] {
      std::minstd_rand random(seed);
      for (int i = 0; i < 100; ++i) {
        const std::vector<std::string> authorization(random() % 4 != 0, random() % 4 ? kRole : "a~c");
        const auto stream = Begin(authorization);
        // Some leave before they are known; answers about them come later, or when the hub is gone.
        if (random() % 3 == 0) {
          stream->Close();
          continue;
        }
        if (stream->Subscribe(kRole) && authorization.front() == kRole) {
          EXPECT_TRUE(stream->AwaitSent(1));
          if (random() % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(random() % 10));
          EXPECT_TRUE(stream->Close());
        } else {
          EXPECT_TRUE(stream->AwaitRefused());
          EXPECT_EQ(stream->sent(), 0);
        }
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    hub->Apply(kRole, {{Make(Type::kCluster, "secret", std::to_string(i))}, {}});
    std::this_thread::sleep_for(1ms);
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(hub->stats().streams, 0);
  hub.reset();
}

}  // namespace
}  // namespace k8sgw::xds
