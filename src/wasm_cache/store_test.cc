#include "src/wasm_cache/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "src/base/test_folder.h"
#include "src/wasm_cache/digest.h"

namespace k8sgw::wasm_cache {
namespace {

namespace fs = std::filesystem;

class StoreTest : public ::testing::Test {
 protected:
  void Open() {
    store.reset();
    auto opened = Store::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store = std::move(*opened);
  }
  absl::Status Keep(const std::string& image, const std::string& bytes) {
    const absl::Status status = store->Keep(image, {Sha256Hex(bytes), Sha256Digest(image), "application/wasm"}, bytes);
    if (status.ok()) store->Unpin(Sha256Hex(bytes));
    return status;
  }
  std::string Read(const std::string& bytes) {
    const auto module = store->Read(Sha256Hex(bytes));
    return module ? module->bytes : "";
  }
  fs::path PathOf(const std::string& bytes) const { return folder.root() / "modules" / Sha256Hex(bytes); }

  testing::TestFolder folder;
  StoreOptions options{folder.root().string(), 1000};
  std::unique_ptr<Store> store;
};

TEST_F(StoreTest, OutlivesAProcess) {
  Open();
  EXPECT_EQ(store->Find("r.io/a:1"), std::nullopt);
  ASSERT_TRUE(store->Keep("r.io/a:1", {Sha256Hex("one"), Sha256Digest("m"), "application/x"}, "one").ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(store->Find("r.io/a:1"), (Kept{Sha256Hex("one"), Sha256Digest("m"), "application/x"}));
    EXPECT_EQ(Read("one"), "one");
    EXPECT_EQ(store->Read(Sha256Hex("one"))->media_type, "application/x");
    EXPECT_EQ(store->bytes(), 3u);
    EXPECT_EQ(store->Find("r.io/a:2"), std::nullopt);
    Open();
  }
  struct stat info {};
  ASSERT_EQ(stat(PathOf("one").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  // A tag that moves.
  ASSERT_TRUE(Keep("r.io/a:1", "two").ok());
  EXPECT_EQ(store->Find("r.io/a:1")->sha256, Sha256Hex("two"));
  EXPECT_EQ(Read("one"), "one") << "Envoys may still want it";
}

TEST_F(StoreTest, WhatIsNotAsItWasCountsAsNotThere) {
  Open();
  ASSERT_TRUE(Keep("r.io/a", "module").ok());
  std::ofstream(PathOf("module")) << "modulE";
  EXPECT_EQ(store->Find("r.io/a"), std::nullopt);
  EXPECT_FALSE(fs::exists(PathOf("module")));
  EXPECT_EQ(store->bytes(), 0u);
  ASSERT_TRUE(Keep("r.io/a", "module").ok());
  fs::resize_file(PathOf("module"), 2);
  EXPECT_EQ(Read("module"), "");
  ASSERT_TRUE(Keep("r.io/a", "module").ok());
  fs::remove(PathOf("module"));
  EXPECT_EQ(Read("module"), "");
  ASSERT_TRUE(Keep("r.io/a", "module").ok());
  EXPECT_EQ(Read("module"), "module");
}

TEST_F(StoreTest, NonsenseInTheFolder) {
  Open();
  ASSERT_TRUE(Keep("r.io/a", "module").ok());
  folder.Write("modules/README", "x");
  folder.Write("images/" + Sha256Hex("x"), "image x\nmodule ../../etc/passwd\nmanifest y\ntype z\n");
  folder.Write("images/" + Sha256Hex("y"), std::string(100'000, 'x'));
  fs::create_directory(folder.root() / "modules" / Sha256Hex("folder"));
  fs::create_symlink("/etc/passwd", folder.root() / "modules" / Sha256Hex("link"));
  Open();
  EXPECT_EQ(Read("module"), "module");
  EXPECT_EQ(store->Find("x"), std::nullopt);
  EXPECT_EQ(store->Find("y"), std::nullopt);
  EXPECT_EQ(store->Read("../../etc/passwd"), std::nullopt);
  EXPECT_EQ(Read("folder"), "");
  EXPECT_EQ(Read("link"), "");
  EXPECT_TRUE(fs::exists("/etc/passwd"));
  // Of another image with the same file.
  fs::rename(folder.root() / "images" / Sha256Hex("r.io/a"), folder.root() / "images" / Sha256Hex("r.io/b"));
  EXPECT_EQ(store->Find("r.io/b"), std::nullopt);
}

TEST_F(StoreTest, WhatIsNotUsedGoesFirst) {
  Open();
  const std::string one(400, '1');
  const std::string two(400, '2');
  const std::string three(400, '3');
  ASSERT_TRUE(Keep("a", one).ok());
  ASSERT_TRUE(Keep("b", two).ok());
  EXPECT_EQ(Read(one), one);
  ASSERT_TRUE(Keep("c", three).ok());
  EXPECT_EQ(Read(two), "") << "longest not used";
  EXPECT_EQ(Read(one), one);
  store->SetInUse({Sha256Hex(one), Sha256Hex(three)});
  const absl::Status full = Keep("b", two);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(full.message(),
            "the cache of modules is full: 1000 bytes are allowed, 800 are in use, and 400 more are wanted");
  EXPECT_EQ(Read(one), one);
  EXPECT_EQ(Read(three), three);
  store->SetInUse({Sha256Hex(three)});
  EXPECT_TRUE(Keep("b", two).ok());
  EXPECT_EQ(store->bytes(), 800u);
}

TEST_F(StoreTest, WhatWasJustKeptStaysUntilItIsUnpinned) {
  Open();
  const std::string one(600, '1');
  const std::string two(600, '2');
  const Kept kept{Sha256Hex(one), Sha256Digest("a"), "application/wasm"};
  ASSERT_TRUE(store->Keep("a", kept, one).ok());
  // Whoever looks at what is in use does not know of it yet.
  store->SetInUse({});
  EXPECT_EQ(Keep("b", two).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Read(one), one);
  store->Unpin(Sha256Hex(one));
  EXPECT_TRUE(Keep("b", two).ok());
  EXPECT_EQ(Read(one), "");
  EXPECT_FALSE(fs::exists(folder.root() / "images" / Sha256Hex("a"))) << "images do not outlive their modules";
}

TEST_F(StoreTest, HalfAFileOfAProcessThatHasEnded) {
  Open();
  folder.Write("modules/.part-1-1", "dead");
  folder.Write("images/.part-1-1", "dead");
  folder.Write("modules/.part-1-2", "alive");
  const int writer = open((folder.root() / "modules/.part-1-2").c_str(), O_WRONLY);
  ASSERT_EQ(flock(writer, LOCK_EX), 0);
  Open();
  EXPECT_FALSE(fs::exists(folder.root() / "modules/.part-1-1"));
  EXPECT_FALSE(fs::exists(folder.root() / "images/.part-1-1"));
  EXPECT_TRUE(fs::exists(folder.root() / "modules/.part-1-2"));
  close(writer);
}

TEST_F(StoreTest, WhatCannotBeWrittenLeavesNothing) {
  Open();
  // No file gets this name.
  fs::create_directories(folder.root() / "modules" / Sha256Hex("module") / "x");
  EXPECT_EQ(Keep("a", "module").code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store->bytes(), 0u);
  for (const auto& item : fs::directory_iterator(folder.root() / "modules"))
    EXPECT_EQ(item.path().filename(), Sha256Hex("module"));
  EXPECT_TRUE(fs::is_empty(folder.root() / "images"));
  EXPECT_TRUE(Keep("b", std::string(1000, 'x')).ok()) << "no room was lost";
}

TEST_F(StoreTest, WithoutAFolderItHasOneForItself) {
  options.folder = "";
  Open();
  ASSERT_TRUE(Keep("a", "module").ok());
  EXPECT_EQ(Read("module"), "module");
  Open();
  EXPECT_EQ(Read("module"), "");
}

TEST_F(StoreTest, AFolderThatCannotBe) {
  folder.Write("file", "x");
  options.folder = (folder.root() / "file").string();
  const auto opened = Store::Open(options);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(opened.status().message().find("cannot write to"), absl::string_view::npos);
}

}  // namespace
}  // namespace k8sgw::wasm_cache
