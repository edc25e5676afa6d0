#include <gtest/gtest.h>

#include <random>

#include "src/flow/collection.h"

namespace k8sgw::flow {
namespace {

Ptr<int> P(int value) { return std::make_shared<const int>(value); }

// A small world with all kinds of nodes: numbers, their buckets, sums over buckets, and a filter with a memory.
struct World {
  Graph graph;
  Input<int, int> numbers{graph, "numbers"};
  Input<int, int> limits{graph, "limits"};
  Index<int, int, int> by_rest{graph, "by-rest", numbers,
                               [](const int&, const int& v) { return std::vector<int>{v % 5, 10 + v % 3}; }};
  Derived<int, int, int, int> sums{
      graph, "sums", numbers, {&by_rest, &limits}, [this](Reader& reader, const int& key, const int& value, auto& out) {
        int sum = 0;
        for (const auto& [other, number] : reader.Find(by_rest, value % 5)) sum += *number;
        if (const auto limit = reader.Get(limits, key % 7)) sum = std::min(sum, *limit);
        // Several inputs emit the same key on purpose.
        out.Emit(key / 2, sum);
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
