// The whole way against a real API server that has our kinds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/model/decode.h"
#include "src/sources/kube/list_watch.h"
#include "src/sources/kube/test_real_api_server.h"
#include "src/status/status_writer.h"
#include "src/status/verdicts.h"

namespace k8sgw::status {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNs[] = "gloo-system";

double Half() { return 0.5; }

// A replica: VirtualServices of one namespace, translated, with their statuses.
class Replica {
 public:
  Replica(kube::Loop& loop, kube::HttpClient& client, const std::string& ns)
      : writer_(client),
        verdicts_(pipeline_),
        statuses_(loop, writer_, {kNs, {}, {}, {}, {}}, Half,
                  [this](const ResourceKey& key) { return verdicts_.Of(key); }),
        watch_(client, {"gateway.solo.io", "v1", "virtualservices", ns}, {}, Half,
               {[this](const kube::Batch& batch) { Take(batch); }, [](const kube::Health&) {}}) {}

  StatusWriter& statuses() { return statuses_; }
  size_t events() const { return events_; }

 private:
  void Take(const kube::Batch& batch) {
    Problems problems;
    for (const kube::Event& event : batch.events) {
      ++events_;
      const ResourceKey key{Kind::kVirtualService, event.object.meta.namespace_, event.object.meta.name};
      problems_.erase(key);
      if (event.kind == kube::Event::Kind::kDelete) {
        statuses_.Gone(key);
        Change gone;
        gone.key = key;
        pipeline_.Stage(gone);
        continue;
      }
      statuses_.Observe(key, event.object);
      const DecodedDocument decoded =
          DecodeKubernetes(yaml::Parse(event.object.json).documents.at(0), event.object.meta.namespace_);
      for (const Change& change : decoded.objects) pipeline_.Stage(change);
      for (const PlacedProblem& placed : decoded.problems) problems_[key].push_back(placed.problem);
    }
    for (const auto& [key, its_problems] : problems_) {
      problems.insert(problems.end(), its_problems.begin(), its_problems.end());
    }
    pipeline_.problem_table().Set("source", "", problems);
    pipeline_.Commit();
    verdicts_.AfterCommit();
    if (batch.sync) synced_ = true;
    if (synced_) statuses_.Committed(verdicts_.TakeChanged());
  }

  bool synced_ = false;
  size_t events_ = 0;
  std::map<ResourceKey, Problems> problems_;
  kube::Writer writer_;
  Pipeline pipeline_{Pipeline::Options()};
  Verdicts verdicts_;
  StatusWriter statuses_;
  kube::ListWatch watch_;
};

class StatusApiServerTest : public kube::testing::RealApiServerTest {
 protected:
  StatusApiServerTest() : RealApiServerTest("status") {}

  void SetUp() override {
    RealApiServerTest::SetUp();
    if (!ready()) return;
    services_ = {"gateway.solo.io", "v1", "virtualservices", ns_};
    replica_ = std::make_unique<Replica>(loop_, *client_, ns_);
  }
  void TearDown() override {
    replica_.reset();
    RealApiServerTest::TearDown();
  }

  absl::Status Create(const std::string& name, const std::string& spec) {
    return Send(kube::CreateObject(services_, Cat(R"({"apiVersion":"gateway.solo.io/v1","kind":"VirtualService",)",
                                                  R"("metadata":{"name":")", name, R"("},"spec":)", spec, "}")))
        .status;
  }
  // The status of an object, as text.
  std::string StatusOf(const std::string& name) {
    const kube::WriteResult read = Send(kube::ReadObject({services_, name}));
    if (!read.status.ok()) return "";
    const yaml::Stream stream = yaml::Parse(read.body);
    const yaml::Node* status = stream.documents.at(0).Find("status");
    return status == nullptr ? "" : yaml::EmitJson(*status, 0);
  }
  uint64_t written() const { return replica_->statuses().counters().written; }

  std::unique_ptr<Replica> replica_;
  kube::Resource services_;
};

std::string Spec(const std::string& matcher) {
  return Cat(R"({"virtualHost":{"domains":["a.example"],"routes":[{"matchers":[)", matcher,
             R"(],"directResponseAction":{"status":200}}]}})");
}
constexpr char kGood[] = R"({"prefix":"/"})";
constexpr char kBroken[] = R"({"regex":"("})";

TEST_F(StatusApiServerTest, ObjectsGetTheirStatus) {
  ASSERT_TRUE(Create("a", Spec(kBroken)).ok());
  ASSERT_TRUE(Until([&] { return replica_->events() > 0; }));
  // Nobody leads.
  EXPECT_FALSE(Until([&] { return written() > 0; }, milliseconds(500)));
  ASSERT_TRUE(
      Send(kube::MergePatch({services_, "a"}, R"({"status":{"statuses":{"other":{"state":"Accepted","x":[1]}}}})"))
          .status.ok());
  replica_->statuses().SetLeading(true);
  ASSERT_TRUE(Until([&] { return written() == 1; }));
  std::string status = StatusOf("a");
  EXPECT_THAT(status, HasSubstr(R"("other": {"state": "Accepted", "x": [1]})"));
  EXPECT_THAT(status, HasSubstr(R"("state": "Rejected")"));
  EXPECT_THAT(status, HasSubstr(R"(virtualHost.routes[0].matchers[0].regex: )"));
  // There is no Gateway: a warning remains.
  ASSERT_TRUE(Send(kube::MergePatch({services_, "a"}, Cat(R"({"spec":)", Spec(kGood), "}"))).status.ok());
  ASSERT_TRUE(Until([&] { return written() == 2; }));
  status = StatusOf("a");
  EXPECT_THAT(status,
              HasSubstr(R"("gloo-system": {"reason": "warning: \n  is not served, because there is no Gateway)"));
  EXPECT_THAT(status, Not(HasSubstr("Rejected")));
  EXPECT_THAT(status, HasSubstr(R"("other": {"state": "Accepted", "x": [1]})"));
  // Somebody takes it away.
  ASSERT_TRUE(Send(kube::MergePatch({services_, "a"}, R"({"status":{"statuses":{"gloo-system":null}}})")).status.ok());
  ASSERT_TRUE(Until([&] { return written() == 3; }));
  EXPECT_EQ(StatusOf("a"), status);
  // Our own events, and a new process, cause no writes.
  EXPECT_FALSE(Until([&] { return written() > 3; }, milliseconds(1500)));
  replica_ = std::make_unique<Replica>(loop_, *client_, ns_);
  replica_->statuses().SetLeading(true);
  EXPECT_FALSE(Until([&] { return written() > 0; }, milliseconds(1500)));
}

TEST_F(StatusApiServerTest, AnObjectThatCannotBeDecodedIsRejected) {
  replica_->statuses().SetLeading(true);
  const absl::Status made = Create("a", R"({"virtualHost":{"routes":[{"options":{"timeout":"soon"}}]}})");
  ASSERT_TRUE(made.ok()) << made;
  ASSERT_TRUE(Until([&] { return written() == 1; }));
  EXPECT_THAT(StatusOf("a"), HasSubstr(R"("state": "Rejected")"));
}

TEST_F(StatusApiServerTest, APatchForTheObjectBeforeIsRefused) {
  ASSERT_TRUE(Create("a", Spec(kGood)).ok());
  const Entry entry{State::kAccepted, "", "gateway", {}};
  const absl::Status status =
      Send(RequestOf(kNs, {1, {Kind::kVirtualService, ns_, "a"}, "00000000-0000-0000-0000-000000000000", {}}, entry))
          .status;
  EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsAborted(status)) << status;
  EXPECT_THAT(StatusOf("a"), Not(HasSubstr("Accepted")));
}

TEST_F(StatusApiServerTest, ManyAtOnce) {
  constexpr int kMany = 500;
  for (int i = 0; i < kMany; ++i) {
    writer_->Send(kube::CreateObject(services_, Cat(R"({"apiVersion":"gateway.solo.io/v1","kind":"VirtualService",)",
                                                    R"("metadata":{"name":"m)", i, R"("},"spec":)", Spec(kGood), "}")),
                  [](const kube::WriteResult&) {});
    ASSERT_TRUE(Until([&] { return writer_->running() < 50; }));
  }
  ASSERT_TRUE(Until([&] { return replica_->events() >= kMany; }));
  const auto start = kube::Loop::Now();
  replica_->statuses().SetLeading(true);
  bool flushed = false;
  replica_->statuses().Flush(seconds(60), [&] { flushed = true; });
  ASSERT_TRUE(Until([&] { return flushed; }, seconds(60)));
  EXPECT_EQ(written(), static_cast<uint64_t>(kMany));
  EXPECT_EQ(replica_->statuses().counters().failed, 0u);
  const auto spent = std::chrono::duration_cast<milliseconds>(kube::Loop::Now() - start);
  printf("%d statuses: %d ms\n", kMany, static_cast<int>(spent.count()));
  EXPECT_FALSE(Until([&] { return written() > kMany; }, milliseconds(1500)));
}

}  // namespace
}  // namespace k8sgw::status
