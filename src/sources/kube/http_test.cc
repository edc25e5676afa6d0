#include "src/sources/kube/http.h"

#include <curl/curl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <set>

#include "src/sources/kube/test_h2_server.h"
#include "src/sources/kube/test_loop.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using testing::TestCertificates;
using testing::TestH2Server;

// What libcurl has, in pieces of memory. Before main, since only who initializes it first may say where it gets them.
std::atomic<int> pieces_of_curl = 0;

void* Counted(void* piece) {
  if (piece != nullptr) ++pieces_of_curl;
  return piece;
}

void FreeCounted(void* piece) {
  if (piece != nullptr) --pieces_of_curl;
  std::free(piece);
}

void* ReallocCounted(void* piece, size_t size) {
  void* moved = std::realloc(piece, size);
  if (piece == nullptr) return Counted(moved);
  return moved;
}

[[maybe_unused]] const CURLcode kCounting = curl_global_init_mem(
    CURL_GLOBAL_DEFAULT, [](size_t size) { return Counted(std::malloc(size)); }, FreeCounted, ReallocCounted,
    [](const char* text) { return static_cast<char*>(Counted(::strdup(text))); },
    [](size_t count, size_t size) { return Counted(std::calloc(count, size)); });

struct Answer : HttpHandler {
  void OnHead(int its_code, std::chrono::seconds its_retry_after) override {
    code = its_code;
    retry_after = its_retry_after;
  }
  bool OnBytes(std::string_view bytes) override {
    if (refuse_bytes) {
      refused = true;
      return false;
    }
    body.append(bytes);
    ++pieces;
    if (on_bytes) on_bytes();
    return true;
  }
  void OnEnd(const absl::Status& its_status) override {
    EXPECT_FALSE(ended);
    ended = true;
    status = its_status;
    if (on_end) on_end();
  }
  std::string error() const { return std::string(ToStd(status.message())); }

  int code = 0;
  std::chrono::seconds retry_after{0};
  std::string body;
  int pieces = 0;
  bool refuse_bytes = false;
  bool refused = false;
  bool ended = false;
  absl::Status status;
  std::function<void()> on_bytes;
  std::function<void()> on_end;
};

class HttpTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    certificates_ = new TestCertificates();
    for (const char* name : {"ca", "other-ca"}) certificates_->MakeAuthority(name);
    certificates_->MakeCertificate("server", "ca", "IP:127.0.0.1,DNS:kubernetes.default");
    certificates_->MakeCertificate("client", "ca", "DNS:client");
    server_ = new TestH2Server(
        {certificates_->Path("server.crt"), certificates_->Path("server.key"), certificates_->Path("ca.crt")});
  }
  static void TearDownTestSuite() {
    delete server_;
    delete certificates_;
  }

  void SetUp() override {
    config.server = server_->Url();
    config.ca.file = certificates_->Path("ca.crt");
  }
  HttpClient& client() {
    if (!client_) {
      credentials_ = std::make_unique<Credentials>(config, RealEnvironment(), ExecRunner(), Credentials::Options{});
      client_ = std::make_unique<HttpClient>(loop, *credentials_, options);
    }
    return *client_;
  }
  bool Until(const std::function<bool()>& done, milliseconds limit = seconds(20)) {
    return RunUntil(loop, done, limit);
  }
  std::unique_ptr<Answer> Get(HttpRequest request) {
    auto answer = std::make_unique<Answer>();
    client().Start(std::move(request), answer.get());
    EXPECT_TRUE(Until([&] { return answer->ended; }));
    return answer;
  }

  static TestCertificates* certificates_;
  static TestH2Server* server_;
  Loop loop;
  ClientConfig config;
  HttpClient::Options options;
  std::unique_ptr<Credentials> credentials_;
  std::unique_ptr<HttpClient> client_;
};

TestCertificates* HttpTest::certificates_ = nullptr;
TestH2Server* HttpTest::server_ = nullptr;

TEST_F(HttpTest, AsksAndAnswers) {
  config.token.data = "secret";
  const auto answer =
      Get({.method = "PATCH", .target = "/echo?a=b", .content_type = "application/merge-patch+json", .body = "{}"});
  ASSERT_TRUE(answer->status.ok()) << answer->status;
  EXPECT_EQ(answer->code, 200);
  for (const char* header :
       {R"([":method", "PATCH"])", R"([":path", "/echo?a=b"])", R"(["authorization", "Bearer secret"])",
        R"(["content-type", "application/merge-patch+json"])", R"("body": "{}")",
        R"(["accept", "application/json"])"}) {
    EXPECT_THAT(answer->body, HasSubstr(header));
  }
  EXPECT_THAT(answer->body, Not(HasSubstr("expect")));
}

TEST_F(HttpTest, CodesAndRetryAfter) {
  const auto answer = Get({.target = "/status/429"});
  EXPECT_TRUE(answer->status.ok());
  EXPECT_EQ(answer->code, 429);
  EXPECT_EQ(answer->retry_after, seconds(7));
  EXPECT_EQ(answer->body, "no");
}

TEST_F(HttpTest, ManyStreamsShareOneConnection) {
  std::vector<std::unique_ptr<Answer>> answers;
  for (int i = 0; i < 60; ++i) {
    answers.push_back(std::make_unique<Answer>());
    client().Start({.target = i % 2 == 0 ? "/lines/20" : "/echo"}, answers.back().get());
  }
  ASSERT_TRUE(Until(
      [&] { return std::all_of(answers.begin(), answers.end(), [](const auto& answer) { return answer->ended; }); }));
  std::set<std::string> connections;
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer->status.ok()) << answer->status;
    if (answer->body.starts_with("line")) {
      EXPECT_GT(answer->pieces, 5) << "lines come as they are written";
      continue;
    }
    const size_t at = answer->body.find("\"connection\"");
    connections.insert(answer->body.substr(at, answer->body.find(',') - at));
  }
  EXPECT_EQ(connections.size(), 1u);
}

TEST_F(HttpTest, ClientCertificates) {
  EXPECT_THAT(Get({.target = "/echo"})->body, HasSubstr(R"("client": "")"));
  client_.reset();
  config.client_certificate.file = certificates_->Path("client.crt");
  config.client_key.data = certificates_->Read("client.key");
  EXPECT_THAT(Get({.target = "/echo"})->body, HasSubstr(R"("client": "client")"));
}

TEST_F(HttpTest, AKeyOfAnotherCertificateIsAnError) {
  config.client_certificate.file = certificates_->Path("client.crt");
  config.client_key.file = certificates_->Path("server.key");
  const auto answer = Get({.target = "/echo"});
  EXPECT_EQ(answer->status.code(), absl::StatusCode::kUnauthenticated) << answer->status;
  EXPECT_THAT(answer->error(), HasSubstr("belong together?"));
}

TEST_F(HttpTest, ServersAreVerified) {
  config.ca.file = certificates_->Path("other-ca.crt");
  const auto answer = Get({.target = "/echo"});
  EXPECT_EQ(answer->status.code(), absl::StatusCode::kUnauthenticated) << answer->status;
  EXPECT_THAT(answer->error(), StartsWith(config.server + ": "));
  EXPECT_EQ(answer->code, 0);
}

TEST_F(HttpTest, NamesAreVerified) {
  config.server = server_->Url("localhost");
  EXPECT_EQ(Get({.target = "/echo"})->status.code(), absl::StatusCode::kUnauthenticated);
  client_.reset();
  config.tls_server_name = "kubernetes.default";
  const auto answer = Get({.target = "/echo"});
  ASSERT_TRUE(answer->status.ok()) << answer->status;
  EXPECT_THAT(answer->body, HasSubstr(Cat(R"([":authority", "localhost:)", server_->port())));
  client_.reset();
  config.tls_server_name = "kubernetes.other";
  EXPECT_EQ(Get({.target = "/echo"})->status.code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(HttpTest, VerificationCanBeSkipped) {
  config.server = server_->Url("localhost");
  config.ca = {};
  EXPECT_FALSE(Get({.target = "/echo"})->status.ok());
  client_.reset();
  config.insecure_skip_tls_verify = true;
  EXPECT_TRUE(Get({.target = "/echo"})->status.ok());
}

TEST_F(HttpTest, BrokenAnswers) {
  for (const char* target : {"/cut", "/reset"}) {
    const auto answer = Get({.target = target});
    EXPECT_EQ(answer->body, "half") << target;
    EXPECT_EQ(answer->status.code(), absl::StatusCode::kUnavailable) << target << answer->status;
  }
  EXPECT_EQ(Get({.target = "/silent", .timeout = milliseconds(100)})->status.code(),
            absl::StatusCode::kDeadlineExceeded);
  config.server = "https://127.0.0.1:1";
  client_.reset();
  EXPECT_EQ(Get({.target = "/echo"})->status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(HttpTest, UnreadableCredentialsEndTheRequest) {
  config.token.file = "/no/such/token";
  const auto answer = Get({.target = "/echo"});
  EXPECT_EQ(answer->status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(answer->error(), StartsWith("/no/such/token"));
}

TEST_F(HttpTest, WhatIsCancelledIsNotTold) {
  Answer hanging;
  const HttpClient::Id id = client().Start({.target = "/hang"}, &hanging);
  ASSERT_TRUE(Until([&] { return hanging.code == 200; }));
  client().Cancel(id);
  Answer lines;
  HttpClient::Id second = 0;
  // From within the answer itself.
  lines.on_bytes = [&] { client().Cancel(second); };
  second = client().Start({.target = "/lines/100"}, &lines);
  ASSERT_TRUE(Until([&] { return lines.pieces > 0; }));
  ASSERT_TRUE(Until([&] { return client().running() == 0; }));
  EXPECT_TRUE(Get({.target = "/echo"})->status.ok());
  EXPECT_EQ(lines.pieces, 1);
  EXPECT_FALSE(lines.ended);
  EXPECT_FALSE(hanging.ended);
}

TEST_F(HttpTest, AHandlerMayStartTheNext) {
  Answer first;
  Answer second;
  first.on_bytes = [&] {
    if (first.pieces == 1) client().Start({.target = "/echo"}, &second);
  };
  client().Start({.target = "/lines/3"}, &first);
  EXPECT_TRUE(Until([&] { return first.ended && second.ended; }));
  EXPECT_TRUE(second.status.ok());
}

TEST_F(HttpTest, ASlowReaderHoldsTheServerBack) {
  Answer large;
  large.refuse_bytes = true;
  const HttpClient::Id id = client().Start({.target = "/large/100000000"}, &large);
  ASSERT_TRUE(Until([&] { return large.refused; }));
  EXPECT_TRUE(Get({.target = "/echo"})->status.ok()) << "other streams go on";
  Until([] { return false; }, milliseconds(300));
  EXPECT_FALSE(large.ended);
  EXPECT_EQ(large.body, "");
  large.refuse_bytes = false;
  client().Resume(id);
  ASSERT_TRUE(Until([&] { return large.ended; }));
  EXPECT_EQ(large.body.size(), 100'000'000u);
}

TEST_F(HttpTest, DeadConnectionsAreLeft) {
  options.ping_after = milliseconds(100);
  options.ping_timeout = milliseconds(1500);
  // While it answers to pings, a silent stream may stay.
  Answer hanging;
  client().Start({.target = "/hang"}, &hanging);
  Until([] { return false; }, milliseconds(2000));
  EXPECT_EQ(hanging.code, 200);
  EXPECT_FALSE(hanging.ended) << hanging.status;
  Answer frozen;
  client().Start({.target = "/freeze"}, &frozen);
  ASSERT_TRUE(Until([&] { return hanging.ended; }));
  EXPECT_EQ(hanging.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(hanging.error(), HasSubstr("the connection is dead: nothing came for 1600 ms"));
  EXPECT_TRUE(frozen.ended);
  EXPECT_TRUE(Get({.target = "/echo"})->status.ok()) << "a new connection";
}

TEST_F(HttpTest, ADeadConnectionLeavesNothingBehind) {
  options.ping_after = milliseconds(50);
  options.ping_timeout = milliseconds(2000);
  const auto die = [&] {
    Answer hanging;
    Answer frozen;
    client().Start({.target = "/hang"}, &hanging);
    EXPECT_TRUE(Until([&] { return hanging.code == 200; }));
    client().Start({.target = "/freeze"}, &frozen);
    EXPECT_TRUE(Until([&] { return hanging.ended && frozen.ended && client().running() == 0; }));
    EXPECT_THAT(hanging.error(), HasSubstr("the connection is dead"));
    client_.reset();
  };
  // What the first client makes may be for all that follow.
  die();
  const int before = pieces_of_curl;
  die();
  EXPECT_EQ(pieces_of_curl, before);
}

TEST_F(HttpTest, ALoopThatWasLateBlamesNobody) {
  options.ping_after = milliseconds(50);
  options.ping_timeout = milliseconds(450);
  Answer lines;
  client().Start({.target = "/lines/200"}, &lines);
  for (int i = 0; i < 2; ++i) {
    const int pieces = lines.pieces;
    ASSERT_TRUE(Until([&] { return lines.ended || lines.pieces > pieces; }));
    usleep(700'000);
  }
  ASSERT_TRUE(Until([&] { return lines.ended; }));
  EXPECT_TRUE(lines.status.ok()) << lines.status;
}

TEST_F(HttpTest, RotatedAuthoritiesAreUsed) {
  const std::string path = certificates_->Path("rotated.crt");
  const auto write = [&](const std::string& name) { std::ofstream(path) << certificates_->Read(name); };
  config.ca.file = path;
  write("other-ca.crt");
  EXPECT_FALSE(Get({.target = "/echo"})->status.ok());
  write("ca.crt");
  EXPECT_FALSE(Get({.target = "/echo"})->status.ok()) << "not read again yet";
  EXPECT_TRUE(Get({.target = "/echo", .fresh_credentials = true})->status.ok());
}

TEST_F(HttpTest, ItsOwnThread) {
  client();
  client_.reset();
  LoopThread thread;
  std::unique_ptr<HttpClient> own;
  Answer answer;
  std::atomic<bool> ended = false;
  answer.on_end = [&] { ended = true; };
  thread.Do([&] {
    own = std::make_unique<HttpClient>(thread.loop(), *credentials_, options);
    own->Start({.target = "/echo"}, &answer);
  });
  for (int i = 0; i < 2000 && !ended; ++i) usleep(5000);
  thread.Do([&] { own.reset(); });
  EXPECT_TRUE(answer.status.ok());
  EXPECT_EQ(answer.code, 200);
}

}  // namespace
}  // namespace k8sgw::kube
