#include "src/flow/flow.h"

#include <gtest/gtest.h>

#include <random>

namespace k8sgw::flow {
namespace {

Ptr<int> P(int value) { return std::make_shared<const int>(value); }

// A small world with all kinds of nodes: numbers, their buckets, sums over buckets, and a filter with a memory.
struct World {
  Graph graph;
  Input<int, int> numbers{graph, "numbers"};
  Input<int, int> limits{graph, "limits"};
  // From 20 on: in no bucket, in one twice, or in two in either order.
  Index<int, int, int> by_rest{graph, "by-rest", numbers, [](const int&, const int& v) {
                                 switch (v < 20 ? 7 : v % 8) {
                                   case 0: return std::vector<int>{};
                                   case 1: return std::vector<int>{v % 5, v % 5};
                                   case 2: return std::vector<int>{10 + v % 3, v % 5};
                                   default: return std::vector<int>{v % 5, 10 + v % 3};
                                 }
                               }};
  Derived<int, int, int, int> sums{
      graph, "sums", numbers, {&by_rest, &limits}, [this](Reader& reader, const int& key, const int& value, auto& out) {
        int sum = 0;
        const auto add = [&](int bucket) {
          for (const auto& [other, number] : reader.Find(by_rest, bucket)) sum += *number;
        };
        const bool odd = value >= 20;
        // From there on in an order, and as often, as the value says.
        if (!odd || value % 2 == 0) add(value % 5);
        const auto limit = reader.Get(limits, key % 7);
        if (odd && value % 3 == 0) add(10 + value % 3);
        if (odd && value % 4 != 0) add(value % 5);
        if (limit) sum = std::min(sum, *limit);
        // Several inputs emit the same key on purpose; some twice, some another one, too, some none.
        if (odd && value % 6 == 1) out.Emit(100 + key % 3, sum);
        if (!odd || value % 6 != 2) out.Emit(key / 2, sum);
        if (odd && value % 6 == 3) out.Emit(key / 2, sum + 1);
      }};
  LastGood<int, int, int> good{graph, "good", sums,
                               [](const int& sum) { return Candidate<int>{P(sum), sum % 4 != 0}; }};
};

template <class C>
std::map<typename C::Key, typename C::Value> All(const C& collection) {
  std::map<typename C::Key, typename C::Value> out;
  collection.ForEach([&](const auto& key, const auto& value) { out.emplace(key, *value); });
  return out;
}

TEST(Flow, IncrementalEqualsFromScratch) {
  std::mt19937 random(7);
  World world;
  std::map<int, int> numbers;
  std::map<int, int> limits;
  for (int step = 0; step < 3000; ++step) {
    const auto memory = All(world.good);
    for (int changes = 1 + static_cast<int>(random() % 4); changes > 0; --changes) {
      const int key = static_cast<int>(random() % 30);
      const bool gone = random() % 3 == 0;
      auto& input = random() % 4 == 0 ? world.limits : world.numbers;
      auto& mirror = &input == &world.limits ? limits : numbers;
      const int value = static_cast<int>(random() % 50);
      if (gone) {
        input.Delete(key);
        mirror.erase(key);
      } else {
        input.Put(key, P(value));
        mirror[key] = value;
      }
    }
    world.graph.Commit();
    World fresh;
    for (const auto& [key, value] : memory) fresh.good.Remember(key, P(value));
    for (const auto& [key, value] : numbers) fresh.numbers.Put(key, P(value));
    for (const auto& [key, value] : limits) fresh.limits.Put(key, P(value));
    fresh.graph.Commit();
    ASSERT_EQ(All(world.sums), All(fresh.sums)) << "step " << step;
    ASSERT_EQ(All(world.good), All(fresh.good)) << "step " << step;
  }
}

// One random change of either input.
void StageOne(World& world, std::mt19937& random) {
  const int key = static_cast<int>(random() % 30);
  const bool gone = random() % 3 == 0;
  auto& input = random() % 4 == 0 ? world.limits : world.numbers;
  const int value = static_cast<int>(random() % 50);
  gone ? input.Delete(key) : input.Put(key, P(value));
}

TEST(Flow, ASpeculationShowsWhatACommitWouldAndLeavesNothing) {
  std::mt19937 random(11);
  World world;
  World calm;  // the same, without speculations
  int shown = 0;
  for (int step = 0; step < 3000; ++step) {
    const auto sums = All(world.sums);
    const auto good = All(world.good);
    for (int tries = static_cast<int>(random() % 3); tries > 0; --tries) {
      // What is speculated, as a commit on top of the same history.
      const unsigned seed = random();
      std::mt19937 here(seed), there(seed);
      World would;
      for (const auto& [key, value] : All(world.numbers)) would.numbers.Put(key, P(value));
      for (const auto& [key, value] : All(world.limits)) would.limits.Put(key, P(value));
      if (!world.graph.speculating()) {
        for (const auto& [key, value] : good) would.good.Remember(key, P(value));
        would.graph.Commit();
        for (int i = 0; i < 3; ++i) StageOne(world, here), StageOne(would, there);
        would.graph.Commit();
        world.graph.Speculate();
        ASSERT_EQ(All(world.sums), All(would.sums)) << "step " << step;
        ASSERT_EQ(All(world.good), All(would.good)) << "step " << step;
        shown += All(world.good) != good;
      } else {
        // One after the other, without a way back in between.
        for (int i = 0; i < 3; ++i) StageOne(world, here);
        world.graph.Speculate();
      }
    }
    world.graph.Restore();
    ASSERT_EQ(All(world.sums), sums) << "step " << step;
    ASSERT_EQ(All(world.good), good) << "step " << step;
    const unsigned seed = random();
    std::mt19937 here(seed), there(seed);
    for (int i = 0; i < 2; ++i) StageOne(world, here), StageOne(calm, there);
    world.graph.Commit();
    calm.graph.Commit();
    ASSERT_EQ(All(world.sums), All(calm.sums)) << "step " << step;
    ASSERT_EQ(All(world.good), All(calm.good)) << "step " << step;
  }
  EXPECT_GT(shown, 500);
}

TEST(Flow, ASecondSpeculationDoesNotSeeTheFirst) {
  World world;
  world.numbers.Put(0, P(3));
  world.graph.Commit();
  world.numbers.Put(0, P(7));
  world.graph.Speculate();
  EXPECT_EQ(*world.good.Get(0), 7);
  world.numbers.Put(0, P(8));
  world.graph.Speculate();
  EXPECT_EQ(*world.sums.Get(0), 8);
  EXPECT_EQ(*world.good.Get(0), 3) << "8 is refused, and what stays is what was committed";
  world.numbers.Put(2, P(1));
  world.graph.Speculate();
  EXPECT_EQ(*world.sums.Get(0), 3);
  world.graph.Restore();
  EXPECT_EQ(world.sums.size(), 1u);
  EXPECT_EQ(world.graph.revision(), 1u);
}

TEST(Flow, WhatIsKeptStaysUntilRestore) {
  std::mt19937 random(13);
  World world;
  int kept_and_shown = 0;
  for (int step = 0; step < 1000; ++step) {
    for (int i = 0; i < 3; ++i) StageOne(world, random);
    world.graph.Commit();
    const auto numbers = All(world.numbers);
    const auto limits = All(world.limits);
    const auto sums = All(world.sums);
    const auto good = All(world.good);
    // What was kept, as seeds of changes.
    std::vector<unsigned> kept;
    for (int tries = static_cast<int>(random() % 6); tries > 0; --tries) {
      const unsigned seed = random();
      std::mt19937 here(seed);
      for (int i = 0; i < 2; ++i) StageOne(world, here);
      world.graph.Speculate();
      // All of it, as one commit on top of the same history.
      World would;
      for (const auto& [key, value] : numbers) would.numbers.Put(key, P(value));
      for (const auto& [key, value] : limits) would.limits.Put(key, P(value));
      for (const auto& [key, value] : good) would.good.Remember(key, P(value));
      would.graph.Commit();
      kept.push_back(seed);
      for (const unsigned one : kept) {
        std::mt19937 there(one);
        for (int i = 0; i < 2; ++i) StageOne(would, there);
      }
      would.graph.Commit();
      ASSERT_EQ(All(world.sums), All(would.sums)) << "step " << step;
      ASSERT_EQ(All(world.good), All(would.good)) << "step " << step;
      if (random() % 2 == 0) {
        kept.pop_back();
        // Now, or when the next one comes.
        if (random() % 2 == 0) world.graph.Drop();
        continue;
      }
      world.graph.Keep();
      kept_and_shown += All(world.good) != good;
    }
    const uint64_t runs = world.sums.total_runs();
    world.graph.Restore();
    ASSERT_EQ(world.sums.total_runs(), runs) << "what is taken back is not computed again";
    ASSERT_EQ(All(world.numbers), numbers) << "step " << step;
    ASSERT_EQ(All(world.sums), sums) << "step " << step;
    ASSERT_EQ(All(world.good), good) << "step " << step;
    ASSERT_EQ(world.sums.size(), sums.size());
  }
  EXPECT_GT(kept_and_shown, 500);
}

TEST(Flow, EqualResultsAreKeptOnce) {
  Graph graph;
  Input<int, int> numbers(graph, "numbers");
  Derived<int, int, int, int> rests(graph, "rests", numbers, {},
                                    [](Reader&, const int& key, const int& v, auto& out) { out.Emit(key, v % 2); });
  numbers.Put(1, P(3));
  graph.Commit();
  const std::weak_ptr<const int> first = rests.Get(1);
  numbers.Put(1, P(5));
  graph.Commit();
  EXPECT_EQ(rests.Get(1), first.lock());
  EXPECT_EQ(first.lock().use_count(), 3) << "the collection, what the input claims, and this one";
}

TEST(Flow, ATryRunsOnlyWhatItChanges) {
  World world;
  for (int i = 0; i < 100; ++i) world.numbers.Put(i, P(i));
  world.graph.Commit();
  world.numbers.Put(3, P(5));
  world.graph.Speculate();
  world.graph.Keep();
  world.numbers.Put(4, P(6));
  world.graph.Speculate();
  const uint64_t runs = world.sums.last_runs();
  EXPECT_GT(runs, 0u);
  EXPECT_LT(runs, 60u);
  world.numbers.Put(4, P(6));
  world.graph.Speculate();
  EXPECT_EQ(world.sums.last_runs(), runs) << "neither what was kept nor what is taken back runs again";
}

TEST(Flow, WhatIsLeftOutOfSpeculationsSleepsThroughThem) {
  std::mt19937 random(5);
  World world;
  int runs = 0;
  Derived<int, int, int, int> last(world.graph, "last", world.good, {&world.sums},
                                   [&](Reader& reader, const int& key, const int& value, auto& out) {
                                     ++runs;
                                     out.Emit(key, value + *reader.Get(world.sums, key));
                                   });
  last.LeaveOutOfSpeculation();
  for (int step = 0; step < 2000; ++step) {
    StageOne(world, random);
    world.graph.Commit();
    std::map<int, int> expected;
    world.good.ForEach([&](int key, const auto& value) { expected[key] = *value + *world.sums.Get(key); });
    ASSERT_EQ(All(last), expected) << "step " << step;
    const int before = runs;
    for (int tries = static_cast<int>(random() % 3); tries > 0; --tries) {
      for (int i = 0; i < 3; ++i) StageOne(world, random);
      world.graph.Speculate();
    }
    world.graph.Restore();
    ASSERT_EQ(runs, before);
  }
}

TEST(Flow, ReRunsOnlyWhatReadTheChange) {
  World world;
  for (int i = 0; i < 1000; ++i) world.numbers.Put(i, P(i * 5 + i % 5));
  world.limits.Put(3, P(1));
  world.graph.Commit();
  EXPECT_GE(world.sums.last_runs(), 1000u);
  world.graph.set_tracing(true);
  world.limits.Put(3, P(2));
  world.graph.Commit();
  // The keys with key % 7 == 3.
  EXPECT_EQ(world.sums.last_runs(), 143u);
  EXPECT_EQ(world.graph.last_reruns().front().ToString().substr(0, 5), "sums[");
  world.limits.Put(3, P(2));
  world.graph.Commit();
  EXPECT_EQ(world.graph.last_runs(), 0u) << "an equal value is no change";
}

TEST(Flow, AKeyThatAppearsReachesItsReaders) {
  Graph graph;
  Input<int, int> in(graph, "in");
  Input<std::string, int> others(graph, "others");
  Derived<int, int, int, int> out(graph, "out", in, {&others},
                                  [&](Reader& reader, const int& key, const int&, auto& emit) {
                                    const auto other = reader.Get(others, std::string("x"));
                                    emit.Emit(key, other ? *other : -1);
                                  });
  in.Put(1, P(1));
  graph.Commit();
  EXPECT_EQ(*out.Get(1), -1);
  others.Put("x", P(5));
  graph.Commit();
  EXPECT_EQ(*out.Get(1), 5);
  others.Delete("x");
  graph.Commit();
  EXPECT_EQ(*out.Get(1), -1);
}

TEST(Flow, ReadingWhatWasNotDeclaredEndsTheProcess) {
  Graph graph;
  Input<int, int> in(graph, "in");
  Input<int, int> other(graph, "other");
  Derived<int, int, int, int> out(graph, "out", in, {}, [&](Reader& reader, const int& key, const int&, auto& emit) {
    reader.Get(other, 1);
    emit.Emit(key, 1);
  });
  in.Put(1, P(1));
  EXPECT_DEATH(graph.Commit(), "out reads other without declaring it");
}

}  // namespace
}  // namespace k8sgw::flow
