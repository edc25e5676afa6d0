// The server without TLS, as clients see it, and those who mean no good. With TLS: src/admission/webhook_test.cc.
#include "src/http/server.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "src/base/test_thread.h"
#include "src/base/test_wait.h"
#include "src/http/test_client.h"

namespace k8sgw::http {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    signal(SIGPIPE, SIG_IGN);
    options.address = "127.0.0.1:0";
    options.refresh = milliseconds(20);
    options.limits.most = 60;
    options.most_body_bytes = 100'000;
    callbacks.on_request = [this](const Request& request, const Reply& reply) { OnRequest(request, reply); };
    callbacks.on_log = [](const std::string&, bool) {};
  }

  void Start() {
    auto opened = Server::Open(options, callbacks, counters);
    ASSERT_TRUE(opened.ok()) << opened.status();
    server = *std::move(opened);
  }
  void OnRequest(const Request& request, const Reply& reply) {
    if (request.path == "/hold") {
      held.push_back(reply);
      ++holds;
      return;
    }
    if (request.path == "/large") return reply({200, "", "", {}, large, *large});
    if (request.path == "/later") return owner.Post([reply] { reply({200, "text/plain", "later"}); });
    if (request.path == "/304") return reply({304, "", ""});
    Answer answer{200, "text/plain",
                  Cat(request.method, " ", request.path, "?", request.query, " ", std::string(request.Header("x-a")),
                      " ", request.MediaType(), " ", request.body)};
    answer.headers = {{"ETag", "\"one\""}};
    reply(std::move(answer));
  }
  int port() const { return server->port(); }
  std::string Echo(const std::string& text) { return TestClient(port(), false).Post(text, "/echo"); }

  ServerOptions options;
  Server::Callbacks callbacks;
  Counters counters;
  std::vector<Reply> held;  // of the server's thread
  std::atomic<int> holds = 0;
  Ptr<std::string> large = std::make_shared<const std::string>(20 << 20, 'x');
  testing::TestThread owner;
  std::unique_ptr<Server> server;
};

TEST_F(ServerTest, AnswersOneAfterTheOtherOnOneConnection) {
  Start();
  TestClient client(port(), false);
  EXPECT_EQ(client.Post("hello", "/a?b=c", "Text/Plain; charset=utf-8"), "200 POST /a?b=c  text/plain hello");
  EXPECT_EQ(client.Get("/later"), "200 later");
  EXPECT_EQ(client.Get("/", "DELETE"), "200 DELETE /?   ");
  client.Send("GET /%2e%2e/x HTTP/1.1\r\nX-A: first\r\nx-a: second\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer(), "200 GET /%2e%2e/x? first  ");
  EXPECT_EQ(counters.connections, 1u);
}

TEST_F(ServerTest, HeadTellsOfTheBodyAndHasNone) {
  Start();
  TestClient client(port(), false);
  client.Send("HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string head = client.ReadUntil("\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 20971520\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Content-Type")));
  EXPECT_THAT(client.Get("/a"), StartsWith("200 GET /a")) << "the next answer follows at once";
  client.Send("GET /304 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("304 Not Modified"));
  EXPECT_THAT(client.Get("/b"), StartsWith("200 GET /b"));
  client.Send("GET /c HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("\r\n\r\n"), HasSubstr("ETag: \"one\"\r\n"));
}

TEST_F(ServerTest, BodiesAreNoRequests) {
  Start();
  const std::string body = "POST /smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  for (const std::string method : {"GET", "HEAD", "DELETE", "POST"}) {
    for (const bool chunked : {false, true}) {
      TestClient client(port(), false);
      const std::string head = Cat(method, " /a HTTP/1.1\r\nHost: x\r\n");
      client.Send(chunked ? Cat(head, "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", method == "HEAD" ? body : "")
                          : Cat(head, "Content-Length: ", body.size(), "\r\n\r\n", body));
      if (method != "HEAD") client.Send("GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      const std::string answers = client.ReadUntil("");
      EXPECT_THAT(answers, HasSubstr("HTTP/1.1 200")) << method;
      EXPECT_THAT(answers, Not(HasSubstr("POST /smuggled?"))) << method;
    }
  }
}

TEST_F(ServerTest, LargeBodiesAreNotCopied) {
  Start();
  TestClient client(port(), false);
  EXPECT_EQ(client.Get("/large").size(), 4 + large->size());
  EXPECT_THAT(client.Get("/a"), StartsWith("200"));
  for (int i = 0; i < 1000 && large.use_count() > 1; ++i) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(large.use_count(), 1) << "nobody keeps it";
}

TEST_F(ServerTest, ConnectionsMayEndWithTheAnswer) {
  Start();
  for (int i = 0; i < 100; ++i) {
    TestClient client(port(), false);
    client.Send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(client.ReadUntil(""), HasSubstr("GET /a")) << "it ends, and not by time";
  }
  EXPECT_EQ(counters.cut_off, 0u) << "those that ended do not count";
}

TEST_F(ServerTest, AnswersEndTheirConnectionsWhileItDrains) {
  Start();
  TestClient client(port(), false);
  EXPECT_THAT(client.Get("/a"), StartsWith("200 GET /a"));
  server->Drain();
  client.Send("GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = client.ReadUntil("");
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("GET /b"));
  TestClient late(port(), false);
  EXPECT_THAT(late.Get("/c"), StartsWith("200 GET /c")) << "who has not heard of it is served";
}

TEST_F(ServerTest, WhatIsTooBigIsRefused) {
  Start();
  TestClient client(port(), false);
  client.Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer(), StartsWith("413"));
  TestClient chunks(port(), false);
  chunks.Send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "8000\r\n" + std::string(0x8000, ' ') + "\r\n";
  for (int i = 0; i < 4; ++i) chunks.Send(chunk);
  EXPECT_THAT(chunks.ReadUntil("\r\n"), HasSubstr("413"));
  TestClient headers(port(), false);
  headers.Send("POST /echo HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
  EXPECT_THAT(headers.ReadUntil("\r\n"), Not(HasSubstr("200")));
  EXPECT_THAT(Echo("fine"), StartsWith("200"));
}

TEST_F(ServerTest, AllRequestsTogetherHaveABound) {
  options.limits.request_bytes = 150'000;
  Start();
  TestClient first(port(), false);
  TestClient second(port(), false);
  for (TestClient* client : {&first, &second}) {
    client->Send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n");
    client->Send(std::string(80'000, 'x'));
  }
  // One of them gives way, and the other is served.
  for (int i = 0; i < 1000 && counters.cut_off == 0; ++i) std::this_thread::sleep_for(milliseconds(5));
  first.Send(std::string(10'000, 'x'));
  second.Send(std::string(10'000, 'x'));
  const int served = first.ReadAnswer().starts_with("200") + second.ReadAnswer().starts_with("200");
  EXPECT_EQ(served, 1);
}

TEST_F(ServerTest, WhoIsSlowIsCutOff) {
  options.limits.request_time = milliseconds(300);
  Start();
  TestClient silent(port(), false);
  TestClient slow(port(), false);
  slow.Send("POST /echo HTTP/1.1\r\n");
  for (int i = 0; i < 6; ++i) {
    slow.Send("A: b\r\n");
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(slow.ReadUntil(""), "");
  EXPECT_EQ(silent.ReadUntil(""), "");
  EXPECT_EQ(counters.cut_off, 2u);
}

TEST_F(ServerTest, WhoIsNotAtWorkMakesRoom) {
  options.limits.patience = milliseconds(50);
  Start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<TestClient>(port(), false));
    ASSERT_THAT(clients.back()->Post("x", "/echo"), StartsWith("200")) << i;
  }
  EXPECT_GE(counters.cut_off, 140u);
}

TEST_F(ServerTest, WhoSendsOnAfterTheEndIsNotRead) {
  Start();
  TestClient client(port(), false);
  client.Send("GET /a HTTP/1.0\r\n\r\n");
  client.ReadUntil("GET /a");
  for (int i = 0; i < 200; ++i) client.Send(std::string(100'000, 'x'));
  EXPECT_THAT(Echo("fine"), StartsWith("200"));
}

TEST_F(ServerTest, NoiseIsNoHarm) {
  Start();
  for (const char* text : {"\r\n\r\n", "X\r\n\r\n", "POST  \r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                           "\x16\x03\x01", "POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                           "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                           "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                           "CONNECT a:1 HTTP/1.1\r\n\r\n", "GET http://a:b@c:d/%zz HTTP/1.1\r\n\r\n"}) {
    TestClient client(port(), false);
    client.Send(text);
    client.Send("\r\n\r\n");
    client.ReadUntil("\r\n");
  }
  EXPECT_THAT(Echo("fine"), StartsWith("200"));
}

TEST_F(ServerTest, ManyAtOnceAreAllAnswered) {
  Start();
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([&] {
      TestClient client(port(), false);
      for (int k = 0; k < 40; ++k) answered += client.Get("/later").starts_with("200");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 2000);
}

TEST_F(ServerTest, StopsWhileSomebodyWaits) {
  Start();
  TestClient client(port(), false);
  client.Send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
  {
    TestClient gone(port(), false);
    gone.Send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    testing::Await([this] { return holds == 2; });
  }
  server.reset();
  ASSERT_EQ(held.size(), 2u);
  for (const Reply& reply : held) reply({200, "", "too late"});
  EXPECT_EQ(client.ReadUntil(""), "");
}

TEST_F(ServerTest, APortThatIsTakenIsAnError) {
  Start();
  ServerOptions same = options;
  same.address = Cat("127.0.0.1:", port());
  const auto second = Server::Open(same, callbacks, counters);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(std::string(second.status().message()),
            Cat("cannot listen on ", same.address, ": Address already in use: is the port in use by another process?"));
  server.reset();
  EXPECT_TRUE(Server::Open(same, callbacks, counters).ok());
  for (const char* address : {"", "8080", "a b:1", "127.0.0.1:66666", "192.0.2.1:0"}) {
    same.address = address;
    EXPECT_FALSE(Server::Open(same, callbacks, counters).ok()) << address;
  }
}

TEST_F(ServerTest, BothFamilies) {
  options.address = "[::]:0";
  Start();
  EXPECT_THAT(Echo("fine"), StartsWith("200"));
}

}  // namespace
}  // namespace k8sgw::http
