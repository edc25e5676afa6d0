#include "src/sources/state/last_good.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

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

}  // namespace
}  // namespace k8sgw::state
