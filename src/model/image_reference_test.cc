#include "src/model/image_reference.h"

#include <gtest/gtest.h>

namespace k8sgw {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string Parsed(std::string_view text) {
  const auto reference = ParseImageReference(text);
  return reference.ok() ? reference->ToString() : "bad: " + std::string(reference.status().message());
}

TEST(ImageReference, TakesWhatOthersTake) {
  EXPECT_EQ(Parsed("r.example.com/a/b:v1"), "r.example.com/a/b:v1");
  EXPECT_EQ(Parsed("r.example.com/a"), "r.example.com/a:latest");
  EXPECT_EQ(Parsed("oci://r.example.com:5000/a:V.1-x_2"), "r.example.com:5000/a:V.1-x_2");
  EXPECT_EQ(Parsed("localhost/a"), "localhost/a:latest");
  EXPECT_EQ(Parsed("localhost:5000/a"), "localhost:5000/a:latest");
  EXPECT_EQ(Parsed("[::1]:5000/a"), "[::1]:5000/a:latest");
  EXPECT_EQ(Parsed("filter"), "docker.io/library/filter:latest");
  EXPECT_EQ(Parsed("team/filter:v2"), "docker.io/team/filter:v2");
  EXPECT_EQ(Parsed("r.io/a__b/c--d.e@" + kDigest), "r.io/a__b/c--d.e@" + kDigest);
  // The digest says more than the tag.
  EXPECT_EQ(Parsed("r.io/a:v1@" + kDigest), "r.io/a@" + kDigest);
}

TEST(ImageReference, SaysWhatIsWrong) {
  EXPECT_EQ(Parsed(""), "bad: is empty");
  EXPECT_EQ(Parsed("https://r.io/a"), "bad: is a URL, and no name of an image");
  EXPECT_EQ(Parsed(std::string(513, 'a')), "bad: is longer than 512 characters");
  EXPECT_EQ(Parsed("r.io/a@sha256:12"),
            "bad: has the digest \"sha256:12\", which is no sha256: with 64 hexadecimal digits");
  for (const std::string_view registry : {"r.io:", "r.io:0", "r.io:65536", "r.io:x", ".io", "-.io", "a_b.io", "[::1",
                                          "a b.io", "u@r.io", "r.io:80:80", "[]:5", "r.io:999999"}) {
    EXPECT_TRUE(Parsed(std::string(registry) + "/a").starts_with("bad: ")) << registry;
  }
  for (const std::string_view repository :
       {"", "A", "a/", "/a", "a//b", "a/../b", "a..b", "-a", "a-", "a%2fb", "a?b", "a#b", "a\nb"}) {
    EXPECT_TRUE(Parsed("r.io/" + std::string(repository)).starts_with("bad: ")) << repository;
  }
  for (const std::string& tag : {std::string(), std::string(".a"), std::string("-a"), std::string("a b"),
                                 std::string("a/b"), std::string("a\r\nx: y"), std::string(129, 'a')}) {
    EXPECT_TRUE(Parsed("r.io/a:" + tag).starts_with("bad: ")) << tag;
  }
}

}  // namespace
}  // namespace k8sgw
