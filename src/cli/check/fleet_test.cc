#include "src/cli/check/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::set<std::string> kPods = {"gloo-system/gw-1", "edge/gw-2"};
const std::set<std::string> kProxies = {"gateway-proxy"};

auto Tells(bool error, const std::string& object, const std::string& what, const std::string& mend) {
  return AllOf(Field(&Finding::error, error), Field(&Finding::object, object), Field(&Finding::what, HasSubstr(what)),
               Field(&Finding::mend, HasSubstr(mend)), Field(&Finding::section, "xds-metrics"));
}

ServedClient Good() {
  return {"gw-1.gloo-system", "gloo-system~gateway-proxy", "gloo-system~gateway-proxy", {}, {}, 7};
}

Look One(ServedClient client) {
  return {{"gloo-system/gloo-1", true, true, 0, {"gloo-system~gateway-proxy"}, {std::move(client)}}};
}

Findings Check(const std::vector<Look>& looks) { return CheckControl(looks, true, "gloo-system", kPods, kProxies); }

TEST(ControlView, IsReadFromItsPage) {
  const auto view = ReadControlView("ns/gloo", R"({"data": {"ready": true, "leads": false, "worldAgeSeconds": 4,
    "roles": ["a~b"], "clients": [{"node": "n", "role": "a~b", "serving": "a~b", "behind": ["routes"],
    "refused": [{"type": "listeners", "name": "l"}], "answers": 9}]}, "error": ""})");
  ASSERT_TRUE(view.ok()) << view.status();
  EXPECT_TRUE(view->ready && !view->leads);
  EXPECT_EQ(view->world_age_seconds, 4);
  EXPECT_THAT(view->roles, ElementsAre("a~b"));
  ASSERT_EQ(view->clients.size(), 1u);
  EXPECT_THAT(view->clients[0].behind, ElementsAre("routes"));
  EXPECT_THAT(view->clients[0].refused, ElementsAre("listener l"));
  EXPECT_EQ(view->clients[0].answers, 9);
  EXPECT_FALSE(ReadControlView("ns/gloo", "not found\n").ok());
  EXPECT_FALSE(ReadControlView("ns/gloo", R"({"data": 5})").ok());
}

TEST(ServerInfo, SaysWhoAnEnvoyIs) {
  const auto self = ReadServerInfo(R"({"state": "LIVE", "node": {"id": "gw", "metadata": {"role": "a~b"}}})");
  ASSERT_TRUE(self.ok()) << self.status();
  EXPECT_EQ(self->node, "gw");
  EXPECT_EQ(self->role, "a~b");
  EXPECT_EQ(self->state, "LIVE");
  EXPECT_FALSE(ReadServerInfo("[]").ok());
}

TEST(CheckControl, AGoodFleetIsGoodAtTheFirstLook) {
  EXPECT_FALSE(IsUnsettled({One(Good())}));
  EXPECT_THAT(Check({One(Good())}), IsEmpty());
  EXPECT_THAT(Check({}), IsEmpty());
  EXPECT_THAT(Check({{}}), IsEmpty()) << "no control plane runs, which others tell";
}

TEST(CheckControl, StaleIsWhoStaysBehindWithoutAnAnswer) {
  ServedClient behind = Good();
  behind.behind = {"clusters", "routes"};
  EXPECT_TRUE(IsUnsettled({One(behind)}));
  EXPECT_THAT(Check({One(behind), One(behind)}),
              ElementsAre(Tells(true, "Pod gloo-system/gw-1", "not answered the newest clusters, routes",
                                "kubectl -n gloo-system logs gw-1")));
  EXPECT_THAT(Check({One(behind), One(Good())}), IsEmpty()) << "it came in time";
  ServedClient on_its_way = behind;
  on_its_way.answers = 8;
  EXPECT_THAT(Check({One(behind), One(on_its_way)}), IsEmpty());
  EXPECT_FALSE(IsUnsettled({One(behind), One(on_its_way)}));
}

TEST(CheckControl, WhoRefusesIsTold) {
  ServedClient refuses = Good();
  refuses.node = "mine";
  refuses.refused = {"listener l"};
  EXPECT_THAT(Check({One(refuses)}), ElementsAre(Tells(true, "Envoy mine of gloo-system~gateway-proxy",
                                                       "refuses the newest version of listener l", "Envoy's words")));
  refuses.behind = {"routes"};
  EXPECT_EQ(Check({One(refuses), One(refuses)}).size(), 1u) << "it never asks for the routes of that listener";
}

TEST(CheckControl, WhatOthersMayKnowIsNotTold) {
  Look look = One(Good());
  look[0].leads = false;
  look[0].clients.clear();
  const std::set<std::string> none;
  EXPECT_EQ(CheckControl({look}, true, "gloo-system", none, none).size(), 2u);
  EXPECT_THAT(CheckControl({look}, false, "gloo-system", none, none), IsEmpty());
}

TEST(CheckControl, RolesThatDoNotMeet) {
  ServedClient lost = Good();
  lost.node = "gw-2.edge";
  lost.role = "gloo-system~edge";
  lost.serving = "fallback";
  Look look = One(lost);
  EXPECT_THAT(Check({look}),
              ElementsAre(Tells(true, "Pod edge/gw-2", "gloo-system~edge, which there is none", "Gateway")));
  look[0].roles.clear();
  EXPECT_THAT(Check({look}), IsEmpty()) << "nothing is configured yet";
  look = One(Good());
  look[0].roles = {"gloo-system~gateway-proxy", "gloo-system~typo", "other~one"};
  EXPECT_THAT(Check({look}), ElementsAre(Tells(false, "Proxy gloo-system/typo", "no Envoy asks", "proxyNames")));
}

TEST(CheckControl, ControlPlanesThatAreBehindThemselves) {
  Look look = One(Good());
  look[0].world_age_seconds = 300;
  look[0].leads = false;
  EXPECT_TRUE(IsUnsettled({look}));
  EXPECT_THAT(Check({look}),
              ElementsAre(Tells(true, "Pod gloo-system/gloo-1", "not heard the API server for 300 s", "logs"),
                          Tells(false, "Lease gloo-system/gloo", "no control plane leads", "lease")));
  look = One(Good());
  look[0].ready = false;
  EXPECT_THAT(Check({look}), ElementsAre(Tells(true, "Pod gloo-system/gloo-1", "does not know all objects", "logs")));
}

TEST(CheckServed, NobodyServesIt) {
  const EnvoySelf self{"gw-1.gloo-system", "gloo-system~gateway-proxy", "LIVE"};
  EXPECT_THAT(CheckServed("Pod gloo-system/gw-1", self, One(Good()), "gloo-system"), IsEmpty());
  ServedClient other = Good();
  other.node = "gw-9";
  EXPECT_THAT(
      CheckServed("Pod gloo-system/gw-1", self, One(other), "gloo-system"),
      ElementsAre(Tells(true, "Pod gloo-system/gw-1", "no control plane in namespace gloo-system serves it", "log")));
  EXPECT_THAT(CheckServed("Pod gloo-system/gw-1", self, One(other), "another"), IsEmpty()) << "it is not theirs";
}

yaml::Node Pod(const char* ready) {
  yaml::Stream stream = yaml::Parse(
      "metadata: {name: gw-1, namespace: gloo-system}\nstatus: {phase: Pending, conditions: "
      "[{type: Ready, status: \"" +
      std::string(ready) + "\"}]}");
  return std::move(stream.documents.at(0));
}

TEST(CheckEnvoyState, WhoWaitsOrIsNotReady) {
  EXPECT_THAT(CheckEnvoyState(Pod("True"), {"n", "r", "LIVE"}), IsEmpty());
  EXPECT_THAT(CheckEnvoyState(Pod("False"), {"n", "r", "DRAINING"}), IsEmpty());
  EXPECT_THAT(CheckEnvoyState(Pod("False"), {"n", "r", "LIVE"}),
              ElementsAre(Tells(true, "Pod gloo-system/gw-1", "its pod is not ready", "describe pod gw-1")));
  EXPECT_THAT(CheckEnvoyState(Pod("False"), {"n", "r", "PRE_INITIALIZING"}),
              ElementsAre(Tells(true, "Pod gloo-system/gw-1", "waits for its first configuration", "gloo pod")));
}

TEST(UnknownEnvoy, IsNotPassedOver) {
  EXPECT_THAT(UnknownEnvoy(Pod("False"), ""),
              Tells(true, "Pod gloo-system/gw-1", "does not run (Pending)", "describe"));
  EXPECT_THAT(UnknownEnvoy(Pod("False"), "no answer"),
              Tells(true, "Pod gloo-system/gw-1",
                    "it is not ready, and its Envoy cannot be asked what it has: no answer", "logs gw-1"));
}

}  // namespace
}  // namespace k8sgw::cli
