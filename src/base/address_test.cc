#include "src/base/address.h"

#include <gtest/gtest.h>

namespace k8sgw {
namespace {

TEST(Address, IsAnIpAddressOrAName) {
  for (const char* text : {"127.0.0.1", "0.0.0.0", "::", "::1", "fe80::1", "::ffff:1.2.3.4"}) {
    EXPECT_TRUE(IsIpAddress(text)) << text;
  }
  for (const char* text :
       {"", "localhost", "1.2.3", "1.2.3.4.5", "256.0.0.1", "[::1]", "1.2.3.4:80", "01.2.3.4", ":::"}) {
    EXPECT_FALSE(IsIpAddress(text)) << text;
  }
}

TEST(Address, HasOneText) {
  EXPECT_EQ(NormalAddress("0:0:0:0:0:0:0:0"), "::");
  EXPECT_EQ(NormalAddress("FE80::0:1"), "fe80::1");
  EXPECT_EQ(NormalAddress("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(NormalAddress("LocalHost"), "LocalHost");
}

TEST(Address, WithAPort) {
  EXPECT_EQ(HostAndPort("127.0.0.1", 80), "127.0.0.1:80");
  EXPECT_EQ(HostAndPort("::", 8080), "[::]:8080");
  EXPECT_EQ(HostAndPort("localhost", 0), "localhost:0");
  EXPECT_EQ(AnyAddress(8080), "[::]:8080");
}

}  // namespace
}  // namespace k8sgw
