#include "src/bootstrap/bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::bootstrap {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Bootstrap, WhereTheAdminPageIs) {
  const auto socket = ReadBootstrap("admin: {address: {socket_address: {address: 127.0.0.1, port_value: 19000}}}");
  ASSERT_TRUE(socket.ok());
  EXPECT_EQ(socket->admin.host, "127.0.0.1");
  EXPECT_EQ(socket->admin.port, 19000);
  EXPECT_EQ(ReadBootstrap("admin: {address: {socket_address: {address: '::', port_value: 1}}}")->admin.host, "::1");
  EXPECT_EQ(ReadBootstrap("admin: {address: {socketAddress: {address: 0.0.0.0, portValue: 7}}}")->admin.port, 7);
  EXPECT_EQ(ReadBootstrap("admin: {address: {pipe: {path: /run/admin}}}")->admin.path, "/run/admin");
  for (const char* none : {"node: {}", "admin: {}", "admin: 3", "admin: {address: [1]}"}) {
    EXPECT_FALSE(ReadBootstrap(none)->admin.exists()) << none;
  }
}

TEST(Bootstrap, WhatIsNoMapOfFieldsIsRefusedWithItsLine) {
  const auto error = [](std::string_view text) { return std::string(ReadBootstrap(text).status().message()); };
  EXPECT_THAT(error("a: 1\nb: [\n"), HasSubstr("line "));
  EXPECT_THAT(error(""), HasSubstr("line 1: it is not one map"));
  EXPECT_THAT(error("[1]"), HasSubstr("it is not one map"));
  EXPECT_THAT(error("a: 1\n---\nb: 1"), HasSubstr("line 3: it is not one map"));
}

TEST(Bootstrap, ListenersForThoseWhoLookAfterItDoNotCount) {
  const auto bootstrap = ReadBootstrap(R"(
static_resources:
  listeners:
  - {name: prometheus_listener, address: {socket_address: {address: 0.0.0.0, port_value: 8081}}}
  - {name: read_config_listener, address: {socket_address: {address: '::', port_value: 8082}}}
  - {name: readiness_listener, stat_prefix: mine, address: {}}
  - {name: shop, address: {socket_address: {address: 0.0.0.0, port_value: 80}}}
)");
  ASSERT_TRUE(bootstrap.ok());
  EXPECT_THAT(bootstrap->own_listeners, ElementsAre("0.0.0.0_8081", "[__]_8082", "mine"));
  EXPECT_EQ(ActiveConnections("listener.0.0.0.0_8081.downstream_cx_active: 4\n"
                              "listener.[__]_8080.downstream_cx_active: 3\n"
                              "listener.[__]_8080.worker_0.downstream_cx_active: 3\n"
                              "listener.admin.downstream_cx_active: 1\n"
                              "listener.admin.main_thread.downstream_cx_active: 1\n"
                              "listener.mine.downstream_cx_active: 1\n"
                              "http.ingress.downstream_cx_active: 3\n"
                              "listener.0.0.0.0_80.downstream_cx_active: 2",
                              bootstrap->own_listeners),
            5);
  EXPECT_EQ(ActiveConnections("", {}), 0);
}

}  // namespace
}  // namespace k8sgw::bootstrap
