#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "src/sources/kube/http.h"
#include "src/sources/kube/test_h2_server.h"
#include "src/sources/kube/test_loop.h"

namespace k8sgw::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::TestCertificates;
using testing::TestH2Server;

// An exec plugin that takes its time.
class SlowPlugin {
 public:
  ~SlowPlugin() {
    Finish("late");
    // Its thread may still look at this.
    while (running_ > 0) std::this_thread::sleep_for(milliseconds(1));
    const std::lock_guard<std::mutex> lock(mutex_);
  }
  ExecRunner Runner() {
    return [this](const ExecPlugin&, const std::string&) -> absl::StatusOr<std::string> {
      ++running_;
      ++runs_;
      while (!finished_) std::this_thread::sleep_for(milliseconds(1));
      const std::lock_guard<std::mutex> lock(mutex_);
      --running_;
      return Cat(R"({"kind":"ExecCredential","apiVersion":"v1","status":{"token":")", token_, "\"}}");
    };
  }
  void Finish(const std::string& token) {
    const std::lock_guard<std::mutex> lock(mutex_);
    token_ = token;
    finished_ = true;
  }
  int runs() const { return runs_; }

 private:
  std::atomic<int> running_ = 0;
  std::atomic<int> runs_ = 0;
  std::atomic<bool> finished_ = false;
  std::mutex mutex_;
  std::string token_;
};

struct Answer : HttpHandler {
  void OnHead(int, std::chrono::seconds) override {}
  bool OnBytes(std::string_view bytes) override {
    body.append(bytes);
    return true;
  }
  void OnEnd(const absl::Status&) override { ended = true; }

  std::string body;
  bool ended = false;
};

class HttpPluginTest : public ::testing::Test {
 protected:
  HttpPluginTest() {
    certificates_.MakeAuthority("ca");
    certificates_.MakeCertificate("server", "ca", "IP:127.0.0.1");
    server_ = std::make_unique<TestH2Server>(
        std::vector<std::string>{certificates_.Path("server.crt"), certificates_.Path("server.key")});
    ClientConfig config;
    config.server = server_->Url();
    config.ca.file = certificates_.Path("ca.crt");
    config.exec = ExecPlugin{"v1", "plugin", {}, {}, false, ""};
    credentials_ = std::make_unique<Credentials>(config, RealEnvironment(), plugin.Runner(), Credentials::Options{});
    client_ = std::make_unique<HttpClient>(loop, *credentials_, HttpClient::Options{});
  }
  HttpClient& client() { return *client_; }
  bool Until(const std::function<bool()>& done, milliseconds limit = seconds(60)) {
    return RunUntil(loop, done, limit);
  }
  std::vector<std::unique_ptr<Answer>> Ask(int count, const std::string& target, bool fresh = false) {
    std::vector<std::unique_ptr<Answer>> answers;
    for (int i = 0; i < count; ++i) {
      answers.push_back(std::make_unique<Answer>());
      client().Start({.target = target, .fresh_credentials = fresh}, answers.back().get());
    }
    return answers;
  }
  bool AllEnd(const std::vector<std::unique_ptr<Answer>>& answers) {
    return Until([&] { return std::ranges::all_of(answers, [](const auto& answer) { return answer->ended; }); });
  }

  TestCertificates certificates_;
  std::unique_ptr<TestH2Server> server_;
  Loop loop;
  SlowPlugin plugin;
  std::unique_ptr<Credentials> credentials_;
  std::unique_ptr<HttpClient> client_;
};

TEST_F(HttpPluginTest, TheLoopGoesOnWhileItRunsAndRequestsWait) {
  const auto answers = Ask(25, "/echo");
  ASSERT_TRUE(Until([&] { return plugin.runs() > 0; }));
  bool timer = false;
  loop.At(Loop::Now() + milliseconds(100), [&] { timer = true; });
  ASSERT_TRUE(Until([&] { return timer; })) << "timers are not held up";
  EXPECT_FALSE(answers[0]->ended);
  // Nor is one that nobody wants any more.
  Answer cancelled;
  client().Cancel(client().Start({.target = "/echo"}, &cancelled));
  plugin.Finish("one");
  ASSERT_TRUE(AllEnd(answers));
  for (const auto& answer : answers) EXPECT_THAT(answer->body, HasSubstr("Bearer one"));
  EXPECT_EQ(plugin.runs(), 1);
  EXPECT_FALSE(cancelled.ended);
}

TEST_F(HttpPluginTest, OfManyThatAreRefusedOneRunsIt) {
  plugin.Finish("one");
  ASSERT_TRUE(AllEnd(Ask(25, "/status/401")));
  EXPECT_EQ(plugin.runs(), 1);
  plugin.Finish("two");
  // It was run a moment ago.
  ASSERT_TRUE(AllEnd(Ask(1, "/echo", true)));
  EXPECT_EQ(plugin.runs(), 1);
  Until([] { return false; }, milliseconds(5100));
  for (int i = 0; i < 25; ++i) {
    const auto answers = Ask(1, "/echo", true);
    ASSERT_TRUE(AllEnd(answers));
    EXPECT_THAT(answers[0]->body, HasSubstr("Bearer two"));
  }
  EXPECT_EQ(plugin.runs(), 2);
}

TEST_F(HttpPluginTest, AClientMayEndBeforeIt) {
  const auto answers = Ask(2, "/echo");
  ASSERT_TRUE(Until([&] { return plugin.runs() > 0; }));
  client_.reset();
  plugin.Finish("late");
  Until([] { return false; }, milliseconds(100));
  EXPECT_FALSE(answers[0]->ended);
}

}  // namespace
}  // namespace k8sgw::kube
