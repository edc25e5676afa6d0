#include "src/certgen/certgen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "src/base/base64.h"
#include "src/base/test_folder.h"
#include "src/certgen/folder_store.h"
#include "src/certgen/test_material.h"
#include "src/certgen/webhook.h"
#include "src/json/tree.h"

namespace k8sgw::certgen {
namespace {

using ::k8sgw::testing::TestFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Content(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

mode_t Mode(const std::filesystem::path& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

class CertgenTest : public ::testing::Test {
 protected:
  CertgenTest() : out_(folder_.base() / "out" / "deep"), store_(out_, {}) {}

  World TestWorld() {
    return {.now = [this] { return now_; },
            .sleep =
                [this](int64_t seconds) {
                  now_ += seconds;
                  slept_ += seconds;
                },
            .log = [this](const std::string& line) { log_ += line + "\n"; },
            .tell = nullptr};
  }
  absl::Status Run(bool force = false, bool wait = false) {
    return certgen::Run({TestDemand(), force, wait}, store_, TestWorld());
  }
  std::string Leaf() const { return Content(out_ / "tls.crt"); }
  // Of the folder, without those that nobody is to see.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(out_)) {
      if (entry.path().filename().string()[0] != '.') names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TestFolder folder_;
  const std::filesystem::path out_;
  FolderStore store_;
  int64_t now_ = kNow;
  int64_t slept_ = 0;
  std::string log_;
};

TEST_F(CertgenTest, MakesFilesOnceOnly) {
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(Names(), ElementsAre("ca.crt", "tls.crt", "tls.key"));
  EXPECT_EQ(Mode(out_ / "tls.key"), 0600u);
  EXPECT_EQ(Mode(out_ / "tls.crt"), 0644u);
  const std::string leaf = Leaf();
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Leaf(), leaf);
  EXPECT_THAT(log_, HasSubstr("nothing to do"));
  EXPECT_EQ(slept_, 0);
}

TEST_F(CertgenTest, WaitsBetweenTheStepsOfARotation) {
  ASSERT_TRUE(Run().ok());
  const std::string leaf = Leaf();
  ASSERT_TRUE(Run(true, true).ok());
  EXPECT_NE(Leaf(), leaf);
  EXPECT_EQ(slept_, 2 * TestDemand().distance);
  EXPECT_THAT(Names(), ElementsAre("ca.crt", "tls.crt", "tls.key"));
}

TEST_F(CertgenTest, LeavesTheNextStepsToTheNextRuns) {
  ASSERT_TRUE(Run().ok());
  const std::string leaf = Leaf();
  ASSERT_TRUE(Run(true).ok());
  EXPECT_EQ(Leaf(), leaf);
  EXPECT_THAT(Names(), ElementsAre("ca.crt", "next.crt", "next.key", "step-at", "tls.crt", "tls.key"));
  EXPECT_EQ(Mode(out_ / "next.key"), 0600u);
  ASSERT_TRUE(Run(true).ok());
  EXPECT_EQ(Leaf(), leaf) << "the second step came too early";
  now_ += TestDemand().distance;
  ASSERT_TRUE(Run(true).ok());
  EXPECT_NE(Leaf(), leaf);
  now_ += TestDemand().distance;
  ASSERT_TRUE(Run(true).ok());
  EXPECT_THAT(Names(), ElementsAre("ca.crt", "tls.crt", "tls.key"));
  EXPECT_EQ(slept_, 0);
}

TEST_F(CertgenTest, ARunAfterOneThatWasKilledGoesOnWhereThatWas) {
  ASSERT_TRUE(Run().ok());
  ASSERT_TRUE(Run(true).ok());
  const std::string next = Content(out_ / "next.crt");
  now_ += 10;
  ASSERT_TRUE(Run(false, true).ok());
  EXPECT_EQ(Leaf(), next);
  EXPECT_EQ(slept_, 2 * TestDemand().distance - 10);
}

TEST_F(CertgenTest, WhatWasPlainFilesIsReplaced) {
  std::filesystem::create_directories(out_);
  std::ofstream(out_ / "tls.crt") << "nothing";
  std::ofstream(out_ / "keep.me") << "kept";
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(pem::ReadPair(Leaf(), Content(out_ / "tls.key")).ok());
  EXPECT_EQ(Content(out_ / "keep.me"), "kept");
}

// Whoever reads all files through one `..data` sees a whole.
TEST_F(CertgenTest, AReaderSeesOneVersion) {
  ASSERT_TRUE(Run().ok());
  const auto before = std::filesystem::read_symlink(out_ / "..data");
  ASSERT_TRUE(Run(true, true).ok());
  EXPECT_NE(std::filesystem::read_symlink(out_ / "..data"), before);
  EXPECT_FALSE(std::filesystem::exists(out_ / before)) << "the old version is left";
  EXPECT_EQ(std::filesystem::read_symlink(out_ / "tls.crt"), "..data/tls.crt");
}

TEST_F(CertgenTest, SomebodyElsesWriteIsNotOverwritten) {
  ASSERT_TRUE(Run().ok());
  FolderStore other(out_, {});
  ASSERT_TRUE(store_.Read().ok());
  ASSERT_TRUE(other.Read().ok());
  ASSERT_TRUE(other.Write(Fresh()).ok());
  EXPECT_EQ(store_.Write(Fresh()).code(), absl::StatusCode::kAborted);
}

TEST_F(CertgenTest, ManyAtOnceMakeOne) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      FolderStore store(out_, {});
      const World world{
          .now = [] { return kNow; }, .sleep = nullptr, .log = [](const std::string&) {}, .tell = nullptr};
      EXPECT_TRUE(certgen::Run({TestDemand(), false, false}, store, world).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto stored = store_.Read();
  ASSERT_TRUE(stored.ok() && *stored);
  EXPECT_TRUE(Connects(**stored, **stored, kNow).ok());
  // Nobody replaced what another had made.
  EXPECT_EQ(AuthorityCount(**stored), 1u);
}

TEST_F(CertgenTest, AFolderThatCannotBeWrittenIsNamed) {
  std::ofstream(folder_.base() / "out") << "a file";
  const absl::Status status = Run();
  EXPECT_THAT(std::string(status.message()), HasSubstr("out/deep"));
}

TEST_F(CertgenTest, TellsAfterEachStep) {
  World world = TestWorld();
  std::vector<size_t> told;
  world.tell = [&](Store& store) -> absl::StatusOr<bool> {
    told.push_back(AuthorityCount(**store.Read()));
    return true;
  };
  ASSERT_TRUE(certgen::Run({TestDemand(), false, false}, store_, world).ok());
  ASSERT_TRUE(certgen::Run({TestDemand(), true, true}, store_, world).ok());
  EXPECT_THAT(told, ElementsAre(1u, 2u, 2u, 1u));
}

TEST(FindWebhooksTest, ThoseThatCallTheService) {
  const auto find = [](std::string bundle) {
    const yaml::Padded text(
        R"({"metadata":{"resourceVersion":"7"},"webhooks":[
        {"name":"a.svc","clientConfig":{"service":{"name":"gloo","namespace":"gloo-system"},"caBundle":")" +
        bundle + R"("}},
        {"name":"b.svc","clientConfig":{"service":{"name":"gloo","namespace":"other"}}},
        {"name":"c.svc","clientConfig":{"url":"https://gloo"}},
        {"name":"d.svc","clientConfig":{"service":{"name":"gloo","namespace":"gloo-system"},"caBundle":")" +
        EncodeBase64("PEM") + R"("}}]})");
    return FindWebhooks(text.view(), TestDemand().subject, "PEM");
  };
  const auto found = find("");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->resource_version, "7");
  EXPECT_THAT(found->names, ElementsAre("a.svc", "d.svc"));
  EXPECT_FALSE(found->trust_it);
  EXPECT_TRUE(find(EncodeBase64("PEM"))->trust_it);
}

}  // namespace
}  // namespace k8sgw::certgen
