#include "src/cmd/envoy_module.h"

#include <gtest/gtest.h>

#include "src/xds/engine.h"

namespace k8sgw {
namespace {

TEST(CanLoadModule, OnlyTheEnvoysThatItIsMadeFor) {
  xds::Request first;
  EXPECT_TRUE(CanLoadModule(first)) << "who does not say what it is, is believed";
  const auto can = [&](uint32_t major, uint32_t minor) {
    first.envoy = xds::EnvoyVersion{major, minor, 3};
    return CanLoadModule(first);
  };
  EXPECT_TRUE(can(1, 40));
  EXPECT_TRUE(can(1, 41));
  EXPECT_FALSE(can(1, 39));
  EXPECT_FALSE(can(1, 42));
  EXPECT_FALSE(can(2, 40));
}

}  // namespace
}  // namespace k8sgw
