#include "plugins/grpc_json/http_template.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace k8sgw::plugins::grpc_json {
namespace {

// Each was shown to Envoy 1.40: these it takes, …
TEST(HttpTemplate, TakesWhatEnvoyTakes) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"/", ""},
      {"/a", "/a"},
      {"/{name}", "/*"},
      {"/{name=*}", "/*"},
      {"/{name=a/*}", "/a/*"},
      {"/{name=**}", "/**"},
      {"/{name=**}/x", "/**/x"},
      {"/**", "/**"},
      {"/**/a", "/**/a"},
      {"/a/{name=x/**}/b", "/a/x/**/b"},
      {"/a:v", "/a:v"},
      {"/{name}:x", "/*:x"},
      {"/{a.b}", "/*"},
      {"/{a/b}", "/*"},
      {"/{ name }", "/*"},
      {"/a*", "/a*"},
      {"/a?b c%zz\xc3\xa9", "/a?b c%zz\xc3\xa9"},
      {"/./..", "/./.."},
  };
  for (const auto& [path, shape] : kCases) EXPECT_EQ(ShapeOf(path), shape) << path;
}

// … and these it refuses, with the listener.
TEST(HttpTemplate, RefusesWhatEnvoyRefuses) {
  for (const std::string_view path : {"",
                                      "x",
                                      "/a/",
                                      "//",
                                      "/a//b",
                                      "/{name=**}/*",
                                      "/**/**",
                                      "/a:v/b",
                                      "/a:",
                                      "/{name",
                                      "/name}",
                                      "/{}",
                                      "/{=a}",
                                      "/{a..b}",
                                      "/{a={b}}",
                                      "/*a",
                                      "/***",
                                      "/{name}x",
                                      "/a{b}",
                                      "/{name=}",
                                      "/a:b:c",
                                      "/:x",
                                      "/{name=a:b}",
                                      "/{name}/",
                                      "/{name=*}{note}"}) {
    EXPECT_EQ(ShapeOf(path), std::nullopt) << path;
  }
}

}  // namespace
}  // namespace k8sgw::plugins::grpc_json
