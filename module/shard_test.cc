#include "module/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "module/envoy_abi.h"
#include "module/shard_keys.h"

namespace k8sgw::shard {
namespace {

using module::EnvoyBuffer;

Text AsText(const std::string& text) { return {text.data(), text.size()}; }

std::string Trimmed(const std::string& host) {
  const Text text = Trim(AsText(host));
  return {text.data, text.size};
}

uint32_t Of(const std::string& host, uint32_t shards = 4096) { return ShardOf(AsText(host), shards); }

TEST(ShardTest, CutsPortsAndDots) {
  EXPECT_EQ(Trimmed("a.example.com"), "a.example.com");
  EXPECT_EQ(Trimmed("a.example.com:8080"), "a.example.com");
  EXPECT_EQ(Trimmed("a.example.com:"), "a.example.com");
  EXPECT_EQ(Trimmed("a.example.com:abc:9"), "a.example.com");
  EXPECT_EQ(Trimmed("a.example.com."), "a.example.com");
  EXPECT_EQ(Trimmed("a.example.com..:80"), "a.example.com");
  EXPECT_EQ(Trimmed("[::1]:80"), "[::1]");
  EXPECT_EQ(Trimmed("[::1]"), "[::1]");
  EXPECT_EQ(Trimmed("[::1"), "[");
  EXPECT_EQ(Trimmed("::1"), "");
  EXPECT_EQ(Trimmed(""), "");
  EXPECT_EQ(Trimmed("..."), "");
}

// Whatever Envoy has stripped when it looks for a host, and however it is written.
TEST(ShardTest, IsTheSameForAllFormsOfAHost) {
  for (const std::string host : {"a.example.com", "A.Example.COM", "10.0.0.1", "[fe80::1]", "localhost", "x"}) {
    for (const std::string suffix : {".", ":80", ".:80", ":", ":abc", "..", ":80:90", ":80."}) {
      EXPECT_EQ(Of(host + suffix), Of(host)) << host << suffix;
      EXPECT_EQ(Of(Trimmed(host + suffix)), Of(host)) << host << suffix;
    }
  }
  EXPECT_EQ(Of("A.example.com"), Of("a.EXAMPLE.com"));
  EXPECT_NE(Of("a.example.com"), Of("b.example.com"));
}

// Byte by byte, what is done with eight at once.
TEST(ShardTest, FindsColonsAndSmallLettersAtEachPlace) {
  for (size_t size = 0; size < 26; ++size) {
    std::string host(size, 'x');
    EXPECT_EQ(FindColon(AsText(host), 0), size);
    for (size_t at = 0; at < size; ++at) {
      for (int c = 0; c < 256; ++c) {
        host[at] = static_cast<char>(c);
        std::string small = host;
        if (c >= 'A' && c <= 'Z') small[at] = static_cast<char>(c - 'A' + 'a');
        EXPECT_EQ(FindColon(AsText(host), 0), c == ':' ? at : size);
        EXPECT_EQ(Of(host), Of(small));
        // Its neighbours are not touched.
        if (c != ':' && c != '.' && c != '[') {
          EXPECT_EQ(Trimmed(host), host);
        }
      }
      host[at] = 'x';
    }
    const std::string colons = host + "::";
    for (size_t from = 0; from <= size; ++from) EXPECT_EQ(FindColon(AsText(colons), from), size);
  }
  const std::string upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", lower = "abcdefghijklmnopqrstuvwxyz";
  EXPECT_EQ(Of(upper), Of(lower));
  EXPECT_NE(Of("@[`{"), Of("`{@["));
}

// Another function would need another version: proxies have the old one.
TEST(ShardTest, IsTheFunctionOfItsVersion) {
  EXPECT_STREQ(kVersion, "3");
  EXPECT_EQ(Of("", 4096), 0u);
  EXPECT_EQ(Of("a.example.com", 4096), 4066u);
  EXPECT_EQ(Of("h9999.example.com", 4096), 1002u);
}

TEST(ShardTest, SpreadsEvenly) {
  constexpr uint32_t kShards = 256;
  std::vector<int> counts(kShards);
  for (int i = 0; i < 25'600; ++i) ++counts[Of("h" + std::to_string(i) + ".example.com", kShards)];
  for (const int count : counts) {
    EXPECT_GT(count, 50);
    EXPECT_LT(count, 170);
  }
}

TEST(ShardKeysTest, MakesAKeyForEachShard) {
  for (const std::string& prefix : {std::string("2f1c8d0e77a4b5c9-"), std::string(kLongestPrefix, 'p')}) {
    for (const uint32_t shards : {1u, 16u, 4096u}) {
      const auto keys = Keys::Parse(AsText("3 " + std::to_string(shards) + " expect " + prefix));
      ASSERT_NE(keys, nullptr);
      for (const std::string host : {"a.example.com:80", "b", "h17.example.com", "h9999.example.com"}) {
        char place[kLongestKey];
        const Text key = keys->KeyOf(AsText(host), place);
        EXPECT_EQ(std::string(key.data, key.size), prefix + std::to_string(Of(host, shards)));
      }
    }
  }
}

TEST(ShardKeysTest, RefusesWhatItDoesNotKnow) {
  const std::string longest(kLongestPrefix, 'p');
  const std::string name(kLongestHeader, 'h');
  EXPECT_NE(Keys::Parse(AsText("3 4096 " + name + " " + longest)), nullptr);
  EXPECT_NE(Keys::Parse(AsText("3 1 x-k8sgw-shard p")), nullptr);
  for (const std::string& text : {std::string(),
                                  std::string("3"),
                                  std::string("2 256 h p"),
                                  std::string("2 256 0 h p"),
                                  std::string("33 256 h p"),
                                  std::string("3 0 h p"),
                                  std::string("3 4097 h p"),
                                  std::string("3 256 17 h p"),
                                  std::string("3 256 h "),
                                  std::string("3 256 h"),
                                  std::string("3 256 "),
                                  std::string("3 256"),
                                  std::string("3 h p"),
                                  std::string("3  256 h p"),
                                  std::string("3 -1 h p"),
                                  std::string("3 00256 h p"),
                                  std::string("3 256 h a b"),
                                  std::string("3 256 h \n"),
                                  std::string("3 256 h \x80"),
                                  std::string("3 256 H p"),
                                  std::string("3 256 h:  p"),
                                  std::string("3 256  p"),
                                  "3 256 h" + name + " p",
                                  "3 256 h p" + longest,
                                  std::string("3 99999999999999999999 h p")}) {
    EXPECT_EQ(Keys::Parse(AsText(text)), nullptr) << text;
  }
}

// --- the hooks, with an Envoy of one request

std::map<std::string, std::vector<std::string>> headers;

std::string Shard(const std::string& header) {
  const std::string text = "3 64 " + header + " p";
  const auto* parsed =
      envoy_dynamic_module_on_early_header_mutation_config_new(nullptr, {"shard", 5}, {text.data(), text.size()});
  EXPECT_NE(parsed, nullptr);
  EXPECT_TRUE(envoy_dynamic_module_on_early_header_mutation_mutate(parsed, &headers));
  envoy_dynamic_module_on_early_header_mutation_config_destroy(parsed);
  EXPECT_EQ(headers[header].size(), 1u);
  return headers[header].front();
}

TEST(HooksTest, SetTheKeyOverWhatAClientSends) {
  headers = {{":authority", {"a.example.com"}}, {"x-k8sgw-shard", {"p1", "p2"}}};
  EXPECT_EQ(Shard("x-k8sgw-shard"), "p" + std::to_string(Of("a.example.com", 64)));
  headers = {{"expect", {"p1"}}};
  EXPECT_EQ(Shard("expect"), "p" + std::to_string(Of("", 64)));
}

TEST(HooksTest, RefuseOtherExtensionsAndConfigurations) {
  EXPECT_STREQ(envoy_dynamic_module_on_program_init(), "v0.2.0");
  const EnvoyBuffer good{"3 64 h p", 8};
  EXPECT_EQ(envoy_dynamic_module_on_early_header_mutation_config_new(nullptr, {"shards", 6}, good), nullptr);
  EXPECT_EQ(envoy_dynamic_module_on_early_header_mutation_config_new(nullptr, {"", 0}, good), nullptr);
  EXPECT_EQ(envoy_dynamic_module_on_early_header_mutation_config_new(nullptr, {"shard", 5}, {"2 64 h p", 8}), nullptr);
  EXPECT_EQ(envoy_dynamic_module_on_early_header_mutation_config_new(nullptr, {"shard", 5}, {nullptr, 0}), nullptr);
}

}  // namespace
}  // namespace k8sgw::shard

bool envoy_dynamic_module_callback_early_header_mutation_get_header_value(void* context, k8sgw::module::EnvoyBuffer key,
                                                                          k8sgw::module::EnvoyBuffer* value,
                                                                          size_t index, size_t*) {
  EXPECT_EQ(context, &k8sgw::shard::headers);
  const auto& values = k8sgw::shard::headers[std::string(key.data, key.size)];
  if (index >= values.size()) return false;
  *value = {values[index].data(), values[index].size()};
  return true;
}

bool envoy_dynamic_module_callback_early_header_mutation_set_header(void*, k8sgw::module::EnvoyBuffer key,
                                                                    k8sgw::module::EnvoyBuffer value) {
  k8sgw::shard::headers[std::string(key.data, key.size)] = {std::string(value.data, value.size)};
  return true;
}
