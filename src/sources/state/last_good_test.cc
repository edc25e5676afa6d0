#include "src/sources/state/last_good.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <vector>

#include "src/base/test_folder.h"

namespace k8sgw::state {
namespace {

using k8sgw::testing::TestFolder;

std::string Bytes(const std::string& path) {
  std::stringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

std::unique_ptr<LastGoodTexts> MustOpen(const std::string& path) {
  auto texts = LastGoodTexts::Open(path);
  EXPECT_TRUE(texts.ok()) << texts.status();
  return texts.ok() ? std::move(*texts) : nullptr;
}

TEST(LastGoodTexts, OutliveTheProcess) {
  const TestFolder folder;
  const std::string path = folder.root().string() + "/state/texts";
  {
    const auto texts = MustOpen(path);
    EXPECT_TRUE(texts->Keep("a.yaml", "one\n").ok());
    EXPECT_TRUE(texts->Keep("b.yaml", std::string("b\0c", 3)).ok());
    EXPECT_TRUE(texts->Keep("a.yaml", "two\n").ok());
    EXPECT_TRUE(texts->Keep("gone.yaml", "x").ok());
    EXPECT_TRUE(texts->Forget("gone.yaml").ok());
    EXPECT_TRUE(texts->Forget("never.yaml").ok());
    EXPECT_EQ(texts->Find("a.yaml"), "two\n");
  }
  const auto texts = MustOpen(path);
  EXPECT_EQ(texts->Find("a.yaml"), "two\n");
  EXPECT_EQ(texts->Find("b.yaml"), std::string("b\0c", 3));
  EXPECT_EQ(texts->Find("gone.yaml"), std::nullopt);
  const uint64_t size = texts->size();
  EXPECT_TRUE(texts->Keep("a.yaml", "two\n").ok());
  EXPECT_EQ(texts->size(), size) << "the same text is not written again";
}

TEST(LastGoodTexts, BelongToOneProcess) {
  const TestFolder folder;
  const auto texts = MustOpen(folder.root().string() + "/texts");
  const auto second = LastGoodTexts::Open(folder.root().string() + "/texts");
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find("is in use by another process"), std::string::npos);
  EXPECT_FALSE(LastGoodTexts::Open("/proc/no/such/folder").ok());
}

// Whatever a crash leaves of the file, or somebody writes into it: every text that is found is one that was kept.
TEST(LastGoodTexts, CutAndDamagedFilesLoseOnlyWhatIsDamaged) {
  const TestFolder folder;
  const std::string path = folder.root().string() + "/texts";
  {
    const auto texts = MustOpen(path);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(texts->Keep("f" + std::to_string(i), "text " + std::to_string(i)).ok());
  }
  const std::string whole = Bytes(path);
  const auto check = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    const auto texts = MustOpen(path);
    int found = 0;
    for (int i = 0; i < 5; ++i) {
      const auto text = texts->Find("f" + std::to_string(i));
      if (!text) continue;
      ++found;
      EXPECT_EQ(*text, "text " + std::to_string(i));
    }
    // And it can be written again.
    EXPECT_TRUE(texts->Keep("new", "new").ok());
    EXPECT_EQ(texts->Find("new"), "new");
    return found;
  };
  for (size_t size = 0; size <= whole.size(); ++size) {
    EXPECT_EQ(check(whole.substr(0, size)), static_cast<int>(size * 5 / whole.size()));
    EXPECT_EQ(MustOpen(path)->Find("new"), "new");
  }
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    std::string bytes = whole;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    check(bytes);
  }
}

TEST(LastGoodTexts, FileStaysSmall) {
  const TestFolder folder;
  const std::string path = folder.root().string() + "/texts";
  const std::string text(100'000, 'x');
  const auto texts = MustOpen(path);
  EXPECT_TRUE(texts->Keep("still", "still").ok());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(texts->Keep("a", text + std::to_string(i)).ok());
  EXPECT_LT(std::filesystem::file_size(path), 2u << 20);
  EXPECT_EQ(texts->size(), std::filesystem::file_size(path));
  EXPECT_EQ(texts->Find("a"), text + "99");
  EXPECT_EQ(texts->Find("still"), "still");
  EXPECT_FALSE(LastGoodTexts::Open(path).ok()) << "the new file is locked, too";
}

// A volume of a size, as that of the chart.
class FullDisk : public ::testing::Test {
 protected:
  void Mount(uint64_t bytes) {
    // Nobody else sees it, and it ends with this process.
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", folder_.root().c_str(), "tmpfs", 0, ("size=" + std::to_string(bytes)).c_str()) != 0) {
      GTEST_SKIP() << "no volume of a size can be mounted here: " << std::strerror(errno);
    }
    mounted_ = true;
  }
  ~FullDisk() override {
    if (mounted_) umount2(folder_.root().c_str(), MNT_DETACH);
  }

  std::unique_ptr<LastGoodTexts> Open() {
    auto texts = LastGoodTexts::Open(path(), [this](const std::string& what) { warnings_.push_back(what); });
    EXPECT_TRUE(texts.ok()) << texts.status();
    return texts.ok() ? std::move(*texts) : nullptr;
  }
  std::string path() const { return (folder_ / "texts").string(); }
  void LeaveFree(uint64_t bytes) {
    const uint64_t free = std::filesystem::space(folder_.root()).available;
    ASSERT_GT(free, bytes);
    folder_.Write("filler", std::string(free - bytes, 'f'));
  }
  void RemoveFiller() { std::filesystem::remove(folder_ / "filler"); }

  const TestFolder folder_;
  bool mounted_ = false;
  std::vector<std::string> warnings_;
};

constexpr uint64_t kKB = 1000;
std::string Text(uint64_t size, char what = 'x') { return std::string(size, what); }

// The text of a name that is written again and again, each time as another one.
std::string Turn(int i) { return Text(500 * kKB, static_cast<char>('a' + i % 26)); }

TEST_F(FullDisk, LittleMoreThanTwiceWhatIsKeptIsEnough) {
  ASSERT_NO_FATAL_FAILURE(Mount(8000 * kKB));
  if (IsSkipped()) return;
  const auto texts = Open();
  EXPECT_TRUE(texts->Keep("still", Text(2800 * kKB)).ok());
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(texts->Keep("b", Turn(i)).ok()) << i;
  EXPECT_EQ(texts->Find("b"), Turn(59));
  EXPECT_EQ(texts->Find("still"), Text(2800 * kKB));
  EXPECT_TRUE(warnings_.empty()) << warnings_[0];
}

TEST_F(FullDisk, WithoutRoomForACopyTheFileGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Mount(8000 * kKB));
  if (IsSkipped()) return;
  int last = 0;
  {
    const auto texts = Open();
    EXPECT_TRUE(texts->Keep("still", Text(1000 * kKB)).ok());
    LeaveFree(1400 * kKB);
    for (; last < 2; ++last) EXPECT_TRUE(texts->Keep("b", Turn(last)).ok()) << last;
    EXPECT_EQ(texts->size() / kKB, 2000u);
    EXPECT_EQ(warnings_.size(), 1u) << "the copy does not fit";
    // Nor does this one.
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(texts->Keep("b", Turn(last)).ok());
    EXPECT_TRUE(texts->Keep("small", "small").ok()) << "what fits is written";
    EXPECT_EQ(texts->Find("b"), Turn(last - 1)) << "the text before stays";
    EXPECT_EQ(warnings_.size(), 1u) << "it is said once";
  }
  {
    const auto texts = Open();
    ASSERT_TRUE(texts);
    EXPECT_EQ(texts->Find("still"), Text(1000 * kKB));
    EXPECT_EQ(texts->Find("b"), Turn(last - 1));
    EXPECT_EQ(texts->Find("small"), "small");
    // There is room again.
    RemoveFiller();
    for (int i = last; i < last + 4; ++i) EXPECT_TRUE(texts->Keep("b", Turn(i)).ok()) << i;
    EXPECT_LT(texts->size(), 3200 * kKB) << "now it was written anew";
    EXPECT_EQ(texts->Find("b"), Turn(last + 3));
  }
}

TEST_F(FullDisk, WhatDoesNotFitMayFitWithoutWhatIsOutOfDate) {
  ASSERT_NO_FATAL_FAILURE(Mount(4000 * kKB));
  if (IsSkipped()) return;
  const auto texts = Open();
  EXPECT_TRUE(texts->Keep("still", "still").ok());
  EXPECT_TRUE(texts->Keep("gone", Text(900 * kKB)).ok());
  EXPECT_TRUE(texts->Forget("gone").ok());
  LeaveFree(500 * kKB);
  EXPECT_TRUE(texts->Keep("new", Text(1000 * kKB)).ok()) << "the copy that it takes has room";
  EXPECT_FALSE(texts->Keep("more", Text(1000 * kKB)).ok());
  EXPECT_EQ(texts->Find("still"), "still");
  EXPECT_EQ(texts->Find("new"), Text(1000 * kKB));
}

// Any fault, also one that nobody sees before it is tried.
TEST_F(FullDisk, AFileThatCannotBeWrittenAnewIsUsedAsItIs) {
  std::filesystem::create_directory(path() + ".part");
  {
    const auto texts = Open();
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(texts->Keep("b", Turn(i)).ok()) << i;
    ASSERT_EQ(warnings_.size(), 1u);
    EXPECT_NE(warnings_[0].find("texts.part: cannot be written: Is a directory"), std::string::npos) << warnings_[0];
    // It is not tried again at once.
    std::filesystem::remove(path() + ".part");
    EXPECT_TRUE(texts->Keep("b", Turn(6)).ok());
    EXPECT_GT(texts->size(), 3500 * kKB);
    std::filesystem::create_directory(path() + ".part");
  }
  {
    const auto texts = Open();
    ASSERT_TRUE(texts);
    EXPECT_EQ(texts->Find("b"), Turn(6));
  }
  std::filesystem::remove(path() + ".part");
  EXPECT_LT(Open()->size(), 600 * kKB);
}

// Where some kinds are heard and others are not, what is written is of the former.
TEST(LastGoodTexts, OnlyATouchMakesItLookNew) {
  const TestFolder folder;
  const std::string path = folder.root().string() + "/texts";
  EXPECT_TRUE(MustOpen(path)->Keep("a", "1").ok());
  const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(48);
  std::filesystem::last_write_time(path, old);
  const auto age = [&] { return std::chrono::system_clock::now() - MustOpen(path)->touched(); };
  EXPECT_TRUE(MustOpen(path)->Keep("a", "2").ok());
  EXPECT_GT(age(), std::chrono::hours(47));
  {
    const auto texts = MustOpen(path);
    texts->Touch();
    EXPECT_TRUE(texts->Keep("a", "3").ok());
  }
  EXPECT_LT(age(), std::chrono::minutes(10));
}

TEST_F(FullDisk, WritingItAnewDoesNotMakeItLookNew) {
  {
    const auto texts = Open();
    std::filesystem::create_directory(path() + ".part");
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(texts->Keep("b", Turn(i)).ok());
    std::filesystem::remove(path() + ".part");
  }
  const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(48);
  std::filesystem::last_write_time(path(), old);
  EXPECT_LT(Open()->size(), 600 * kKB);
  const auto age = std::chrono::system_clock::now() - Open()->touched();
  EXPECT_GT(age, std::chrono::hours(47)) << "nobody has heard anything since then";
}

}  // namespace
}  // namespace k8sgw::state
