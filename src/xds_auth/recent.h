// What was learned last about each key, of a bounded number of keys: the one that was learned first goes first.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace k8sgw::xds_auth {

template <class Value>
class Recent {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Entry {
    Value value;
    Time at;
  };

  explicit Recent(size_t most) : most_(most) {}

  // nullptr when there is none, or it was learned before `since`. Good until the next change.
  const Entry* Find(const std::string& key, Time since) const {
    const auto it = entries_.find(key);
    return it == entries_.end() || it->second.at < since ? nullptr : &it->second;
  }
  void Put(const std::string& key, Value value, Time now) {
    Erase(key);
    entries_.emplace(key, Entry{std::move(value), now});
    by_time_.emplace(now, key);
    while (entries_.size() > most_) Erase(std::string(by_time_.begin()->second));
  }
  void Erase(const std::string& key) {
    const auto it = entries_.find(key);
    if (it == entries_.end()) return;
    by_time_.erase({it->second.at, key});
    entries_.erase(it);
  }
  void EraseBefore(Time since) {
    while (!by_time_.empty() && by_time_.begin()->first < since) Erase(std::string(by_time_.begin()->second));
  }
  size_t size() const { return entries_.size(); }

 private:
  const size_t most_;
  std::map<std::string, Entry> entries_;
  std::set<std::pair<Time, std::string>> by_time_;
};

}  // namespace k8sgw::xds_auth
