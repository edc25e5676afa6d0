// The whole with an API server of the test's own; `make tsan` looks for races in it.
#include "src/xds_auth/service_accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "src/base/text.h"
#include "src/sources/kube/loop.h"

namespace k8sgw::xds_auth {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using Answer = absl::StatusOr<Ptr<xds::Identity>>;

constexpr char kReview[] = "/apis/authentication.k8s.io/v1/tokenreviews";
constexpr char kAccess[] = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
constexpr char kRole[] = "gloo-system~gateway-proxy";

struct ServiceAccountsTest : ::testing::Test {
  ServiceAccountsTest() {
    options.grants = ParseGrants({"edge/envoy=gloo-system~gateway-proxy"}).value();
    options.reviews.wait = 2s;
    options.reviews.wait_known = 20ms;
    Start();
  }
  ~ServiceAccountsTest() override { accounts->Stop(); }

  void Start() {
    accounts.emplace(
        options,
        ServiceAccounts::Api{.post = [this](std::function<void()> work) { thread.loop().Post(std::move(work)); },
                             .now = [this] { return kube::Loop::Now() + ahead.load(); },
                             .at = [this](ServiceAccounts::Time when,
                                          std::function<void()> what) { thread.loop().At(when - ahead.load(), what); },
                             .send = [this](kube::WriteRequest request,
                                            kube::Writer::Done done) { Serve(std::move(request), std::move(done)); }},
        [this](const std::string& what, bool) { logged.push_back(what); });
  }

  // Tokens are "x.ACCOUNT.x"; those of pods "x.ACCOUNT-POD-LABEL.x"; others are not known.
  void Serve(const kube::WriteRequest& request, const kube::Writer::Done& done) {
    ++requests;
    if (hangs) return;
    if (away) return done({absl::UnavailableError("no connection"), {}, ""});
    if (request.target == kAccess) {
      const bool may = request.body.find("system:serviceaccount:edge:envoy") != std::string::npos;
      return done({absl::OkStatus(), {}, Cat(R"({"status":{"allowed":)", may ? "true}}" : "false}}")});
    }
    if (request.target != kReview) {
      EXPECT_EQ(request.target, "/api/v1/namespaces/gloo-system/pods/p-1");
      return done({absl::OkStatus(), {}, R"({"metadata":{"uid":"u-1","labels":{"gateway-proxy-id":"internal"}}})"});
    }
    const auto user = [&](std::string_view name, std::string_view extra = "") {
      return Cat(R"({"status":{"authenticated":true,"audiences":["k8sgateway-xds"],"user":{"username":")",
                 "system:serviceaccount:", name, R"(","extra":{)", extra, "}}}}");
    };
    std::string body = R"({"status":{"error":"not known"}})";
    if (request.body.find("x.proxy.x") != std::string::npos) body = user("gloo-system:gateway-proxy");
    if (request.body.find("x.edge.x") != std::string::npos) body = user("edge:envoy");
    if (request.body.find("x.pod.x") != std::string::npos) {
      body = user("gloo-system:gateway-proxy",
                  R"("authentication.kubernetes.io/pod-name":["p-1"],"authentication.kubernetes.io/pod-uid":["u-1"])");
    }
    done({absl::OkStatus(), {}, body});
  }

  Answer Ask(const std::string& token) {
    std::promise<Answer> answer;
    accounts->Authenticate({{"Bearer " + token}, "ipv4:10.0.0.7:1"},
                           [&](const Answer& given) { answer.set_value(given); });
    return answer.get_future().get();
  }

  ServiceAccountOptions options;
  std::atomic<bool> away = false;
  std::atomic<bool> hangs = false;
  std::atomic<int> requests = 0;
  std::atomic<std::chrono::milliseconds> ahead = 0ms;
  std::vector<std::string> logged;  // the client's thread only, while it runs
  std::optional<ServiceAccounts> accounts;
  // Ends first.
  kube::LoopThread thread;
};

TEST_F(ServiceAccountsTest, TokensBecomeIdentities) {
  const Answer proxy = Ask("x.proxy.x");
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  EXPECT_TRUE((*proxy)->MayHave(kRole).ok());
  EXPECT_EQ(requests, 1);
  const Answer edge = Ask("x.edge.x");
  ASSERT_TRUE(edge.ok());
  EXPECT_TRUE((*edge)->MayHave(kRole).ok()) << "it was granted";
  const Answer pod = Ask("x.pod.x");
  ASSERT_TRUE(pod.ok());
  EXPECT_TRUE((*pod)->MayHave("gloo-system~internal").ok());
  EXPECT_FALSE((*pod)->MayHave(kRole).ok());
  EXPECT_EQ(requests, 4) << "the pod was asked about, too";
}

TEST_F(ServiceAccountsTest, ReadersNeedARightInPlaceOfARole) {
  accounts->Stop();
  options.readers_of = "gloo-system";
  Start();
  const Answer edge = Ask("x.edge.x");
  ASSERT_TRUE(edge.ok()) << edge.status();
  EXPECT_TRUE((*edge)->MayHave("").ok());
  EXPECT_EQ(requests, 2);
  const Answer proxy = Ask("x.proxy.x");
  ASSERT_TRUE(proxy.ok()) << proxy.status();
  const absl::Status refused = (*proxy)->MayHave("");
  EXPECT_TRUE(absl::IsPermissionDenied(refused));
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("gloo-system/gateway-proxy may not get proxies.gloo.solo.io in the namespace gloo-system"));
  EXPECT_TRUE(absl::IsUnauthenticated(Ask("x.nobody.x").status()));
  EXPECT_EQ(requests, 5);
}

TEST_F(ServiceAccountsTest, OthersAreRefused) {
  const Answer unknown = Ask("x.nobody.x");
  EXPECT_TRUE(absl::IsUnauthenticated(unknown.status()));
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("not known"));
  EXPECT_EQ(requests, 1);
  EXPECT_TRUE(absl::IsUnauthenticated(Ask("garbage").status()));
  EXPECT_EQ(requests, 1) << "nobody was asked about garbage";
}

TEST_F(ServiceAccountsTest, AnApiServerThatIsAwayOrHangs) {
  ASSERT_TRUE(Ask("x.proxy.x").ok());
  ahead = 61s;
  away = true;
  EXPECT_TRUE(Ask("x.proxy.x").ok()) << "it is known";
  const Answer edge = Ask("x.edge.x");
  EXPECT_TRUE(absl::IsUnavailable(edge.status()));
  EXPECT_THAT(std::string(edge.status().message()), Not(HasSubstr("no connection"))) << "that is for the log";
  away = false;
  EXPECT_TRUE(Ask("x.edge.x").ok());
  hangs = true;
  EXPECT_TRUE(Ask("x.proxy.x").ok()) << "it is known, and does not wait for long";
  EXPECT_TRUE(absl::IsUnavailable(Ask("x.pod.x").status()));
  thread.Do([this] {
    ASSERT_EQ(logged.size(), 2U);
    EXPECT_THAT(logged[0], HasSubstr("no connection"));
    EXPECT_THAT(logged[1], HasSubstr("again"));
  });
}

TEST_F(ServiceAccountsTest, ManyThreadsWithFewTokensMakeFewRequests) {
  std::vector<std::thread> threads;
  std::atomic<int> passed = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 200; ++n) {
        if (Ask(i % 2 ? "x.proxy.x" : "x.nobody.x").ok()) ++passed;
      }
    });
  }
  for (auto& one : threads) one.join();
  EXPECT_EQ(passed, 4 * 200);
  EXPECT_EQ(requests, 2);
}

TEST_F(ServiceAccountsTest, WhoWaitsAtTheEndIsTold) {
  hangs = true;
  std::thread stop([this] {
    while (requests == 0) std::this_thread::yield();
    accounts->Stop();
  });
  EXPECT_TRUE(absl::IsUnavailable(Ask("x.proxy.x").status()));
  stop.join();
  hangs = false;
  EXPECT_TRUE(absl::IsUnavailable(Ask("x.proxy.x").status()));
}

TEST(AddressOf, IsWithoutThePort) {
  EXPECT_EQ(AddressOf("ipv4:10.0.0.7:40112"), "ipv4:10.0.0.7");
  EXPECT_EQ(AddressOf("ipv6:[fd00::7]:40112"), "ipv6:[fd00::7]");
  // What stands in front of all others has no bound.
  for (const char* local : {"ipv4:127.0.0.1:1", "ipv6:[::1]:1", "ipv6:%5B::1%5D:1", "unix:/run/x", "unix:"}) {
    EXPECT_EQ(AddressOf(local), "") << local;
  }
}

}  // namespace
}  // namespace k8sgw::xds_auth
