#include "src/access_log/output.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <sstream>

#include "src/base/test_folder.h"

namespace k8sgw::access_log {
namespace {

using ::k8sgw::testing::TestFolder;
using ::testing::HasSubstr;

class OutputTest : public ::testing::Test {
 protected:
  std::string Content(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(folder_ / name, std::ios::binary).rdbuf();
    return out.str();
  }
  OutputOptions Options(int64_t max_bytes, int files = 2) const {
    return {(folder_ / "log").string(), max_bytes, files};
  }
  bool Exists(const std::string& name) const { return std::filesystem::exists(folder_ / name); }

  TestFolder folder_;
};

TEST_F(OutputTest, AppendsToWhatIsThere) {
  folder_.Write("log", "old\n");
  Output output(Options(1000));
  ASSERT_TRUE(output.Write("new\n").ok());
  EXPECT_EQ(Content("log"), "old\nnew\n");
}

TEST_F(OutputTest, ALargeFileIsReplacedAndTheOldestGoes) {
  Output output(Options(8));
  for (const char* line : {"a 12345\n", "b 12345\n", "c 12345\n", "d 12345\n"}) ASSERT_TRUE(output.Write(line).ok());
  EXPECT_EQ(Content("log"), "d 12345\n");
  EXPECT_EQ(Content("log.1"), "c 12345\n");
  EXPECT_EQ(Content("log.2"), "b 12345\n");
  EXPECT_FALSE(Exists("log.3"));
}

TEST_F(OutputTest, WithoutOldFilesItBeginsAnew) {
  Output output(Options(8, 0));
  ASSERT_TRUE(output.Write("a 12345\n").ok());
  ASSERT_TRUE(output.Write("b 12345\n").ok());
  EXPECT_EQ(Content("log"), "b 12345\n");
  EXPECT_FALSE(Exists("log.1"));
}

TEST_F(OutputTest, ABlockLargerThanAFileIsWrittenAsAWhole) {
  Output output(Options(4));
  ASSERT_TRUE(output.Write("0123456789\n").ok());
  EXPECT_EQ(Content("log"), "0123456789\n");
}

TEST_F(OutputTest, FollowsAFileThatSomebodyMoved) {
  Output output(Options(1000));
  ASSERT_TRUE(output.Write("a\n").ok());
  std::filesystem::rename(folder_ / "log", folder_ / "taken");
  ASSERT_TRUE(output.Write("b\n").ok());
  EXPECT_EQ(Content("taken"), "a\n");
  EXPECT_EQ(Content("log"), "b\n");
}

// The file may have so many bytes, as if the disk had no more room.
class Bound {
 public:
  explicit Bound(rlim_t bytes) {
    old_handler_ = signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit now{bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~Bound() {
    setrlimit(RLIMIT_FSIZE, &old_);
    signal(SIGXFSZ, old_handler_);
  }

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

TEST_F(OutputTest, WhatDoesNotFitLeavesNoPartOfALine) {
  Output output(Options(1000));
  ASSERT_TRUE(output.Write("a\n").ok());
  {
    const Bound bound(6);
    const absl::Status status = output.Write("0123456789\n");
    EXPECT_THAT(std::string(status.message()), HasSubstr("log cannot be written"));
    EXPECT_EQ(Content("log"), "a\n");
    EXPECT_TRUE(output.Write("b\n").ok());
  }
  ASSERT_TRUE(output.Write("c\n").ok());
  EXPECT_EQ(Content("log"), "a\nb\nc\n");
}

TEST_F(OutputTest, AFullDeviceIsAnError) {
  Output output({"/dev/full", 1000, 2});
  ASSERT_TRUE(output.Open().ok());
  EXPECT_THAT(std::string(output.Write("a\n").message()), HasSubstr("/dev/full cannot be written: No space left"));
}

TEST_F(OutputTest, AFolderThatIsMissingIsNamedAndTriedAgain) {
  Output output({(folder_ / "later/log").string(), 1000, 2});
  EXPECT_THAT(std::string(output.Open().message()), HasSubstr("later/log cannot be opened: No such file"));
  std::filesystem::create_directory(folder_ / "later");
  EXPECT_TRUE(output.Write("a\n").ok());
  EXPECT_EQ(Content("later/log"), "a\n");
}

}  // namespace
}  // namespace k8sgw::access_log
