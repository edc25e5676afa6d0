#include "src/wasm_cache/docker_config.h"

#include <gtest/gtest.h>

#include "src/base/base64.h"
#include "src/base/text.h"

namespace k8sgw::wasm_cache {
namespace {

std::string Auth(const std::string& pair) { return Cat(R"({"auth":")", EncodeBase64(pair), R"("})"); }

TEST(DockerConfig, Logins) {
  const auto logins = ParseDockerConfig(Cat(R"({"auths":{"https://index.docker.io/v1/":)", Auth("hub:p:w"),
                                            R"(,"r.io":{"username":"ada","password":"x"},"https://q.io:5000/v2/":)",
                                            Auth("q:5"), R"(,"r.io/team":)", Auth("team:t"), R"(,"empty.io":{}}})"));
  ASSERT_TRUE(logins.ok()) << logins.status();
  EXPECT_EQ(FindLogin(*logins, "docker.io", "library/a"), (Login{"hub", "p:w"}));
  EXPECT_EQ(FindLogin(*logins, "r.io", "a"), (Login{"ada", "x"}));
  EXPECT_EQ(FindLogin(*logins, "r.io", "team/a"), (Login{"team", "t"}));
  EXPECT_EQ(FindLogin(*logins, "r.io", "teams/a"), (Login{"ada", "x"}));
  EXPECT_EQ(FindLogin(*logins, "q.io:5000", "a"), (Login{"q", "5"}));
  EXPECT_TRUE(FindLogin(*logins, "q.io", "a").empty());
  EXPECT_TRUE(FindLogin(*logins, "empty.io", "a").empty());
}

TEST(DockerConfig, ErrorsShowNothing) {
  for (const std::string& text :
       {std::string(), std::string("s3cret"), std::string("[]"), std::string("{}"), std::string(R"({"auths":7})"),
        std::string(R"({"auths":{"r.io":{"auth":"s3cret!"}}})"), Cat(R"({"auths":{"r.io":)", Auth("s3cret"), "}}")}) {
    const auto logins = ParseDockerConfig(text);
    ASSERT_FALSE(logins.ok()) << text;
    EXPECT_EQ(logins.status().message().find("s3cret"), absl::string_view::npos);
  }
}

}  // namespace
}  // namespace k8sgw::wasm_cache
