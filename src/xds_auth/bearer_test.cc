#include "src/xds_auth/bearer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace k8sgw::xds_auth {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::vector<std::string>& authorization) {
  const auto token = ReadBearer(authorization, "xds");
  EXPECT_TRUE(absl::IsUnauthenticated(token.status())) << token.status();
  EXPECT_THAT(std::string(token.status().message()), HasSubstr("for the audience xds")) << "says what to do";
  return std::string(token.status().message());
}

TEST(Bearer, OneToken) {
  EXPECT_EQ(*ReadBearer({"Bearer aA0-_.b.c"}, "xds"), "aA0-_.b.c");
  EXPECT_EQ(*ReadBearer({"bEARER a.b.c"}, "xds"), "a.b.c");
}

TEST(Bearer, WhatIsNoTokenIsRefusedWithoutAskingAnybody) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("there is no token"));
  EXPECT_THAT(ErrorOf({"Bearer a.b.c", "Bearer a.b.c"}), HasSubstr("more than one"));
  EXPECT_THAT(ErrorOf({"Bearer " + std::string(kMostTokenBytes, 'a') + ".b.c"}), HasSubstr("too large"));
  for (const char* value : {"", "Bearer", "a.b.c", "Basic a.b.c", "Bearera.b.c"}) {
    EXPECT_THAT(ErrorOf({value}), HasSubstr("no Bearer token")) << value;
  }
  for (const std::string token : {"", "garbage", "a.b", "a.b.c.d", ".b.c", "a..c", "a.b.", "a.b.c\"}", "a.b.c d",
                                  " a.b.c", "a.b.c\n", "a.b.\xff", "a.b.c\\", "a.b.c,Bearer d.e.f"}) {
    EXPECT_THAT(ErrorOf({"Bearer " + token}), HasSubstr("not that of a ServiceAccount")) << token;
  }
  EXPECT_THAT(ErrorOf({std::string("Bearer a.b.c\0", 13)}), HasSubstr("not that of a ServiceAccount"));
}

TEST(Bearer, WhatCallersSayIsPrintedOnOneLine) {
  EXPECT_EQ(Printable("a b~c"), "a b~c");
  EXPECT_EQ(Printable("a\n\x1b[0m\xff\\"), "a\\x0a\\x1b[0m\\xff\\x5c");
  EXPECT_LE(Printable(std::string(1 << 20, '\n')).size(), 128U + 6);
}

}  // namespace
}  // namespace k8sgw::xds_auth
