// Snapshots of a pipeline with every kind of secret in it: what is there is shown, and no byte of a key.
#include "src/admin/snapshots.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "src/admin/server.h"
#include "src/admin/worker.h"
#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/model/decode.h"

namespace k8sgw::admin {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kObjects[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: site, namespace: default, annotations: {note: "the key is HEADER-VALUE-OF-THE-SECRET"}}
spec:
  virtualHost:
    domains: ["*"]
    routes:
    - matchers: [{prefix: /}]
      routeAction: {single: {upstream: {name: u, namespace: default}}}
    options:
      headerManipulation:
        requestHeadersToAdd:
        - {headerSecretRef: {name: header, namespace: default}}
---
apiVersion: gateway.solo.io/v1
kind: VirtualService
metadata: {name: bad, namespace: default}
spec: {virtualHost: {domains: [bad.test], routes: [{matchers: [{prefix: /}]}]}}
---
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata: {name: u, namespace: default}
spec: {static: {hosts: [{addr: 127.0.0.1, port: 80}]}}
---
apiVersion: v1
kind: Secret
metadata:
  name: header
  namespace: default
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "stringData: ANNOTATED-SECRET"}
type: gloo.solo.io/header
stringData: {x-secret: HEADER-VALUE-OF-THE-SECRET}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: copied, namespace: default}
data: {a: "before HEADER-VALUE-OF-THE-SECRET after", b: shown}
)";

class SnapshotsTest : public ::testing::Test {
 protected:
  SnapshotsTest() {
    for (const yaml::Node& document : yaml::Parse(kObjects).documents) {
      for (const Change& change : DecodeKubernetes(document, "default").objects) pipeline.Stage(change);
    }
    pipeline.Commit();
  }
  Pipeline pipeline{Pipeline::Options()};
};

TEST_F(SnapshotsTest, ShowWhatThereIs) {
  const std::string input = TakeInput(pipeline)();
  for (const char* text : {R"("kind": "VirtualService")", R"("kind": "Upstream")", R"("kind": "Secret")",
                           R"("apiVersion": "gateway.solo.io/v1")", R"("b": "shown")", R"("error": "")"}) {
    EXPECT_THAT(input, HasSubstr(text));
  }
  const std::string edge = TakeEdge(pipeline)();
  for (const char* text : {R"("name": "listener-::-8080")", R"("proxy": "gloo-system/gateway-proxy")",
                           R"("object": "VirtualService default/bad")", R"("accepted": false)", R"("revision": )"}) {
    EXPECT_THAT(edge, HasSubstr(text));
  }
  const std::string proxies = TakeProxies(pipeline)();
  EXPECT_THAT(proxies, HasSubstr(R"("kind": "Proxy")"));
  EXPECT_THAT(proxies, HasSubstr(R"("bindPort": 8080)"));
  const std::string xds = TakeXds(pipeline)();
  for (const char* text :
       {R"("gloo-system~gateway-proxy": {)", R"("Clusters": {)", R"("Version": ")", "HttpConnectionManager",
        R"("@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router")", R"("u_default": {)"}) {
    EXPECT_THAT(xds, HasSubstr(text));
  }
}

TEST_F(SnapshotsTest, ShowTheGraphThatRuns) {
  const yaml::Stream page = yaml::Parse(TakeGraph(pipeline)());
  ASSERT_EQ(page.documents.size(), 1u);
  const yaml::Node* data = page.documents.front().Find("data");
  ASSERT_NE(data, nullptr);
  EXPECT_EQ(data->FindScalar("revision"), std::to_string(pipeline.graph().revision()));
  const yaml::Node* collections = data->Find("collections");
  ASSERT_NE(collections, nullptr);
  ASSERT_EQ(collections->items.size(), pipeline.graph().nodes().size());
  std::set<std::string> before;
  uint64_t runs = 0;
  for (const yaml::Node& one : collections->items) {
    for (const yaml::Node& input : one.Find("inputs")->items)
      EXPECT_TRUE(before.contains(input.scalar)) << input.scalar;
    before.insert(std::string(one.FindScalar("name")));
    runs += std::stoull(std::string(one.FindScalar("runs")));
  }
  EXPECT_TRUE(before.contains("virtual-services"));
  EXPECT_GT(runs, 0u);
}

TEST_F(SnapshotsTest, ShowNoSecrets) {
  for (const auto take : {TakeInput, TakeEdge, TakeProxies, TakeXds, TakeGraph}) {
    const std::string page = take(pipeline)();
    EXPECT_THAT(page, Not(HasSubstr("HEADER-VALUE")));
    EXPECT_THAT(page, Not(HasSubstr("ANNOTATED")));
  }
  EXPECT_THAT(TakeXds(pipeline)(), HasSubstr("[redacted]")) << "it was there";
}

TEST_F(SnapshotsTest, AreOfTheMomentInWhichTheyWereTaken) {
  const Write write = TakeInput(pipeline);
  Change gone;
  gone.key = {Kind::kUpstream, "default", "u"};
  pipeline.Stage(gone);
  pipeline.Commit();
  EXPECT_THAT(write(), HasSubstr(R"("kind": "Upstream")"));
  EXPECT_THAT(TakeInput(pipeline)(), Not(HasSubstr(R"("kind": "Upstream")")));
}

TEST(Pages, AreFoundByPathAndMethod) {
  Pages pages;
  const auto say = [](std::string text) -> Page {
    return [text](const http::Request&, const http::Reply& reply) { reply({200, "text/plain", text}); };
  };
  pages.by_path["/a"] = {"is read", say("a")};
  pages.by_path["/b"] = {"is read and written", say("b"), say("written")};
  pages.by_path["/d"] = {"is written elsewhere", say("d"), nullptr, "it is written there"};
  const auto ask = [&](const std::string& method, const std::string& path) {
    http::Request request;
    request.method = method;
    request.path = path;
    std::string got;
    pages.Answer(request, [&](const http::Answer& answer) {
      got = Cat(answer.code, " ", answer.body);
      if (answer.code == 405) got += Cat("allows ", answer.headers.at(0).second);
    });
    return got;
  };
  EXPECT_EQ(ask("GET", "/a"), "200 a");
  EXPECT_EQ(ask("HEAD", "/a"), "200 a");
  EXPECT_EQ(ask("PUT", "/b"), "200 written");
  EXPECT_EQ(ask("PUT", "/a"), "405 use GET\nallows GET, HEAD");
  EXPECT_EQ(ask("DELETE", "/b"), "405 use GET or PUT\nallows GET, HEAD, PUT");
  EXPECT_EQ(ask("GET", "/d"), "200 d");
  EXPECT_EQ(ask("PUT", "/d"), "405 use GET: it is written there\nallows GET, HEAD");
  EXPECT_THAT(ask("GET", "/c"), HasSubstr("404 "));
  EXPECT_THAT(ask("GET", ""), HasSubstr("404 "));
  EXPECT_EQ(ask("GET", "/"), "200 /a  is read\n/b  is read and written (GET, PUT)\n/d  is written elsewhere\n");
  EXPECT_THAT(ask("PUT", "/"), HasSubstr("404 "));
}

TEST(Worker, WorkHasABound) {
  std::mutex busy;
  busy.lock();
  std::atomic<int> done = 0;
  {
    Worker worker(2);
    EXPECT_TRUE(worker.Do([&] {
      std::lock_guard<std::mutex> lock(busy);
      ++done;
    }));
    int taken = 0;
    // The first may have begun already, and then two more may wait.
    for (int i = 0; i < 10; ++i) taken += worker.Do([&] { ++done; });
    EXPECT_GE(taken, 1);
    EXPECT_LE(taken, 2);
    busy.unlock();
    for (int i = 0; i < 1000 && done < 1 + taken; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(done, 1 + taken);
  }
}

}  // namespace
}  // namespace k8sgw::admin
