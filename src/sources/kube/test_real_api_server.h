// For tests against a real API server: K8SGATEWAY_TEST_KUBECONFIG names a kubeconfig of an administrator, otherwise
// they are skipped. Everything is done in a namespace of the test's own, which goes at the end.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "src/base/text.h"
#include "src/sources/kube/http.h"
#include "src/sources/kube/kubeconfig.h"
#include "src/sources/kube/test_loop.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::kube::testing {

// SetUp of those that derive from it begins with that of this, and goes on only if ready().
class RealApiServerTest : public ::testing::Test {
 protected:
  // The name of the namespace begins with `purpose`.
  explicit RealApiServerTest(std::string purpose) : purpose_(std::move(purpose)) {}

  void SetUp() override {
    const char* kubeconfig = std::getenv("K8SGATEWAY_TEST_KUBECONFIG");
    if (kubeconfig == nullptr) GTEST_SKIP() << "K8SGATEWAY_TEST_KUBECONFIG is not set";
    const auto config = LoadKubeconfig(RealEnvironment(), kubeconfig, "");
    ASSERT_TRUE(config.ok()) << config.status();
    config_ = *config;
    Connect();
    static int number = 0;
    const std::string name = Cat(purpose_, "-test-", getpid(), "-", ++number);
    const absl::Status made =
        Send(CreateObject({"", "v1", "namespaces", ""}, Cat(R"({"metadata":{"name":")", name, "\"}}"))).status;
    ASSERT_TRUE(made.ok()) << made;
    ns_ = name;
  }
  void TearDown() override {
    if (!ready()) return;
    EXPECT_TRUE(Send(DeleteObject({{"", "v1", "namespaces", ""}, ns_})).status.ok());
  }
  bool ready() const { return !ns_.empty(); }

  // Anew, after a change of config_.
  void Connect() {
    writer_.reset();
    client_.reset();
    credentials_ = std::make_unique<Credentials>(config_, RealEnvironment(), RealExecRunner(), Credentials::Options{});
    client_ = std::make_unique<HttpClient>(loop_, *credentials_, HttpClient::Options{});
    writer_ = std::make_unique<Writer>(*client_);
  }
  bool Until(const std::function<bool()>& done, std::chrono::milliseconds limit = std::chrono::seconds(30)) {
    return RunUntil(loop_, done, limit);
  }
  WriteResult Send(WriteRequest request) {
    std::optional<WriteResult> result;
    writer_->Send(std::move(request), [&](const WriteResult& its_result) { result = its_result; });
    EXPECT_TRUE(Until([&] { return result.has_value(); })) << "no answer";
    return result.value_or(WriteResult{absl::DeadlineExceededError("no answer"), {}, {}});
  }

  Loop loop_;
  ClientConfig config_;
  std::unique_ptr<Credentials> credentials_;
  std::unique_ptr<HttpClient> client_;
  std::unique_ptr<Writer> writer_;
  // "" before it was made.
  std::string ns_;

 private:
  const std::string purpose_;
};

}  // namespace k8sgw::kube::testing
