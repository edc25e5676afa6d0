// Against a real API server. The definition of Upstreams goes at the end when it was not there before.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "src/base/text.h"
#include "src/discovery/driver/upstream_discovery.h"
#include "src/discovery/test_json.h"
#include "src/model/decode.h"
#include "src/sources/kube/list_watch.h"
#include "src/sources/kube/test_real_api_server.h"

namespace k8sgw::discovery {
namespace {

using std::chrono::milliseconds;
using testing::At;

const kube::Resource kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions", ""};
constexpr char kDefinition[] = "upstreams.gloo.solo.io";

class ApiServerTest : public kube::testing::RealApiServerTest {
 protected:
  // Discovery with its watches, as in a process of its own.
  struct Replica {
    std::unique_ptr<UpstreamDiscovery> discovery;
    std::unique_ptr<kube::ListWatch> services;
    std::unique_ptr<kube::ListWatch> upstreams;
    bool services_there = false;
    bool upstreams_there = false;
  };

  ApiServerTest() : RealApiServerTest("discovery") {}

  void SetUp() override {
    RealApiServerTest::SetUp();
    if (!ready()) return;
    InstallDefinition();
    services_ = {"", "v1", "services", ns_};
    upstreams_ = {"gloo.solo.io", "v1", "upstreams", ns_};
  }
  void TearDown() override {
    RealApiServerTest::TearDown();
    if (!own_definition_) return;
    const kube::Target definition{kDefinitions, kDefinition};
    EXPECT_TRUE(Send(kube::DeleteObject(definition)).status.ok());
    EXPECT_TRUE(Until([&] { return absl::IsNotFound(Send(kube::ReadObject(definition)).status); }));
  }

  void InstallDefinition() {
    std::stringstream text;
    text << std::ifstream(Cat("chart/crds/", kDefinition, ".yaml")).rdbuf();
    const yaml::Stream stream = yaml::Parse(text.str());
    ASSERT_TRUE(stream.ok && stream.documents.size() == 1);
    const absl::Status made = Send(kube::CreateObject(kDefinitions, yaml::EmitJson(stream.documents[0], 0))).status;
    ASSERT_TRUE(made.ok() || absl::IsAlreadyExists(made)) << made;
    own_definition_ = made.ok();
    const kube::Resource all{"gloo.solo.io", "v1", "upstreams", "default"};
    ASSERT_TRUE(Until([&] { return Send({"GET", kube::CollectionPath(all), "", ""}).status.ok(); }));
  }

  std::unique_ptr<Replica> Start() {
    auto replica = std::make_unique<Replica>();
    Replica* const it = replica.get();
    Options options;
    options.write_namespace = ns_;
    it->discovery = std::make_unique<UpstreamDiscovery>(
        UpstreamDiscovery::Environment{
            .now = [] { return kube::Loop::Now(); },
            .at = [this](auto when, std::function<void()> what) { loop_.At(when, std::move(what)); },
            .send = [this](kube::WriteRequest request,
                           kube::Writer::Done done) { writer_->Send(std::move(request), std::move(done)); },
            .random = [] { return 0.5; },
            .log = [](const std::string& words) { printf("%s\n", words.c_str()); }},
        options, UpstreamDiscovery::Limits{.rate = {200, 400}});
    const auto follow = [&](const kube::Resource& resource, auto take, bool& there) {
      const auto told = [it, &there](const kube::Health& health) {
        there = there || health.synced;
        if (it->services_there && it->upstreams_there) it->discovery->Complete();
        it->discovery->Flush();
      };
      return std::make_unique<kube::ListWatch>(
          *client_, resource, kube::ReflectorOptions{}, [] { return 0.5; },
          kube::ListWatch::Consumer{[it, take](const kube::Batch& batch) {
                                      for (const kube::Event& event : batch.events) take(*it->discovery, event);
                                      it->discovery->Flush();
                                    },
                                    told});
    };
    it->services = follow(services_, TakeService, it->services_there);
    it->upstreams = follow(
        upstreams_, [](UpstreamDiscovery& discovery, const kube::Event& event) { discovery.Observe(event); },
        it->upstreams_there);
    it->discovery->SetLeading(true);
    EXPECT_TRUE(Until([&] { return it->services_there && it->upstreams_there; }));
    return replica;
  }
  static void TakeService(UpstreamDiscovery& discovery, const kube::Event& event) {
    const ServiceRef ref{event.object.meta.namespace_, event.object.meta.name};
    if (event.kind == kube::Event::Kind::kDelete) return discovery.SetService(ref, nullptr);
    yaml::Node object = *yaml::FromJson(event.object.json);
    testing::Merge(object, *yaml::FromJson(yaml::Padded(R"({"apiVersion":"v1","kind":"Service"})").view()));
    const DecodedDocument decoded = DecodeKubernetes(object, "");
    discovery.SetService(ref, decoded.objects.at(0).As<core::Service>());
  }
  bool Settles(const Replica& replica) {
    return Until([&] { return replica.discovery->IsSettled(); });
  }

  absl::Status MakeService(const std::string& name, const std::string& annotations = "") {
    return Send(
               kube::CreateObject(
                   services_,
                   Cat(R"({"metadata":{"name":")", name, R"(","annotations":{)", annotations,
                       R"(}},"spec":{"selector":{"app":"a"},"ports":[{"name":"grpc","port":80},{"name":"b","port":81}]}})")))
        .status;
  }
  // nullopt when it is not there.
  std::optional<yaml::Node> Upstream(const std::string& service, int port) {
    const kube::WriteResult read = Send(kube::ReadObject({upstreams_, Cat(ns_, "-", service, "-", port)}));
    if (!read.status.ok()) return std::nullopt;
    return *yaml::FromJson(yaml::Padded(read.body).view());
  }
  absl::Status Edit(const std::string& service, int port, const std::string& patch) {
    return Send(kube::MergePatch({upstreams_, Cat(ns_, "-", service, "-", port)}, patch)).status;
  }

  kube::Resource services_;
  kube::Resource upstreams_;
  bool own_definition_ = false;
};

TEST_F(ApiServerTest, UpstreamsFollowServicesAndKeepEdits) {
  ASSERT_TRUE(MakeService("a", R"("gloo.solo.io/sslService.secret":"81:s","n":"t")").ok());
  const auto replica = Start();
  ASSERT_TRUE(Until([&] { return Upstream("a", 80) && Upstream("a", 81); }));
  const yaml::Node made = *Upstream("a", 80);
  EXPECT_EQ(At(made, "metadata", "labels"), R"({"discovered_by": "kubernetesplugin"})");
  EXPECT_EQ(At(made, "metadata", "annotations", "n"), R"("t")");
  EXPECT_EQ(At(made, "spec", "useHttp2"), "true");
  EXPECT_EQ(At(made, "spec", "sslConfig"), "");
  EXPECT_EQ(At(*Upstream("a", 81), "spec", "sslConfig", "secretRef", "name"), R"("s")");

  ASSERT_TRUE(Edit("a", 80, R"({"spec":{"connectionConfig":{"connectTimeout":"3s"}}})").ok());
  ASSERT_TRUE(Edit("a", 81, R"({"metadata":{"labels":{"discovered_by":null}}})").ok());
  ASSERT_TRUE(Send(kube::MergePatch({services_, "a"}, R"({"spec":{"selector":{"app":"b"}}})")).status.ok());
  ASSERT_TRUE(Until([&] { return At(*Upstream("a", 80), "spec", "kube", "selector", "app") == R"("b")"; }));
  EXPECT_EQ(At(*Upstream("a", 80), "spec", "connectionConfig", "connectTimeout"), R"("3s")");
  ASSERT_TRUE(Send(kube::DeleteObject({services_, "a"})).status.ok());
  ASSERT_TRUE(Until([&] { return !Upstream("a", 80); }));
  ASSERT_TRUE(Settles(*replica));
  EXPECT_EQ(At(*Upstream("a", 81), "spec", "kube", "selector", "app"), R"("a")") << "it is people's now";
}

TEST_F(ApiServerTest, WhoStartsAgainWritesNothing) {
  const std::string config =
      R"("gloo.solo.io/upstream_config":"{\"healthChecks\":[{\"timeout\":\"1s\",\"interval\":\"5s\",)"
      R"(\"unhealthyThreshold\":3,\"healthyThreshold\":1,\"httpHealthCheck\":{\"path\":\"/\"}}],)"
      R"(\"maxConcurrentStreams\":7,\"loadBalancerConfig\":{\"ringHash\":{}}}")";
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(MakeService(Cat("s", i), config).ok());
  const auto start = kube::Loop::Now();
  auto replica = Start();
  ASSERT_TRUE(Until([&] { return replica->discovery->counters().created == 200; }));
  ASSERT_TRUE(Settles(*replica));
  const auto spent = std::chrono::duration_cast<milliseconds>(kube::Loop::Now() - start);
  printf("200 Upstreams: %d ms\n", static_cast<int>(spent.count()));
  EXPECT_EQ(replica->discovery->counters(), (UpstreamDiscovery::Counters{.created = 200}));
  replica.reset();
  replica = Start();
  Until([] { return false; }, milliseconds(500));
  EXPECT_TRUE(replica->discovery->IsSettled());
  EXPECT_EQ(replica->discovery->counters(), UpstreamDiscovery::Counters());
}

TEST_F(ApiServerTest, TwoWhoBothThinkTheyLeadDoNoHarm) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(MakeService(Cat("s", i)).ok());
  const auto first = Start();
  const auto second = Start();
  for (int i = 0; i < 20; ++i) {
    writer_->Send(kube::MergePatch({services_, Cat("s", i)}, R"({"metadata":{"labels":{"team":"blue"}}})"),
                  [](const kube::WriteResult&) {});
  }
  ASSERT_TRUE(Until([&] {
    for (int i = 0; i < 20; ++i) {
      const auto upstream = Upstream(Cat("s", i), 81);
      if (!upstream || At(*upstream, "spec", "discoveryMetadata", "labels", "team").empty()) return false;
    }
    return true;
  }));
  ASSERT_TRUE(Settles(*first) && Settles(*second));
  EXPECT_EQ(first->discovery->counters().created + second->discovery->counters().created, 40U);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Send(kube::DeleteObject({services_, Cat("s", i)})).status.ok());
  ASSERT_TRUE(Until([&] { return !Upstream("s19", 80) && !Upstream("s19", 81); }));
  EXPECT_TRUE(Settles(*first) && Settles(*second));
}

// Somebody in the cluster does not let Upstreams be written.
TEST_F(ApiServerTest, ARefusalIsSaidAndOvercome) {
  ASSERT_TRUE(
      Send(kube::CreateObject({"", "v1", "resourcequotas", ns_},
                              R"({"metadata":{"name":"q"},"spec":{"hard":{"count/upstreams.gloo.solo.io":"0"}}})"))
          .status.ok());
  ASSERT_TRUE(Until([&] {
    const kube::WriteResult read = Send(kube::ReadObject({{"", "v1", "resourcequotas", ns_}, "q"}));
    return read.status.ok() && read.body.find("\"used\"") != std::string::npos;
  }));
  ASSERT_TRUE(MakeService("a").ok());
  const auto replica = Start();
  ASSERT_TRUE(Until([&] { return replica->discovery->counters().refused > 3; }));
  EXPECT_EQ(replica->discovery->counters().created, 0U);
  ASSERT_TRUE(Send(kube::DeleteObject({{"", "v1", "resourcequotas", ns_}, "q"})).status.ok());
  EXPECT_TRUE(Until([&] { return replica->discovery->counters().created == 2; }));
}

}  // namespace
}  // namespace k8sgw::discovery
