// Hashes of the parts of Proxies, taken field by field.
#pragma once

#include <google/protobuf/message.h>

#include <concepts>
#include <string_view>
#include <vector>

#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/model/report.h"
#include "src/proxy/proxy.h"

namespace k8sgw::gateway {

class Fingerprint {
 public:
  template <std::integral T>
  void Add(T number) {
    hash_ = HashCombine(hash_, static_cast<uint64_t>(number));
  }
  void Add(std::string_view text) { Add(Hash64(text)); }
  void Add(const google::protobuf::Message& message) { Add(SerializeDeterministic(message)); }
  void Add(const ResourceKey& key) {
    Add(static_cast<uint64_t>(key.kind));
    Add(std::string_view(key.ns.str()));
    Add(std::string_view(key.name.str()));
  }
  void Add(const proxy::Source& source) {
    Add(source.object);
    Add(std::string_view(source.path));
  }
  void Add(const Problem& problem) {
    Add(problem.object);
    Add(static_cast<uint64_t>(problem.severity));
    Add(std::string_view(problem.path));
    Add(std::string_view(problem.message));
    Add(std::string_view(problem.fix));
  }
  void Add(const std::pair<int, proxy::Source>& option) {
    Add(option.first);
    Add(option.second);
  }
  void Add(const proxy::Origin& origin) {
    Add(origin.object);
    Add(origin.generation);
  }
  void Add(const proxy::RouteSource& route) {
    Add(route.route);
    Add(route.origins);
    Add(route.options);
  }
  // The length counts, so that items cannot move from one list to the next unnoticed.
  template <class T>
  void Add(const std::vector<T>& items) {
    Add(items.size());
    for (const T& item : items) Add(item);
  }
  void Add(const std::string& text) { Add(std::string_view(text)); }

  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0;
};

}  // namespace k8sgw::gateway
