#include "src/status/entry.h"

#include "src/base/hash.h"
#include "src/base/text.h"

namespace k8sgw::status {

std::string_view StateName(State state) {
  switch (state) {
    case State::kPending: return "Pending";
    case State::kAccepted: return "Accepted";
    case State::kRejected: return "Rejected";
    case State::kWarning: return "Warning";
  }
  return "";
}

uint64_t Entry::Hash() const {
  uint64_t hash = HashCombine(Hash64(reason), static_cast<uint64_t>(state));
  hash = HashCombine(hash, Hash64(reported_by));
  for (const auto& [name, entry] : subresources) hash = HashCombine(HashCombine(hash, Hash64(name)), entry.Hash());
  return hash == 0 ? 1 : hash;
}

std::string SubresourceName(std::string_view proxy_namespace, std::string_view proxy_name) {
  return Cat("*v1.Proxy.", proxy_name, "_", proxy_namespace);
}

}  // namespace k8sgw::status
