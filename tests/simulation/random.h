// Choices from a seed: everything random in a simulation comes from one of these, so a seed says it all.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

namespace k8sgw::sim {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  // 0 to n - 1.
  int Below(int n) { return static_cast<int>(engine_() % static_cast<uint64_t>(n)); }
  // True once in `n` times.
  bool OneIn(int n) { return Below(n) == 0; }
  std::string Pick(std::initializer_list<const char*> items) {
    return *(items.begin() + Below(static_cast<int>(items.size())));
  }
  template <class T>
  const T& Pick(const std::vector<T>& items) {
    return items[engine_() % items.size()];
  }
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace k8sgw::sim
