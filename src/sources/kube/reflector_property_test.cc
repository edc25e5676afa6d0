// Many seeded lives of a reflector beside a model of an API server that breaks. At every event the consumer's world
// must be one that the server had, never an older one than before; and when the faults end, the one that it has.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <utility>

#include "src/base/text.h"
#include "src/sources/kube/reflector.h"
#include "src/sources/kube/test_api_server.h"

namespace k8sgw::kube {
namespace {

using testing::TestApiServer;
using Time = Reflector::Time;

// How often each way was gone in all lives: a test that does not go there proves nothing.
struct Seen {
  int syncs = 0;
  int relists = 0;
  int changes = 0;
  int pages = 0;
  int whole_lists = 0;
  int gone = 0;
  int absent = 0;
  int cuts = 0;
  int asked_what_is_served = 0;
  int gone_with_definition = 0;
};

class Life {
 public:
  Life(uint64_t seed, Seen& seen)
      : random_(seed), seen_(seen), reflector_(resource_, Options(), [this] { return Below(1000) / 1000.; }) {}

  void Run(int steps) {
    for (int i = Below(30); i > 0; --i) Mutate();
    Apply(reflector_.Start(now_));
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      if (OneIn(3)) Mutate();
      if (OneIn(12)) ChangeFaults();
      if (OneIn(10)) server_.SendBookmark();
      Serve();
      Pass(OneIn(50) ? 40'000 : Below(300));
    }
    Recover();
  }

 private:
  ReflectorOptions Options() {
    ReflectorOptions options;
    options.page_limit = Below(7);
    options.gone_after = std::chrono::seconds(Below(20));
    options.history = history_;
    return options;
  }
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }

  void Mutate() {
    const std::string name = Cat("o", Below(12));
    if (!server_.installed) return;
    if (OneIn(3)) server_.Delete(name);
    if (!OneIn(4)) server_.Put(name, Cat(Below(5)));
    // A burst.
    if (OneIn(40)) {
      for (int i = 0; i < 12; ++i) server_.Put(Cat("o", i), Cat(Below(5)));
    }
  }

  void ChangeFaults() {
    constexpr int kCodes[] = {0, 0, 0, 0, 401, 403, 404, 404, 404, 410, 429, 500, 503, 504};
    server_.refuse_with = kCodes[Below(std::size(kCodes))];
    server_.lose_tokens = OneIn(3);
    server_.repeat_events = OneIn(3);
    server_.has_initial_events = !OneIn(2);
    if (OneIn(3)) server_.Compact();
    if (OneIn(12)) server_.Uninstall();
    if (!server_.installed && OneIn(3)) server_.installed = true;
  }

  // Gives the reflector something of the answer that is open.
  void Serve() {
    if (!fetch_open_) return;
    if (!head_sent_) {
      head_sent_ = true;
      if (server_.code() == 410) ++seen_.gone;
      return Apply(reflector_.OnHead(now_, server_.code(), std::chrono::seconds(OneIn(5) ? 2 : 0)));
    }
    if (!server_.open() || OneIn(25)) {
      ++seen_.cuts;
      fetch_open_ = false;
      const bool clean = OneIn(2);
      return Apply(reflector_.OnEnd(now_, clean ? absl::OkStatus() : absl::UnavailableError("cut")));
    }
    const std::string bytes = server_.Read(OneIn(2) ? 100'000 : 1 + static_cast<size_t>(Below(400)));
    if (!bytes.empty()) Apply(reflector_.OnBytes(now_, bytes));
    if (fetch_open_ && server_.Finished()) {
      fetch_open_ = false;
      Apply(reflector_.OnEnd(now_, absl::OkStatus()));
    }
  }

  void Pass(int milliseconds) {
    now_ += std::chrono::milliseconds(milliseconds);
    // Another watch is told something.
    if (others_hear_) history_->Saw(0, "0", now_);
    if (reflector_.deadline() && *reflector_.deadline() <= now_) Apply(reflector_.OnTimer(now_));
    if (OneIn(200)) Apply(reflector_.Poke(now_));
  }

  void Recover() {
    server_.refuse_with = 0;
    server_.lose_tokens = server_.repeat_events = false;
    server_.installed = true;
    for (int i = 0; i < 3000 && !::testing::Test::HasFailure(); ++i) {
      if (fetch_open_ && head_sent_ && server_.open() && !server_.HasBytes() && !server_.Finished()) break;
      Serve();
      Pass(500);
    }
    EXPECT_EQ(reflector_.health().phase, Health::Phase::kWatching);
    EXPECT_EQ(known_, server_.states().back()) << "at the end";
    EXPECT_EQ(reflector_.size(), known_.size());
  }

  void Apply(Actions actions) {
    for (const Batch& batch : actions.batches) {
      if (batch.sync) ++seen_.syncs;
      const bool asked = std::exchange(asks_what_is_served_, false);
      if (asked) ++seen_.gone_with_definition;
      ASSERT_FALSE(asked && was_served_) << "its definition is there";
      if (batch.sync && synced_) ++seen_.relists;
      synced_ = synced_ || batch.sync;
      ASSERT_TRUE(synced_) << "a change before the first complete set";
      for (const Event& event : batch.events) {
        if (event.kind == Event::Kind::kUpsert)
          known_[event.object.meta.name] = event.object.json;
        else
          known_.erase(event.object.meta.name);
        if (!batch.sync) CheckWorld();
        ++seen_.changes;
      }
      if (batch.sync) CheckWorld();
    }
    if (reflector_.health().phase == Health::Phase::kAbsent) ++seen_.absent;
    if (actions.cancel) fetch_open_ = false;
    if (!actions.fetch) return;
    fetch_open_ = true;
    head_sent_ = false;
    const std::string& target = actions.fetch->target;
    if (target.find("continue=") != std::string::npos) ++seen_.pages;
    if (target.find('?') == std::string::npos) ++seen_.whole_lists;
    asks_what_is_served_ = TestApiServer::AsksWhatIsServed(target, resource_);
    if (!asks_what_is_served_) return server_.Open(target);
    was_served_ = server_.installed;
    ++seen_.asked_what_is_served;
    if (server_.refuse_with != 0 && OneIn(2)) return server_.Open(target);
    if (target != kGroupsPath) server_.only_kind = OneIn(2);
    server_.OpenServed(target, resource_);
  }

  void CheckWorld() {
    const auto& states = server_.states();
    size_t at = at_least_;
    while (at < states.size() && states[at] != known_) ++at;
    ASSERT_LT(at, states.size()) << "the server never had this world of " << known_.size() << " after version "
                                 << at_least_;
    at_least_ = at;
  }

  std::mt19937_64 random_;
  Seen& seen_;
  Time now_{std::chrono::hours(1)};
  TestApiServer server_;
  const Resource resource_{"g.x", "v1", "xs", ""};
  const std::shared_ptr<History> history_ = std::make_shared<History>();
  const bool others_hear_ = OneIn(2);
  Reflector reflector_;
  bool asks_what_is_served_ = false;
  bool was_served_ = false;
  bool fetch_open_ = false;
  bool head_sent_ = false;
  bool synced_ = false;
  TestApiServer::State known_;
  size_t at_least_ = 0;
};

TEST(ReflectorPropertyTest, TheWorldIsAlwaysOneThatTheServerHad) {
  const char* chosen = std::getenv("REFLECTOR_SEED");
  const char* lives = std::getenv("REFLECTOR_LIVES");
  const uint64_t first = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 1;
  const uint64_t count = chosen != nullptr ? 1 : lives != nullptr ? std::strtoull(lives, nullptr, 10) : 400;
  Seen seen;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(Cat("REFLECTOR_SEED=", seed, " repeats this life"));
    Life(seed, seen).Run(600);
    if (HasFailure()) return;
  }
  if (chosen != nullptr) return;
  EXPECT_GT(seen.syncs, 400);
  EXPECT_GT(seen.relists, 400);
  EXPECT_GT(seen.changes, 4000);
  EXPECT_GT(seen.pages, 400);
  EXPECT_GT(seen.whole_lists, 100);
  EXPECT_GT(seen.gone, 400);
  EXPECT_GT(seen.absent, 400);
  EXPECT_GT(seen.cuts, 1000);
  EXPECT_GT(seen.asked_what_is_served, 400);
  EXPECT_GT(seen.gone_with_definition, 20);
}

}  // namespace
}  // namespace k8sgw::kube
