#include "src/http/listen.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "src/base/address.h"
#include "src/base/test_ipv6.h"

namespace k8sgw::http {
namespace {

using k8sgw::testing::Answers;

TEST(Listen, AnyAddressIsOfBothFamilies) {
  if (!k8sgw::testing::HasIpv6()) GTEST_SKIP() << "this machine has no IPv6";
  const auto fd = Listen(AnyAddress(0));
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_TRUE(Answers("127.0.0.1", PortOf(*fd)));
  EXPECT_TRUE(Answers("::1", PortOf(*fd)));
  close(*fd);
}

TEST(Listen, WithoutIpv6ItIsThatOfIpv4) {
  const bool ran = k8sgw::testing::RunWithoutIpv6([] {
    const auto fd = Listen(AnyAddress(0));
    ASSERT_TRUE(fd.ok()) << fd.status();
    EXPECT_TRUE(Answers("127.0.0.1", PortOf(*fd)));
    close(*fd);
    // One address is not exchanged for others.
    EXPECT_FALSE(Listen("[::1]:0").ok());
  });
  if (!ran) GTEST_SKIP() << "no seccomp here";
}

TEST(Listen, AnAddressOfIpv4IsThatAlone) {
  const auto fd = Listen("0.0.0.0:0");
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_TRUE(Answers("127.0.0.1", PortOf(*fd)));
  EXPECT_FALSE(Answers("::1", PortOf(*fd)));
  close(*fd);
}

TEST(Listen, APortThatIsTakenIsNotTriedElsewhere) {
  const auto fd = Listen(AnyAddress(0));
  ASSERT_TRUE(fd.ok()) << fd.status();
  const auto second = Listen(AnyAddress(PortOf(*fd)));
  EXPECT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find("in use"), std::string_view::npos) << second.status();
  close(*fd);
}

}  // namespace
}  // namespace k8sgw::http
