// Seeded lives of two replicas beside a model of an API server that refuses, fails, loses answers and creates objects
// anew, while users and another controller change them and the lead goes back and forth. In the end every object has
// its verdict, what others wrote is there, and there were no more writes than reasons for them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/status/entry_json.h"
#include "src/status/syncer.h"
#include "src/status/test_objects.h"

namespace k8sgw::status {
namespace {

using std::chrono::milliseconds;
using Time = Syncer::Time;
using Outcome = Syncer::Outcome;

constexpr char kNs[] = "gloo-system";
constexpr int kObjects = 12;

// How often each way was gone in all lives.
struct Counts {
  int reasons = 0;  // objects that came, specs that changed, entries that somebody took away
  int sent = 0;
  int effective = 0;  // writes that changed an object
  int failed = 0;
  int lost = 0;
  int stale_uid = 0;
  int leads = 0;
};

struct Object {
  std::string uid;
  int spec = 0;
  int foreign = 0;
  // Its status only.
  std::string json;
};

// The verdict on an object is that on its spec.
Entry VerdictOn(int spec) {
  Entry entry{
      spec % 3 == 0 ? State::kAccepted : State::kRejected, spec % 3 == 0 ? "" : Cat("spec ", spec), "gateway", {}};
  for (int i = 0; i < spec % 4; ++i) {
    entry.subresources[SubresourceName(kNs, Cat("p", i + spec % 2))] = {State::kWarning, i % 2 ? "x" : "", "gloo", {}};
  }
  return entry;
}

ResourceKey KeyOf(int number) { return {Kind::kVirtualService, Cat("n", number % 3), Cat("o", number)}; }

class Life {
 public:
  Life(uint64_t seed, Counts& counts, bool faults) : random_(seed), counts_(counts), faults_(faults) {
    for (int i = 0; i < 2; ++i) replicas_.push_back(std::make_unique<Replica>(*this));
    for (int i = 0; i < kObjects; ++i) Change(i);
    Lead(0);
  }

  void Run(milliseconds duration) {
    for (const Time end = now_ + duration; now_ < end && !::testing::Test::HasFailure();) {
      if (OneIn(12)) Change(Below(kObjects));
      if (faults_ && OneIn(40)) ChangeFaults();
      if (faults_ && OneIn(400)) Lead(Below(3));
      Step(milliseconds(1 + Below(300)));
    }
  }
  // Faults end, and everything comes to rest.
  void Settle() {
    fault_ = 0;
    Lead(0);
    for (const Time end = now_ + std::chrono::minutes(30); now_ < end;) Step(milliseconds(500));
    const int before = counts_.sent;
    for (const Time end = now_ + std::chrono::minutes(30); now_ < end;) Step(milliseconds(500));
    EXPECT_EQ(counts_.sent, before) << "it never rests";
    EntryReader reader(kNs);
    for (const auto& [number, object] : objects_) {
      EXPECT_EQ(reader.ReadCopy(object.json).hash, VerdictOn(object.spec).Hash()) << object.json;
      EXPECT_NE(object.json.find(Cat(R"("other": {"n": )", object.foreign, "}")), std::string::npos) << object.json;
    }
  }

 private:
  struct Flight {
    uint64_t id;
    int number;
    std::string uid;
    std::string patch;
    Time arrives;
    Time returns;
    bool done = false;
    Outcome outcome;
  };
  struct Replica {
    explicit Replica(Life& life) : syncer(SyncOptions(), [&life] { return life.Below(1000) / 1000.; }) {}
    Syncer syncer;
    bool leads = false;
    size_t events = 0;  // that it has seen
    std::map<int, int> specs;
    std::vector<Flight> flights;
  };
  struct Event {
    int number;
    std::optional<Object> object;
  };

  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  bool OneIn(int n) { return Below(n) == 0; }

  void Tell(int number) {
    const auto it = objects_.find(number);
    log_.push_back({number, it == objects_.end() ? std::nullopt : std::optional(it->second)});
  }
  void Create(int number) {
    Object object{Cat("u", ++uids_), ++specs_, ++specs_, ""};
    object.json = Cat(R"({"status": {"statuses": {"other": {"n": )", object.foreign, "}}}}");
    objects_[number] = object;
    ++counts_.reasons;
  }
  void Change(int number) {
    const auto it = objects_.find(number);
    if (it == objects_.end()) {
      Create(number);
    } else if (OneIn(5)) {
      objects_.erase(it);
      Tell(number);
      // At once, under the same name.
      if (OneIn(2)) Create(number);
    } else if (OneIn(5)) {
      it->second.foreign = ++specs_;
      it->second.json =
          testing::Merge(it->second.json, Cat(R"({"status":{"statuses":{"other":{"n":)", it->second.foreign, "}}}}"));
    } else if (OneIn(10)) {
      it->second.json = testing::Merge(it->second.json, R"({"status":{"statuses":{"gloo-system":null}}})");
      ++counts_.reasons;
    } else {
      it->second.spec = ++specs_;
      ++counts_.reasons;
    }
    if (objects_.contains(number)) Tell(number);
  }
  void ChangeFaults() { fault_ = Below(6); }
  // The one that leads, or none.
  void Lead(int index) {
    for (int i = 0; i < 2; ++i) {
      replicas_[i]->leads = i == index;
      replicas_[i]->syncer.SetLeading(now_, i == index);
    }
    ++counts_.leads;
  }

  Outcome Serve(const Flight& flight) {
    if (fault_ == 1) return {Outcome::Kind::kFailed};
    if (fault_ == 2 && OneIn(2)) return {Outcome::Kind::kRefused};
    if (fault_ == 3 && OneIn(4)) return {Outcome::Kind::kFailed, {}, milliseconds(Below(5000))};
    const auto it = objects_.find(flight.number);
    if (it == objects_.end()) return {Outcome::Kind::kMissing};
    if (it->second.uid != flight.uid) {
      ++counts_.stale_uid;
      return {Outcome::Kind::kRefused};
    }
    const std::string before = it->second.json;
    it->second.json = testing::Merge(before, flight.patch);
    if (it->second.json != before) {
      ++counts_.effective;
      Tell(flight.number);
    }
    if (fault_ == 4 && OneIn(2)) {
      ++counts_.lost;
      return {Outcome::Kind::kFailed};
    }
    return {Outcome::Kind::kWritten, EntryReader(kNs).ReadCopy(it->second.json)};
  }
  milliseconds Delay() { return milliseconds(faults_ && OneIn(10) ? Below(5000) : Below(50)); }

  void Step(milliseconds passed) {
    now_ += passed;
    for (const auto& replica : replicas_) {
      Watch(*replica);
      Answer(*replica);
      while (const auto write = replica->syncer.Next(now_)) {
        EXPECT_TRUE(replica->leads);
        ++counts_.sent;
        const int number = std::stoi(write->object.name.str().substr(1));
        const std::string patch = PatchOf(kNs, write->uid, VerdictOn(replica->specs.at(number)), write->found);
        const Time arrives = now_ + Delay();
        replica->flights.push_back({write->id, number, write->uid, patch, arrives, arrives + Delay(), false, {}});
      }
    }
  }
  // A watch may be late, but it keeps the order.
  void Watch(Replica& replica) {
    const size_t end = fault_ == 5 ? replica.events + static_cast<size_t>(Below(2)) : log_.size();
    for (; replica.events < std::min(end, log_.size()); ++replica.events) {
      const Event& event = log_[replica.events];
      const ResourceKey key = KeyOf(event.number);
      if (!event.object) {
        replica.syncer.Gone(key);
        continue;
      }
      replica.syncer.Observe(now_, key, event.object->uid, EntryReader(kNs).ReadCopy(event.object->json));
      replica.specs[event.number] = event.object->spec;
      replica.syncer.Desire(now_, key, VerdictOn(event.object->spec).Hash());
    }
  }
  void Answer(Replica& replica) {
    for (size_t i = 0; i < replica.flights.size();) {
      Flight& flight = replica.flights[i];
      if (!flight.done && flight.arrives <= now_) {
        flight.outcome = Serve(flight);
        flight.done = true;
        counts_.failed += flight.outcome.kind != Outcome::Kind::kWritten;
      }
      if (flight.returns > now_ || !flight.done) {
        ++i;
        continue;
      }
      const Flight over = flight;
      replica.flights.erase(replica.flights.begin() + static_cast<std::ptrdiff_t>(i));
      replica.syncer.OnResult(now_, over.id, over.outcome);
    }
  }

  std::mt19937_64 random_;
  Counts& counts_;
  const bool faults_;
  Time now_{std::chrono::seconds(1000)};
  std::map<int, Object> objects_;
  std::vector<Event> log_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  int fault_ = 0;
  int uids_ = 0;
  int specs_ = 0;
};

int Lives() {
  const char* lives = std::getenv("STATUS_LIVES");
  return lives == nullptr ? 200 : std::atoi(lives);
}

// A life from its start to its rest.
Counts Live(int seed, bool faults) {
  Counts counts;
  Life life(static_cast<uint64_t>(seed), counts, faults);
  life.Run(std::chrono::minutes(5));
  life.Settle();
  return counts;
}

TEST(SyncerPropertyTest, EveryObjectGetsItsVerdictWhateverHappens) {
  Counts all;
  for (int seed = 1; seed <= Lives() && !HasFailure(); ++seed) {
    SCOPED_TRACE(Cat("seed ", seed));
    const Counts counts = Live(seed, true);
    // A new leader whose watch is late may write what was the verdict before, once for each object.
    EXPECT_LE(counts.effective, counts.reasons + kObjects * counts.leads);
    EXPECT_LE(counts.sent, 2 * counts.reasons + counts.failed + kObjects * counts.leads);
    all.failed += counts.failed;
    all.lost += counts.lost;
    all.stale_uid += counts.stale_uid;
    all.leads += counts.leads;
  }
  EXPECT_GT(all.failed, 100);
  EXPECT_GT(all.lost, 10);
  EXPECT_GT(all.stale_uid, 10);
  EXPECT_GT(all.leads, 3 * Lives());
}

TEST(SyncerPropertyTest, WithoutFaultsNoWriteIsInVain) {
  for (int seed = 1; seed <= Lives() && !HasFailure(); ++seed) {
    SCOPED_TRACE(Cat("seed ", seed));
    const Counts counts = Live(seed, false);
    EXPECT_LE(counts.effective, counts.reasons);
    EXPECT_GT(counts.effective, counts.reasons / 3);
    // Only those that meet the end of their object.
    EXPECT_LE(counts.sent, counts.effective + counts.failed);
  }
}

}  // namespace
}  // namespace k8sgw::status
