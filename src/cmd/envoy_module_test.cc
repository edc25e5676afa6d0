#include "src/cmd/envoy_module.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace k8sgw {
namespace {

TEST(CanLoadModule, OnlyTheEnvoysThatItIsMadeFor) {
  EXPECT_TRUE(CanLoadModule(std::nullopt)) << "who does not say what it is, is believed";
  const auto can = [](uint32_t major, uint32_t minor) { return CanLoadModule(xds::EnvoyVersion{major, minor, 3}); };
  EXPECT_TRUE(can(1, 40));
  EXPECT_TRUE(can(1, 41));
  EXPECT_FALSE(can(1, 39));
  EXPECT_FALSE(can(1, 42));
  EXPECT_FALSE(can(2, 40));
}

// A program that says this.
std::string Saying(const std::string& words) {
  const std::string path = ::testing::TempDir() + "an 'Envoy'";
  std::ofstream(path) << "#!/bin/sh\n" << "[ \"$1\" = --version ] && printf '" << words << "'\n";
  chmod(path.c_str(), 0755);
  return path;
}

TEST(VersionOfEnvoy, IsWhatItSays) {
  const auto version = VersionOfEnvoy(Saying("\\n/bin/envoy  version: 9e55/1.38.2/Clean/RELEASE/BoringSSL\\n\\n"));
  ASSERT_TRUE(version.has_value());
  EXPECT_EQ(version->major, 1U);
  EXPECT_EQ(version->minor, 38U);
  EXPECT_EQ(version->patch, 2U);
  EXPECT_EQ(VersionOfEnvoy(Saying("version: none")), std::nullopt);
  EXPECT_EQ(VersionOfEnvoy("/nobody"), std::nullopt);
}

}  // namespace
}  // namespace k8sgw
