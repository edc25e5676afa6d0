// Base64, durations, UTF-8, nearest words, hashes.
#include "src/base/text.h"

#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "src/base/base64.h"
#include "src/base/go_duration.h"
#include "src/base/hash.h"
#include "src/base/nearest.h"
#include "src/base/utf8.h"

namespace k8sgw {
namespace {

TEST(Base64, Decodes) {
  const std::pair<std::string_view, std::string> kCases[] = {{"", ""},
                                                             {"aGk=", "hi"},
                                                             {"aGk", "hi"},
                                                             {"aGkh", "hi!"},
                                                             {"aA==", "h"},
                                                             {"aG\nk=\r\n", "hi"},
                                                             {" a G k = ", "hi"},
                                                             {"-_-_", "\xfb\xff\xbf"},
                                                             {"+/+/", "\xfb\xff\xbf"}};
  for (const auto& [text, bytes] : kCases) {
    std::string out = "old";
    EXPECT_TRUE(DecodeBase64(text, &out)) << text;
    EXPECT_EQ(out, bytes) << text;
  }
  // Foreign characters, a lone digit, and padding that shows that something was cut off.
  for (std::string_view text :
       {"a", "aGkh!", "a.b=", "aGkha", "=aGk", "aG=k", "aG=", "aGk==", "aGkh=", "====", "aA=\xff"}) {
    std::string out;
    EXPECT_FALSE(DecodeBase64(text, &out)) << text;
  }
}

TEST(Base64, RoundTrip) {
  std::mt19937 random(1);
  for (int size = 0; size < 100; ++size) {
    std::string bytes;
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(random());
    std::string out;
    ASSERT_TRUE(DecodeBase64(EncodeBase64(bytes), &out));
    EXPECT_EQ(out, bytes);
  }
}

TEST(GoDuration, Parses) {
  const std::pair<std::string_view, std::string_view> kCases[] = {{"0", "0s"},
                                                                  {"-0", "0s"},
                                                                  {"0s", "0s"},
                                                                  {"1s", "1s"},
                                                                  {"1.5s", "1.500s"},
                                                                  {"1h30m", "5400s"},
                                                                  {"250ms", "0.250s"},
                                                                  {"-250ms", "-0.250s"},
                                                                  {"+5m", "300s"},
                                                                  {"10us", "0.000010s"},
                                                                  {"10\xC2\xB5s", "0.000010s"},
                                                                  {"10\xCE\xBCs", "0.000010s"},
                                                                  {"7ns", "0.000000007s"},
                                                                  {".5s", "0.500s"},
                                                                  {"1.s", "1s"},
                                                                  {"-1.5h", "-5400s"},
                                                                  {"0.1234567891234s", "0.123456789s"},
                                                                  {"2540400h", "9145440000s"},
                                                                  {"9223372035s", "9223372035s"},
                                                                  {"1m1s1ms", "61.001s"}};
  for (const auto& [text, shown] : kCases) {
    google::protobuf::Duration duration;
    ASSERT_TRUE(ParseGoDuration(text, &duration)) << text;
    EXPECT_EQ(google::protobuf::util::TimeUtil::ToString(duration), shown) << text;
  }
  for (std::string_view text :
       {"",     "-",    "5",     "s",    ".s",   "1",     "1 s",         "1d",
        "1S",   "1s ",  " 1s",   "1e3s", "--1s", "1s-1s", "9223372036s", "99999999999999999999999999h",
        "infs", "0x1s", "1\xC2", "0.s0"}) {
    google::protobuf::Duration duration;
    EXPECT_FALSE(ParseGoDuration(text, &duration)) << text;
  }
}

TEST(Utf8, IsStrict) {
  const std::pair<std::string_view, uint32_t> kCases[] = {{"a", 'a'},
                                                          {"\xC3\xA9", 0xE9},
                                                          {"\xE2\x82\xAC", 0x20AC},
                                                          {"\xF0\x9F\x98\x80", 0x1F600},
                                                          {"\xF4\x8F\xBF\xBF", 0x10FFFF}};
  for (const auto& [text, expected] : kCases) {
    uint32_t code = 0;
    EXPECT_EQ(DecodeUtf8(text, &code), text.size());
    EXPECT_EQ(code, expected);
  }
  // Alone, overlong, surrogate, too large, cut.
  for (std::string_view text :
       {"", "\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xE2\x82", "\xF0\x9F\x98", "\xC3", "\xC3\x28", "\xFF"}) {
    uint32_t code = 0;
    EXPECT_EQ(DecodeUtf8(text, &code), 0u);
  }
}

TEST(Nearest, FindsWhatWasMeant) {
  const std::vector<std::string> names = {"prefix", "regex", "exact", "routeAction", "redirectAction", "s"};
  const std::pair<std::string_view, std::string_view> kCases[] = {{"prefx", "prefix"},
                                                                  {"rpefix", "prefix"},
                                                                  {"PREFIX", "prefix"},
                                                                  {"routeActoin", "routeAction"},
                                                                  {"route_action", "routeAction"},
                                                                  {"redirectAktion", "redirectAction"},
                                                                  {"zzzzzz", ""},
                                                                  {"", "s"},
                                                                  {"host", ""}};
  for (const auto& [word, expected] : kCases) EXPECT_EQ(Nearest(word, names), expected) << word;
  EXPECT_EQ(Nearest("x", {}), "");
  // Of two that are equally near, the first: the answer does not depend on anything else.
  EXPECT_EQ(Nearest("ab", {"ac", "ad"}), "ac");
  EXPECT_EQ(Nearest(std::string(1 << 20, 'p'), names), "");
}

TEST(Hash, IsThatOfEveryMachine) {
  EXPECT_EQ(HexHash(Hash64("")), "2d06800538d394c2");
  EXPECT_EQ(HexHash(Hash64("petstore")), HexHash(Hash64(std::string("pet") + "store")));
  EXPECT_NE(Hash64("a"), Hash64("b"));
  EXPECT_NE(Hash64("a"), Hash64("a", 1));
  EXPECT_NE(HashCombine(1, 2), HashCombine(2, 1));
  EXPECT_EQ(HexHash(10), "000000000000000a");
}

TEST(Text, Cat) {
  EXPECT_EQ(Cat("a", std::string("b"), 3, std::string_view("c"), uint64_t{18446744073709551615u}, -1),
            "ab3c18446744073709551615-1");
}

}  // namespace
}  // namespace k8sgw
