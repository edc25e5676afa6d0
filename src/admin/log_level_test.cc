#include "src/admin/log_level.h"

#include <gtest/gtest.h>

namespace k8sgw::admin {
namespace {

// The level, or "" when it is refused.
std::string Level(const std::string& body, const std::string& query = "") {
  http::Request request;
  request.body.reserve(body.size() + http::kBodyPadding);
  request.body = body;
  request.query = query;
  return ReadLevel(request).value_or("");
}

TEST(LogLevel, IsReadAsJsonAndAsForm) {
  EXPECT_EQ(Level(R"({"level":"debug"})"), "debug");
  EXPECT_EQ(Level(R"({"level": "warn", "other": [1]})"), "warn");
  EXPECT_EQ(Level("level=error"), "error");
  EXPECT_EQ(Level("a=b&level=info&c"), "info");
  EXPECT_EQ(Level("", "level=fatal"), "fatal");
}

TEST(LogLevel, WhatIsNoneIsRefused) {
  for (const char* body : {"", "{", "{}", "[]", R"({"level":{}})", R"({"level":"loud"})", "level=", "level", "debug",
                           "xlevel=debug", "level=DEBUG", "level=debug\n"}) {
    EXPECT_EQ(Level(body), "") << body;
  }
}

TEST(LogLevel, IsWrittenAsPublished) { EXPECT_EQ(WriteLevel("info"), "{\"level\":\"info\"}\n"); }

}  // namespace
}  // namespace k8sgw::admin
