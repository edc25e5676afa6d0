#include "src/base/printable.h"

#include <gtest/gtest.h>

namespace k8sgw {
namespace {

TEST(Printable, KeepsTextOnOneLine) {
  EXPECT_EQ(Printable("vs.yaml:3: größe \"x\""), "vs.yaml:3: größe \"x\"");
  EXPECT_EQ(Printable("a\nb\r\tc"), "a\\nb\\r\\tc");
  EXPECT_EQ(Printable("\x1b[31mred\x7f"), "\\x1b[31mred\\x7f");
  EXPECT_EQ(Printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "2J\xc2\xa0"),
            "\\x9b2J\xc2\xa0");  // U+009B begins a command, too
}

TEST(Printable, ShowsBytesThatAreNotUtf8) {
  EXPECT_EQ(Printable("a\xff\xfe"), "a\\xff\\xfe");
  EXPECT_EQ(Printable("\xc3"), "\\xc3");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
}

TEST(JsonEscaped, IsTheInsideOfAString) {
  EXPECT_EQ(JsonEscaped(R"(say "a\b")"), R"(say \"a\\b\")");
  EXPECT_EQ(JsonEscaped("a\nb\x01"), "a\\u000ab\\u0001");
  EXPECT_EQ(JsonEscaped("größe"), "größe");
  EXPECT_EQ(JsonEscaped("a\xff"), "a\xEF\xBF\xBD");
}

}  // namespace
}  // namespace k8sgw
