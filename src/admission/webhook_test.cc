// The webhook as an API server sees it, and as somebody who means no good does.
#include "src/admission/webhook.h"

#include <gmock/gmock.h>
#include <google/protobuf/wrappers.pb.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <iterator>
#include <mutex>
#include <thread>

#include "api/gloo/v1/settings.proto.h"
#include "src/admission/test_review.h"
#include "src/base/test_folder.h"
#include "src/base/test_thread.h"
#include "src/base/test_wait.h"
#include "src/http/test_certificate.h"
#include "src/http/test_client.h"
#include "src/model/decode.h"

namespace k8sgw::admission {
namespace {

using http::TestCertificate;
using http::TestClient;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kGateway[] = R"(
apiVersion: gateway.solo.io/v1
kind: Gateway
metadata: {name: http, namespace: gloo-system}
spec: {bindAddress: "::", bindPort: 8080, httpGateway: {}}
)";

class WebhookTest : public ::testing::Test {
 protected:
  WebhookTest() {
    signal(SIGPIPE, SIG_IGN);
    certificate.Make("one");
    options.address = "127.0.0.1:0";
    options.server.refresh = milliseconds(20);
    options.server.limits.most = 60;
    options.server.most_body_bytes = 100'000;
    auto& validation = *settings.mutable_gateway()->mutable_validation();
    validation.mutable_always_accept()->set_value(false);
    validation.set_validation_webhook_tls_cert(certificate.certificate());
    validation.set_validation_webhook_tls_key(certificate.key());
  }
  ~WebhookTest() override {
    owner.Do([this] { webhook.reset(); });
  }

  void Start(bool ready = true) {
    owner.Do([&] {
      webhook.emplace(
          options, pipeline, [this](std::function<void()> work) { owner.Post(std::move(work)); },
          Namespaces{[](const std::string&) { return true; }, [](const std::string&, const Labels&) { return true; }},
          [this] { return &settings; }, [](const std::string& message, bool) { std::cerr << message << "\n"; });
      webhook->Follow(&settings);
      if (ready) webhook->SetReady();
    });
    Await([this] { return webhook->port() != 0; });
  }
  // On the pipeline's thread, as Settings change: so between two sittings, each of which reads them once.
  void ChangeRules(const std::function<void(gloov1::GatewayOptions::ValidationOptions&)>& change) {
    owner.Do([&] { change(*settings.mutable_gateway()->mutable_validation()); });
  }
  static void Await(const std::function<bool()>& holds) { EXPECT_TRUE(testing::Await(holds)); }
  int port() const { return webhook->port(); }
  const std::string good = ReviewText({.object = Service("a", "a.com", kReply)});
  const std::string bad = ReviewText({.object = Service("b", "b.com", kBadRoute)});

  TestCertificate certificate;
  WebhookOptions options;
  gloov1::Settings settings;
  Pipeline pipeline{Pipeline::Options()};
  testing::TestThread owner;
  std::optional<Webhook> webhook;
};

TEST_F(WebhookTest, AnswersOneAfterTheOtherOnOneConnection) {
  Start();
  TestClient client(port());
  EXPECT_THAT(client.Post(good), HasSubstr(R"("allowed":true)"));
  EXPECT_THAT(client.Post(bad), HasSubstr(R"("allowed":false)"));
  EXPECT_THAT(client.Post(good, "/validation", "application/json; charset=utf-8"), HasSubstr(R"("allowed":true)"));
  const std::string written = yaml::Emit(yaml::Parse(good).documents.front());
  EXPECT_THAT(client.Post(written, "/validation", "application/x-yaml"), HasSubstr(R"("allowed":true)"));
  EXPECT_THAT(client.Post(written), StartsWith("400"));
  EXPECT_THAT(client.Post(good, "/other"), StartsWith("404"));
  EXPECT_THAT(client.Post(good, "/validation", "text/html"), StartsWith("400"));
  EXPECT_THAT(client.Post("hello"), StartsWith("400"));
  EXPECT_THAT(client.Post(""), StartsWith("400"));
  EXPECT_THAT(client.Post(std::string(50'000, '[')), StartsWith("400"));
  EXPECT_EQ(webhook->counters().allowed, 3u);
  EXPECT_EQ(webhook->counters().denied, 1u);
  EXPECT_EQ(webhook->counters().bad_requests, 6u);
}

TEST_F(WebhookTest, ReturnsProxies) {
  Start();
  owner.Do([this] {
    for (const Change& change : DecodeKubernetes(yaml::Parse(kGateway).documents.front(), "default").objects)
      pipeline.Stage(change);
    pipeline.Commit();
  });
  TestClient client(port());
  const std::string answer = client.Post(ReviewText({.object = Service("a", "a.com", kReply), .return_proxies = true}));
  EXPECT_THAT(answer, HasSubstr(R"("allowed":true},"proxies":[{"listeners": [{"name": "listener-::-8080")"));
  EXPECT_THAT(answer, HasSubstr(R"("domains": ["a.com"])"));
  EXPECT_THAT(client.Post(good), ::testing::Not(HasSubstr("proxies")));
}

// An Envoy that refuses what holds the word poison, and takes its time for what holds the word slow.
class EnvoyWebhookTest : public WebhookTest {
 protected:
  EnvoyWebhookTest() {
    // As the event loop does: else the end of an Envoy interrupts who waits for an answer.
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &children, nullptr);
    options.envoy = folder.root() / "envoy";
    std::ofstream(options.envoy) << R"(#!/bin/bash
config="${@: -1}"
echo run >>$(dirname $0)/runs
if grep -q slow $config; then sleep 30; fi
if grep -q poison $config; then echo "error initializing configuration 'x': poison in it"; exit 1; fi
)";
    std::filesystem::permissions(options.envoy, std::filesystem::perms::all);
    settings.mutable_gateway()->mutable_validation()->mutable_full_envoy_validation()->set_value(true);
    owner.Do([this] { Apply(kGateway); });
  }

  void Apply(const std::string& text) {
    for (const Change& change : DecodeKubernetes(yaml::Parse(text).documents.front(), "default").objects)
      pipeline.Stage(change);
    pipeline.Commit();
  }
  static std::string Saying(const std::string& name, const std::string& word) {
    return Service(name, name + ".com", "directResponseAction: {status: 200, body: " + word + "}");
  }
  std::string Post(const std::string& object, const std::string& query = "") {
    return TestClient(port()).Post(ReviewText({.object = object, .dry_run = true}), "/validation" + query);
  }
  std::string Create(const std::string& object) { return TestClient(port()).Post(ReviewText({.object = object})); }
  int Runs() const {
    std::ifstream in(folder.root() / "runs");
    return static_cast<int>(std::count(std::istreambuf_iterator<char>(in), {}, '\n'));
  }

  testing::TestFolder folder;
};

TEST_F(EnvoyWebhookTest, WhatEnvoyRefusesIsRefusedInItsWords) {
  Start();
  EXPECT_THAT(Post(Saying("a", "fine")), HasSubstr(R"("allowed":true})"));
  EXPECT_EQ(Runs(), 1);
  const std::string bad = Post(Saying("b", "poison"));
  EXPECT_THAT(bad, HasSubstr(R"("allowed":false)"));
  EXPECT_THAT(bad, HasSubstr("VirtualService default/b: virtualHost.routes[0]: Envoy refuses it: poison in it"));
  EXPECT_THAT(bad, HasSubstr(R"("field":"spec.virtualHost.routes[0]")"));
  EXPECT_EQ(webhook->counters().denied, 1u);
  // What we refuse ourselves it need not be asked about.
  const int runs = Runs();
  EXPECT_THAT(Post(Service("c", "c.com", kBadRoute)), HasSubstr(R"("allowed":false)"));
  EXPECT_EQ(Runs(), runs);
  ChangeRules([](auto& validation) { validation.clear_always_accept(); });
  EXPECT_THAT(Post(Saying("b", "poison")), HasSubstr(R"("allowed":true,"warnings":["error: VirtualService default/b)"));
  const int more = Runs();
  EXPECT_THAT(Post(Service("c", "c.com", kBadRoute)), HasSubstr(R"("allowed":true,"warnings":["error)"));
  EXPECT_EQ(Runs(), more);
  ChangeRules([](auto& validation) { validation.clear_full_envoy_validation(); });
  EXPECT_THAT(Post(Saying("b", "poison")), HasSubstr(R"("allowed":true})"));
}

TEST_F(EnvoyWebhookTest, WhatEnvoyRefusesCountsForNothingAfterIt) {
  Start();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Create(Saying("b", "poison")), HasSubstr("VirtualService default/b: virtualHost.routes[0]: Envoy"));
  }
  // Of the same domain.
  EXPECT_THAT(Create(Service("c", "b.com", kReply)), HasSubstr(R"("allowed":true})"));
  EXPECT_THAT(Create(Saying("b", "fine")), HasSubstr(R"("allowed":false)")) << "what Envoy accepts counts";
}

TEST_F(EnvoyWebhookTest, WhatEnvoyRefusesAnywayIsNotHeldAgainstAChange) {
  owner.Do([this] { Apply(Saying("old", "poison")); });
  Start();
  EXPECT_THAT(Post(Saying("a", "fine")),
              HasSubstr(R"("allowed":true,"warnings":["warning: Envoy refuses the configuration also without)"));
  EXPECT_THAT(Post(Saying("b", "poison")), HasSubstr("VirtualService default/b: virtualHost.routes[0]"));
  EXPECT_THAT(Post(Saying("old", "mended")), HasSubstr(R"("allowed":true})"));
}

TEST_F(EnvoyWebhookTest, TakesNoLongerThanTheApiServerWaits) {
  Start();
  const auto begin = std::chrono::steady_clock::now();
  std::thread slow([this] {
    const std::string answer = Post(Saying("a", "slow"), "?timeout=2s");
    EXPECT_THAT(answer, HasSubstr(R"("allowed":false)"));
    EXPECT_THAT(answer, HasSubstr("Envoy took too long"));
  });
  // The others go on meanwhile.
  EXPECT_THAT(Post(Saying("b", "fine")), HasSubstr(R"("allowed":true)"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(1'400));
  slow.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(15'000)) << "Envoy sleeps for twice as long";
}

TEST_F(EnvoyWebhookTest, AnEnvoyThatCannotRunIsAnError) {
  options.envoy = "/nowhere/envoy";
  Start();
  const std::string answer = Post(Saying("a", "fine"));
  EXPECT_THAT(answer, HasSubstr(R"("allowed":false)"));
  EXPECT_THAT(answer, HasSubstr("Envoy could not be asked: cannot start /nowhere/envoy"));
  ChangeRules([](auto& validation) { validation.clear_always_accept(); });
  EXPECT_THAT(Post(Saying("a", "fine")), HasSubstr(R"("allowed":true,"warnings":["error: Envoy could not be asked)"));
}

TEST_F(EnvoyWebhookTest, EndsTheEnvoysThatRun) {
  Start();
  TestClient client(port());
  const std::string body = ReviewText({.object = Saying("a", "slow")});
  client.Send(Cat("POST /validation?timeout=30s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
                  "Content-Length: ", body.size(), "\r\n\r\n", body));
  Await([this] { return Runs() == 1; });
  const auto begin = std::chrono::steady_clock::now();
  owner.Do([this] { webhook.reset(); });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(1'000));
}

TEST_F(WebhookTest, WhatNobodyWaitsForAnyMoreIsNotDecided) {
  Start();
  // Of the second that the API server waits, half is for the way; the thread is busy for much longer.
  std::promise<void> begun;
  std::thread busy([&] {
    owner.Do([&] {
      begun.set_value();
      std::this_thread::sleep_for(milliseconds(2'000));
    });
  });
  begun.get_future().wait();
  EXPECT_THAT(TestClient(port()).Post(good, "/validation?timeout=1s"), StartsWith("503"));
  busy.join();
  EXPECT_EQ(webhook->counters().late, 1u);
  EXPECT_EQ(webhook->counters().allowed, 0u);
  EXPECT_THAT(TestClient(port()).Post(good, "/validation?timeout=1s"), StartsWith("200"));
}

TEST_F(WebhookTest, ThoseThatWaitTakeBoundedMemory) {
  options.most_waiting_bytes = 1;  // so there is room for one
  Start();
  std::promise<void> begun, end;
  std::thread busy([&] {
    owner.Do([&] {
      begun.set_value();
      end.get_future().wait();
    });
  });
  begun.get_future().wait();
  const auto post = [&] { return TestClient(port()).Post(good); };
  auto first = std::async(std::launch::async, post);
  auto second = std::async(std::launch::async, post);
  Await([&] { return webhook->counters().crowded == 1; });
  end.set_value();
  busy.join();
  const std::string answers = first.get() + second.get();
  EXPECT_THAT(answers, HasSubstr("too many large reviews"));
  EXPECT_THAT(answers, HasSubstr(R"("allowed":true)"));
  EXPECT_THAT(post(), HasSubstr(R"("allowed":true)")) << "there is room again";
}

TEST_F(WebhookTest, SaysSoUntilItIsReady) {
  Start(false);
  EXPECT_THAT(TestClient(port()).Post(good), StartsWith("503"));
  owner.Do([this] { webhook->SetReady(); });
  EXPECT_THAT(TestClient(port()).Post(good), StartsWith("200"));
}

TEST_F(WebhookTest, FollowsSettings) {
  Start();
  EXPECT_THAT(TestClient(port()).Post(bad), HasSubstr(R"("allowed":false)"));
  ChangeRules([](auto& validation) { validation.clear_always_accept(); });
  EXPECT_THAT(TestClient(port()).Post(bad), HasSubstr(R"("allowed":true)"));
  const auto follow = [this](const gloov1::Settings* followed) {
    owner.Do([this, followed] { webhook->Follow(followed); });
  };
  follow(nullptr);
  EXPECT_EQ(port(), 0);
  follow(&settings);
  Await([this] { return port() != 0; });
  ChangeRules([](auto& validation) { validation.mutable_server_enabled()->set_value(false); });
  follow(&settings);
  EXPECT_EQ(port(), 0);
  ChangeRules([](auto& validation) { validation.mutable_server_enabled()->set_value(true); });
  follow(&settings);
  Await([this] { return port() != 0; });
  EXPECT_THAT(TestClient(port()).Post(good), StartsWith("200"));
}

TEST_F(WebhookTest, WhatIsTooBigIsRefused) {
  Start();
  TestClient client(port());
  client.Send(
      "POST /validation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(), StartsWith("413"));
  TestClient chunks(port());
  chunks.Send("POST /validation HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "8000\r\n" + std::string(0x8000, ' ') + "\r\n";
  for (int i = 0; i < 4; ++i) chunks.Send(chunk);
  EXPECT_THAT(chunks.ReadUntil("\r\n"), HasSubstr("413"));
  TestClient headers(port());
  headers.Send("POST /validation HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
  EXPECT_THAT(headers.ReadUntil("\r\n"), ::testing::Not(HasSubstr("200")));
  EXPECT_THAT(TestClient(port()).Post(good), StartsWith("200"));
}

TEST_F(WebhookTest, WhoIsSlowIsCutOff) {
  options.server.limits.request_time = milliseconds(300);
  Start();
  TestClient silent(port(), false);
  TestClient slow(port());
  slow.Send("POST /validation HTTP/1.1\r\n");
  for (int i = 0; i < 6; ++i) {
    slow.Send("A: b\r\n");
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(slow.ReadUntil(""), "");
  EXPECT_EQ(silent.ReadUntil(""), "");
  EXPECT_EQ(webhook->counters().cut_off, 2u);
}

TEST_F(WebhookTest, WhoIsNotAtWorkMakesRoom) {
  options.server.limits.patience = milliseconds(50);
  Start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<TestClient>(port()));
    ASSERT_THAT(clients.back()->Post(good), StartsWith("200")) << i;
  }
  EXPECT_GE(webhook->counters().cut_off, 140u);
}

TEST_F(WebhookTest, ThoseThatAreTooManyWaitForRoom) {
  options.server.limits.most = 2;
  options.server.limits.patience = milliseconds(200);
  Start();
  TestClient slow(port());
  TestClient silent(port());
  slow.Send("POST /validation HTTP/1.1\r\n");
  for (int i = 0; i < 4; ++i) EXPECT_THAT(TestClient(port()).Post(good), StartsWith("200")) << i;
  EXPECT_EQ(slow.ReadUntil(""), "");
}

TEST_F(WebhookTest, TheCertificateIsReplacedAndABadOneIsNot) {
  Start();
  EXPECT_EQ(TestClient(port()).server(), "one");
  certificate.CutShort();
  Await([this] { return webhook->counters().failed_reloads > 0; });
  EXPECT_EQ(TestClient(port()).server(), "one");
  certificate.Make("two");
  Await([this] { return TestClient(port()).server() == "two"; });
  EXPECT_THAT(TestClient(port()).Post(good), StartsWith("200"));
}

TEST_F(WebhookTest, WaitsForItsCertificate) {
  std::filesystem::remove(certificate.certificate());
  owner.Do([&] {
    webhook.emplace(
        options, pipeline, [this](std::function<void()> work) { owner.Post(std::move(work)); }, Namespaces{},
        [this] { return &settings; }, [](const std::string& message, bool) { std::cerr << message << "\n"; });
    webhook->Follow(&settings);
  });
  Await([this] { return webhook->counters().failed_reloads > 0; });
  EXPECT_EQ(port(), 0);
  certificate.Make("late");
  Await([this] { return port() != 0; });
}

TEST_F(WebhookTest, NoiseIsNoHarm) {
  Start();
  TestClient plain(port(), false);
  plain.Send("GET / HTTP/1.1\r\n\r\n");
  plain.ReadUntil("");
  for (const char* text : {"\r\n\r\n", "X\r\n\r\n", "POST  \r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                           "POST /validation HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                           "POST /validation HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                           "POST /validation HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                           "CONNECT a:1 HTTP/1.1\r\n\r\n", "GET http://a:b@c:d/%zz HTTP/1.1\r\n\r\n"}) {
    TestClient client(port());
    client.Send(text);
    client.ReadUntil("\r\n");
  }
  EXPECT_THAT(TestClient(port()).Post(good), StartsWith("200"));
}

TEST_F(WebhookTest, ManyAtOnceAreAllAnswered) {
  Start();
  std::atomic<int> allowed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([&, i] {
      TestClient client(port());
      for (int k = 0; k < 20; ++k) {
        const std::string name = Cat("v", i, "-", k);
        const std::string review = ReviewText({.object = Service(name, name + ".com", kReply)});
        if (client.Post(review).find(R"("allowed":true)") != std::string::npos) ++allowed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allowed, 1000);
}

TEST_F(WebhookTest, AnswersEndTheirConnectionsWhileItDrains) {
  Start();
  TestClient client(port());
  EXPECT_THAT(client.Post(good), StartsWith("200"));
  owner.Do([&] { webhook->Drain(); });
  client.Send(Cat("POST /validation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ",
                  good.size(), "\r\n\r\n", good));
  EXPECT_THAT(client.ReadUntil(""), HasSubstr(R"("allowed":true)")) << "it ends, and not by time";
  EXPECT_THAT(TestClient(port()).Post(good), StartsWith("200"));
  // Settings may still name other files.
  owner.Do([&] {
    webhook->Stop();
    webhook->Follow(&settings);
  });
  Await([this] { return port() != 0; });
  EXPECT_THAT(TestClient(port()).Post(good, "/validation", "application/json"), StartsWith("200"));
  TestClient last(port());
  last.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(last.ReadUntil(""), HasSubstr("Connection: close\r\n"));
}

TEST_F(WebhookTest, StopsWhileSomebodyWaits) {
  Start();
  std::mutex busy;
  busy.lock();
  owner.Post([&] { busy.lock(); });
  TestClient client(port());
  client.Send(Cat("POST /validation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ",
                  good.size(), "\r\n\r\n", good));
  std::this_thread::sleep_for(milliseconds(100));
  TestClient gone(port());
  gone.Send(Cat("POST /validation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ",
                good.size(), "\r\n\r\n", good));
  // The work for both is still in the queue when the webhook goes.
  owner.Post([&] { webhook->Stop(); });
  busy.unlock();
  client.ReadUntil("");
}

}  // namespace
}  // namespace k8sgw::admission
