#include "src/wasm_cache/challenge.h"

#include <gtest/gtest.h>

#include "src/base/text.h"

namespace k8sgw::wasm_cache {
namespace {

std::string Parsed(const std::vector<std::string>& headers) {
  const Challenge challenge = ParseChallenges(headers);
  switch (challenge.scheme) {
    case Challenge::Scheme::kNone: return "none";
    case Challenge::Scheme::kBasic: return "basic";
    case Challenge::Scheme::kBearer: break;
  }
  return Cat(challenge.realm, "|", challenge.service, "|", challenge.scope);
}

TEST(Challenge, WhatRegistriesSay) {
  EXPECT_EQ(Parsed({}), "none");
  EXPECT_EQ(Parsed({"Basic realm=\"x\""}), "basic");
  EXPECT_EQ(Parsed({"bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a:pull,push\""}),
            "https://a/t|s|repository:a:pull,push");
  EXPECT_EQ(Parsed({"Bearer service=s , realm = \"a\\\"b\""}), "a\"b|s|");
  // A token is better than a password, in whatever order they stand.
  EXPECT_EQ(Parsed({"Basic realm=x, Bearer realm=t"}), "t||");
  EXPECT_EQ(Parsed({"Bearer realm=t", "Basic realm=x"}), "t||");
}

TEST(Challenge, Nonsense) {
  EXPECT_EQ(Parsed({"Bearer service=\"s\""}), "none") << "nobody says where tokens are";
  EXPECT_EQ(Parsed({"Negotiate, Digest realm=\"x\""}), "none");
  EXPECT_EQ(Parsed({"realm=\"x\""}), "none");
  EXPECT_EQ(Parsed({"=,=,\"\"\"", ",,,", "Bearer realm=\"open"}), "open||");
  EXPECT_EQ(Parsed({"Bearer realm=\"x\\"}), "x\\||");
  EXPECT_EQ(Parsed({std::string(4000, '=')}), "none");
}

}  // namespace
}  // namespace k8sgw::wasm_cache
