#include "src/sources/kube/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/time/time.h"
#include "src/base/text.h"
#include "src/sources/kube/test_environment.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestEnvironment;

constexpr char kPem[] = "-----BEGIN X-----\none\n-----END X-----\n";
constexpr char kOtherPem[] = "-----BEGIN X-----\ntwo\n-----END X-----\n";
constexpr char kExecVersion[] = "client.authentication.k8s.io/v1";

class CredentialsTest : public ::testing::Test {
 protected:
  void Make() {
    config.server = config.server.empty() ? "https://h" : config.server;
    const ExecRunner run = [this](const ExecPlugin&, const std::string& info) {
      ++runs;
      exec_info = info;
      return printed;
    };
    credentials = std::make_unique<Credentials>(config, environment.Get(), run, Credentials::Options());
  }
  Identity Get(bool fresh = false) {
    const auto identity = credentials->Get(now, wall, fresh);
    EXPECT_TRUE(identity.ok()) << identity.status();
    return identity.ok() ? **identity : Identity();
  }
  std::string Error(bool fresh = false) {
    const auto identity = credentials->Get(now, wall, fresh);
    return identity.ok() ? "no error" : std::string(ToStd(identity.status().message()));
  }
  void Exec(const std::string& status) {
    config.exec = ExecPlugin{kExecVersion, "plugin", {}, {}, true, "install it"};
    printed = R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":)" + status + "}";
  }

  ClientConfig config;
  TestEnvironment environment;
  std::unique_ptr<Credentials> credentials;
  absl::StatusOr<std::string> printed = std::string();
  std::string exec_info;
  int runs = 0;
  Credentials::Time now{std::chrono::hours(1)};
  // 2026-01-01T00:00:00Z
  Credentials::WallTime wall{seconds(1767225600)};
};

TEST_F(CredentialsTest, TokensAndAuthoritiesAreReadAgain) {
  config.token.file = "/token";
  config.ca.file = "/ca";
  environment.files = {{"/token", " one\n"}, {"/ca", kPem}};
  Make();
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Bearer one"));
  EXPECT_EQ(Get().ca_pem, kPem);
  environment.files = {{"/token", "two"}, {"/ca", kOtherPem}};
  now += seconds(9);
  const int reads = environment.reads;
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Bearer one"));
  EXPECT_EQ(environment.reads, reads);
  now += seconds(1);
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Bearer two"));
  EXPECT_EQ(Get().ca_pem, kOtherPem);
  environment.files["/token"] = "three";
  EXPECT_THAT(Get(true).headers, ElementsAre("Authorization: Bearer three")) << "the server refused the old one";
}

TEST_F(CredentialsTest, HalfWrittenAndMissingFilesLeaveTheLastVersion) {
  config.token.file = "/token";
  config.ca.file = "/ca";
  environment.files = {{"/token", "one"}, {"/ca", kPem}};
  Make();
  Get();
  environment.files = {{"/token", ""}, {"/ca", std::string(kOtherPem).substr(0, 20)}};
  EXPECT_THAT(Get(true).headers, ElementsAre("Authorization: Bearer one"));
  EXPECT_EQ(Get(true).ca_pem, kPem);
  environment.files.clear();
  EXPECT_THAT(Get(true).headers, ElementsAre("Authorization: Bearer one"));
  environment.files["/token"] = "two\r\nX-Evil: 1";
  EXPECT_THAT(Get(true).headers, ElementsAre("Authorization: Bearer one"));
}

TEST_F(CredentialsTest, ErrorsNameTheFile) {
  config.client_certificate.file = "/cert";
  config.client_key.file = "/key";
  environment.files = {{"/cert", kPem}};
  Make();
  EXPECT_EQ(Error(), "/key: No such file or directory");
  environment.files["/key"] = "text";
  EXPECT_EQ(Error(), "/key: holds no PEM text");
  environment.files["/key"] = kOtherPem;
  EXPECT_EQ(Get().key_pem, kOtherPem);
}

TEST_F(CredentialsTest, ATokenStandsInUntilItsFileCanBeRead) {
  config.token = {.data = "inline", .file = "/token"};
  Make();
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Bearer inline"));
  environment.files["/token"] = "file";
  EXPECT_THAT(Get(true).headers, ElementsAre("Authorization: Bearer file"));
}

TEST_F(CredentialsTest, NothingIsSentWithoutTls) {
  config.server = "http://127.0.0.1:8001";
  config.token.data = "secret";
  Make();
  EXPECT_EQ(Get(), Identity());
}

TEST_F(CredentialsTest, BasicAndImpersonation) {
  config.username = "me";
  config.password = "pw";
  config.impersonate_user = "you";
  config.impersonate_groups = {"g1", "g2"};
  Make();
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Basic bWU6cHc=", "Impersonate-User: you",
                                         "Impersonate-Group: g1", "Impersonate-Group: g2"));
}

TEST_F(CredentialsTest, ExecIsKeptUntilItExpires) {
  Exec(R"({"token":"t1","expirationTimestamp":"2026-01-01T00:05:00Z"})");
  config.ca.data = kPem;
  Make();
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Bearer t1"));
  EXPECT_EQ(exec_info,
            R"({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "spec": {"cluster": )"
            R"({"server": "https://h", "certificate-authority-data": )"
            R"("LS0tLS1CRUdJTiBYLS0tLS0Kb25lCi0tLS0tRU5EIFgtLS0tLQo="}, "interactive": false}})");
  wall += seconds(289);
  Get();
  EXPECT_EQ(runs, 1);
  wall += seconds(1);
  now += seconds(290);
  Exec(R"({"token":"t2"})");
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Bearer t2"));
  wall += std::chrono::hours(1000);
  Get();
  EXPECT_EQ(runs, 2) << "without an expiry it is kept";
  Exec(R"({"clientCertificateData":"c","clientKeyData":"k"})");
  EXPECT_EQ(Get(true).certificate_pem, "c") << "until it is refused";
}

// As of a plugin that hands out what it has kept, or of a clock that is ahead.
TEST_F(CredentialsTest, WhatEndsAtOnceIsUsedAndNotAskedForAgainAtOnce) {
  const absl::Time end = absl::FromChrono(wall) + absl::Seconds(2);
  Exec(Cat(R"({"token":"t1","expirationTimestamp":")", absl::FormatTime(absl::RFC3339_full, end, absl::UTCTimeZone()),
           R"("})"));
  Make();
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Bearer t1"));
  EXPECT_FALSE(credentials->MustRun(now, wall, false));
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Bearer t1"));
  EXPECT_EQ(runs, 1);
  now += seconds(6);
  Get();
  EXPECT_EQ(runs, 2);
}

TEST_F(CredentialsTest, FailuresOfExecAreRetriedSlowly) {
  // Of a little more than the pause, as the run takes time, too.
  constexpr seconds kLater(6);
  Exec("{}");
  printed = absl::NotFoundError("cannot be started: No such file or directory");
  config.origin = "/k, context x";
  Make();
  EXPECT_EQ(Error(), "/k, context x: the exec plugin plugin cannot be started: No such file or directory: install it");
  Error();
  EXPECT_EQ(runs, 1);
  now += kLater;
  Exec("{}");
  EXPECT_THAT(Error(), HasSubstr("neither a token nor a certificate"));
  const auto error_of = [&](const std::string& status) {
    now += kLater;
    Exec(status);
    return Error();
  };
  EXPECT_THAT(error_of("5"), HasSubstr("printed no status"));
  EXPECT_THAT(error_of(R"({"clientKeyData":"k"})"), HasSubstr("a certificate or a key alone"));
  EXPECT_THAT(error_of(R"({"token":"a b"})"), HasSubstr("white space"));
  EXPECT_THAT(error_of(R"({"token":"t","expirationTimestamp":"soon"})"), HasSubstr("'soon', which is no time"));
  now += kLater;
  printed = std::string("hello");
  EXPECT_THAT(Error(), HasSubstr("printed no ExecCredential"));
  EXPECT_EQ(error_of(R"({"token":"t"})"), "no error");
  printed = std::string("hello");
  EXPECT_EQ(Error(true), "no error") << "what it gave before is better than nothing";
}

TEST_F(CredentialsTest, APluginThatHangsIsNotRunAgainAtOnce) {
  Exec("{}");
  config.server = "https://h";
  const ExecRunner hangs = [this](const ExecPlugin&, const std::string&) -> absl::StatusOr<std::string> {
    ++runs;
    usleep(60'000);
    return absl::DeadlineExceededError("did not end in time");
  };
  Credentials::Options options;
  options.exec_retry = milliseconds(40);
  credentials = std::make_unique<Credentials>(config, environment.Get(), hangs, options);
  EXPECT_THAT(Error(), HasSubstr("did not end in time"));
  now += milliseconds(80);
  EXPECT_THAT(Error(), HasSubstr("did not end in time"));
  EXPECT_EQ(runs, 1) << "since its end, no time has passed";
  now += seconds(60);
  Error();
  EXPECT_EQ(runs, 2);
}

TEST_F(CredentialsTest, AnotherThreadMayRunThePlugin) {
  Exec(R"({"token":"t1"})");
  Make();
  const Credentials::PluginRun run = credentials->MustRun(now, wall, false);
  ASSERT_TRUE(run);
  EXPECT_EQ(runs, 0);
  credentials->Take(now, run());
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Bearer t1"));
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(credentials->MustRun(now, wall, false));
  EXPECT_TRUE(credentials->MustRun(now, wall, true)) << "the server refused it";
  credentials->Take(now, absl::UnavailableError("failed"));
  EXPECT_FALSE(credentials->MustRun(now, wall, true)) << "not so soon";
  EXPECT_THAT(Get().headers, ElementsAre("Authorization: Bearer t1"));
}

TEST(ExecRunnerTest, RunsPlugins) {
  const ExecRunner run = RealExecRunner(seconds(20));
  const auto output = run(
      {kExecVersion, "sh", {"-c", "echo $A $KUBERNETES_EXEC_INFO $1", "sh", "x y"}, {{"A", "b"}}, false, ""}, "{info}");
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, "b {info} x y\n");
}

// Alive, and not merely waiting to be reaped.
bool Runs(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  return !text.empty() && text.find(") Z ") == std::string::npos;
}

TEST(ExecRunnerTest, WhatAPluginStartedEndsWithIt) {
  std::string path = "/tmp/k8sgw-exec-XXXXXX";
  close(mkstemp(path.data()));
  const ExecRunner run = RealExecRunner(seconds(2));
  EXPECT_FALSE(run({kExecVersion, "sh", {"-c", "sleep 60 & echo $! > $0; wait", path}, {}, false, ""}, "").ok());
  std::string pid;
  std::ifstream(path) >> pid;
  EXPECT_NE(pid, "");
  for (int i = 0; i < 100 && Runs(pid); ++i) usleep(20'000);
  EXPECT_FALSE(Runs(pid));
  unlink(path.c_str());
}

TEST(ExecRunnerTest, Failures) {
  const auto error_of = [](const std::string& command, std::vector<std::string> args,
                           milliseconds timeout = seconds(20)) {
    const auto output = RealExecRunner(timeout)({kExecVersion, command, std::move(args), {}, false, ""}, "");
    return output.ok() ? "no error" : std::string(ToStd(output.status().message()));
  };
  EXPECT_THAT(error_of("/no/such/plugin", {}), HasSubstr("cannot be started: No such file"));
  EXPECT_THAT(error_of("sh", {"-c", "exit 3"}), HasSubstr("exit code 3"));
  EXPECT_THAT(error_of("sh", {"-c", "kill -9 $$"}), HasSubstr("signal 9"));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(error_of("sh", {"-c", "sleep 60 & sleep 60"}, milliseconds(300)), HasSubstr("did not end in time"));
  EXPECT_THAT(error_of("sh", {"-c", "exec >&-; sleep 60"}, milliseconds(300)), HasSubstr("did not end in time"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(10));
  EXPECT_THAT(error_of("sh", {"-c", "yes"}), HasSubstr("printed more than"));
}

}  // namespace
}  // namespace k8sgw::kube
