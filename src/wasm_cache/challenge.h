// What a registry says about who may read: WWW-Authenticate headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace k8sgw::wasm_cache {

struct Challenge {
  enum class Scheme { kNone, kBasic, kBearer };
  Scheme scheme = Scheme::kNone;
  // For bearers: where tokens are, and what to ask there.
  std::string realm;
  std::string service;
  std::string scope;
};

// The best challenge among the values of the headers: a bearer's with a realm, else Basic. Anything else is kNone.
Challenge ParseChallenges(const std::vector<std::string>& headers);

}  // namespace k8sgw::wasm_cache
