// Threads against threads; `make tsan` looks for races in it.
#include "src/xds/hub.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <map>
#include <random>

#include "src/xds/test_resource.h"

namespace k8sgw::xds {
namespace {

using namespace std::chrono_literals;

constexpr char kRole[] = "gloo-system~gateway-proxy";
constexpr auto kPatience = 60s;
constexpr int kClients = 6;
constexpr int kRevisions = 300;

// Runs what it is given on threads of its own, as a network does.
class Network {
 public:
  Network() {
    for (auto& thread : threads_) thread = std::thread([this] { Run(); });
  }
  ~Network() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      over_ = true;
    }
    came_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  void Post(std::function<void()> work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_.push_back(std::move(work));
    }
    came_.notify_one();
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      came_.wait(lock, [&] { return over_ || !work_.empty(); });
      if (work_.empty()) return;
      const auto work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::function<void()>> work_;
  bool over_ = false;
  std::array<std::thread, 2> threads_;
};

// A stream whose other end is an inbox.
class TestStream final : public Stream {
 public:
  TestStream(Hub& hub, Network& network) : Stream(hub), network_(network) {}

  // The next response; nothing when none came in time.
  std::optional<Response> Next() {
    std::unique_lock<std::mutex> lock(mutex_);
    came_.wait_for(lock, 5ms, [&] { return !inbox_.empty(); });
    if (inbox_.empty()) return std::nullopt;
    Response response = std::move(inbox_.front());
    inbox_.pop_front();
    return response;
  }

  void End() {
    EXPECT_TRUE(Close());
    EXPECT_FALSE(Close()) << "only the first Close ends the stream";
    ended_ = true;
  }

 private:
  void Prepare(const Response& response) override {
    EXPECT_FALSE(busy_.exchange(true)) << "one response at a time";
    prepared_ = response;
  }

  void StartSending() override {
    EXPECT_FALSE(ended_) << "nothing is sent on a stream that is closed";
    network_.Post([this, self = shared_from_this(), response = prepared_] {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        inbox_.push_back(response);
      }
      came_.notify_one();
      busy_ = false;
      Sent();
    });
  }

  void StartListening() override { EXPECT_FALSE(ended_) << "a stream that is closed does not listen"; }
  void StartRefusing(const absl::Status& status) override { ADD_FAILURE() << status; }

  Network& network_;
  std::atomic<bool> busy_ = false;
  std::atomic<bool> ended_ = false;
  Response prepared_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<Response> inbox_;  // guarded by mutex_
};

using Held = std::map<std::string, std::string>;

// Subscribes to all clusters, answers, refuses now and then, goes and comes back, until it holds what it should.
void BeClient(Hub& hub, Network& network, int seed, const std::atomic<bool>& calm, const Held& expected) {
  std::minstd_rand random(static_cast<unsigned>(seed));
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    const auto stream = std::make_shared<TestStream>(hub, network);
    stream->Open({.delta = true, .single_type = std::nullopt});
    Request subscribe;
    // The role may be unknown at first: then the fallback is theirs for a while.
    subscribe.role = kRole;
    subscribe.type_url = TypeUrl(Type::kCluster);
    stream->Receive(subscribe);
    Held held;
    bool refused = false;
    while (std::chrono::steady_clock::now() < until) {
      const bool was_calm = calm;
      const auto response = stream->Next();
      if (!response && was_calm && held == expected) return stream->End();
      // What it has refused does not come again over this stream.
      if (was_calm ? refused : random() % 20 == 0) break;
      if (!response) continue;
      Request answer;
      answer.type_url = response->type_url;
      answer.nonce = response->nonce;
      if (!was_calm && random() % 10 == 0) {
        answer.error = "no";
        refused = true;
      } else {
        for (const auto& resource : response->resources) held[resource->name] = *resource->body.front();
        for (const std::string& name : response->removed) held.erase(name);
      }
      stream->Receive(answer);
    }
    stream->End();
  }
  ADD_FAILURE() << "client " << seed << " does not get what it should";
}

TEST(Hub, ManyThreadsEndWithTheSame) {
  std::atomic<int> nacks = 0;
  HubOptions options;
  options.engine = {.unknown_role_grace = 1ms, .fallback_role = "fallback", .on_nack = [&](const Nack&) { ++nacks; }};
  Hub hub(options);
  Network network;
  std::atomic<bool> calm = false;
  Held expected;
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&, i] { BeClient(hub, network, i + 1, calm, expected); });
  }
  std::minstd_rand random(7);
  for (int i = 0; i < kRevisions; ++i) {
    Update update;
    const std::string name = "c" + std::to_string(random() % 20);
    if (random() % 4 == 0) {
      update.removed.emplace_back(Type::kCluster, name);
    } else {
      update.put.push_back(Make(Type::kCluster, name, std::to_string(i)));
    }
    hub.Apply(kRole, update);
    static_cast<void>(hub.InSync(kRole));
    static_cast<void>(hub.stats());
    Request fetch;
    fetch.role = kRole;
    fetch.type_url = TypeUrl(Type::kCluster);
    bool fetched = false;
    hub.Fetch({}, fetch, [&](const auto& answer) { fetched = answer.ok(); });
    EXPECT_TRUE(fetched);
    std::this_thread::sleep_for(1ms);
  }
  // The last word; everything else is taken back.
  Update last;
  for (int i = 0; i < 20; ++i) last.removed.emplace_back(Type::kCluster, "c" + std::to_string(i));
  for (int i = 0; i < 5; ++i) {
    const auto resource = Make(Type::kCluster, "last" + std::to_string(i), std::to_string(i));
    expected[resource->name] = *resource->body.front();
    last.put.push_back(resource);
  }
  hub.Apply(kRole, last);
  calm = true;
  for (auto& client : clients) client.join();
  EXPECT_GT(nacks, 10);
  EXPECT_EQ(hub.stats().streams, 0);
}

}  // namespace
}  // namespace k8sgw::xds
