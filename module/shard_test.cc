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

uint32_t Of(const std::string& host, uint32_t shards = 4096, uint32_t labels = 0) {
  return ShardOf(AsText(host), shards, labels);
}

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
    for (const uint32_t labels : {0u, 1u, 2u, 3u}) {
      const uint32_t shard = Of(host, 4096, labels);
      for (const std::string suffix : {".", ":80", ".:80", ":", ":abc", "..", ":80:90", ":80."}) {
        EXPECT_EQ(Of(host + suffix, 4096, labels), shard) << host << suffix;
        EXPECT_EQ(Of(Trimmed(host + suffix), 4096, labels), shard) << host << suffix;
      }
    }
  }
  EXPECT_EQ(Of("A.example.com"), Of("a.EXAMPLE.com"));
  EXPECT_NE(Of("a.example.com"), Of("b.example.com"));
}

TEST(ShardTest, LabelsKeepWhatIsBelowADomainTogether) {
  EXPECT_EQ(Of("a.tenant.example.com", 4096, 3), Of("b.c.tenant.example.com:80", 4096, 3));
  EXPECT_NE(Of("a.tenant.example.com", 4096, 4), Of("b.tenant.example.com", 4096, 4));
  EXPECT_EQ(Of("com", 4096, 3), Of("com"));
  EXPECT_EQ(Of("[::1.2.3.4]", 4096, 1), Of("[::1.2.3.4]"));
}

// Another function would need another version: proxies have the old one.
TEST(ShardTest, IsTheFunctionOfItsVersion) {
  EXPECT_STREQ(kVersion, "2");
  EXPECT_EQ(Of("", 4096), 3104u);
  EXPECT_EQ(Of("a.example.com", 4096), 1697u);
  EXPECT_EQ(Of("h9999.example.com", 4096), 2285u);
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
  const auto keys = Keys::Parse(AsText("2 16 0 expect listener-::-8080-routes/2.16.0/"));
  ASSERT_NE(keys, nullptr);
  const Text key = keys->KeyOf(AsText("a.example.com:80"));
  EXPECT_EQ(std::string(key.data, key.size),
            "listener-::-8080-routes/2.16.0/" + std::to_string(Of("a.example.com", 16)));
}

TEST(ShardKeysTest, RefusesWhatItDoesNotKnow) {
  const std::string longest(kLongestPrefix, 'p');
  const std::string name(kLongestHeader, 'h');
  EXPECT_NE(Keys::Parse(AsText("2 4096 16 " + name + " " + longest)), nullptr);
  EXPECT_NE(Keys::Parse(AsText("2 1 0 x-k8sgw-shard p")), nullptr);
  for (const std::string& text : {std::string(),
                                  std::string("2"),
                                  std::string("1 256 0 h p"),
                                  std::string("1 256 0 p"),
                                  std::string("22 256 0 h p"),
                                  std::string("2 0 0 h p"),
                                  std::string("2 4097 0 h p"),
                                  std::string("2 256 17 h p"),
                                  std::string("2 256 0 h "),
                                  std::string("2 256 0 h"),
                                  std::string("2 256 0 "),
                                  std::string("2 256 0"),
                                  std::string("2 256 h p"),
                                  std::string("2  256 0 h p"),
                                  std::string("2 -1 0 h p"),
                                  std::string("2 00256 0 h p"),
                                  std::string("2 256 0 h a b"),
                                  std::string("2 256 0 h \n"),
                                  std::string("2 256 0 h \x80"),
                                  std::string("2 256 0 H p"),
                                  std::string("2 256 0 h:  p"),
                                  std::string("2 256 0  p"),
                                  "2 256 0 h" + name + " p",
                                  "2 256 0 h p" + longest,
                                  std::string("2 99999999999999999999 0 h p")}) {
    EXPECT_EQ(Keys::Parse(AsText(text)), nullptr) << text;
  }
}

// --- the hooks, with an Envoy of one request

std::map<std::string, std::vector<std::string>> headers;

std::string Shard(const std::string& header) {
  const std::string text = "2 64 0 " + header + " p";
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
  const EnvoyBuffer good{"2 64 0 h p", 10};
  EXPECT_EQ(envoy_dynamic_module_on_early_header_mutation_config_new(nullptr, {"shards", 6}, good), nullptr);
  EXPECT_EQ(envoy_dynamic_module_on_early_header_mutation_config_new(nullptr, {"", 0}, good), nullptr);
  EXPECT_EQ(envoy_dynamic_module_on_early_header_mutation_config_new(nullptr, {"shard", 5}, {"1 64 0 h p", 10}),
            nullptr);
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
