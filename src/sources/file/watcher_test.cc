#include "src/sources/file/watcher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "src/sources/file/test_folder.h"

namespace k8sgw::file {
namespace {

using testing::Files;
using ::testing::HasSubstr;
using testing::Seen;
using testing::TestFolder;
namespace fs = std::filesystem;

TEST(Watcher, ReadsTheTreeAtTheStart) {
  TestFolder folder;
  folder.Write("a.yaml", "1");
  folder.Write("b.yml", "2");
  folder.Write("deep/er/c.json", "3");
  for (const char* name :
       {"readme.txt", ".hidden.yaml", "a.yaml~", ".a.yaml.swp", "4913", "#a.yaml#", "a.yaml.bak", ".git/x.yaml"}) {
    folder.Write(name, "x");
  }
  Seen seen(folder.root().string() + "/");
  EXPECT_EQ(seen.files, (Files{{"a.yaml", "1"}, {"b.yml", "2"}, {"deep/er/c.json", "3"}}));
  EXPECT_TRUE(seen.refused.empty());
  EXPECT_EQ(seen.Poll(), 0u);
}

TEST(Watcher, NoticesWritesRenamesAndRemovals) {
  TestFolder folder;
  Seen seen(folder.root());
  folder.Write("a.yaml", "1");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "1"}}));
  folder.Replace("a.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "2"}}));
  fs::rename(folder / "a.yaml", folder / "b.yaml");
  EXPECT_TRUE(seen.Becomes({{"b.yaml", "2"}}));
  fs::rename(folder / "b.yaml", folder / "b.yaml.off");
  EXPECT_TRUE(seen.Becomes({}));
  fs::rename(folder / "b.yaml.off", folder / "b.yaml");
  EXPECT_TRUE(seen.Becomes({{"b.yaml", "2"}}));
  fs::create_hard_link(folder / "b.yaml", folder / "c.yaml");
  EXPECT_TRUE(seen.Becomes({{"b.yaml", "2"}, {"c.yaml", "2"}}));
  fs::remove(folder / "b.yaml");
  EXPECT_TRUE(seen.Becomes({{"c.yaml", "2"}}));
}

TEST(Watcher, DoesNotReadHalfOfAFile) {
  TestFolder folder;
  folder.Write("old.yaml", "whole");
  Seen seen(folder.root());
  const int old_file = open((folder / "old.yaml").c_str(), O_WRONLY | O_TRUNC);
  const int new_file = open((folder / "new.yaml").c_str(), O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(write(old_file, "ha", 2), 2);
  ASSERT_EQ(write(new_file, "ha", 2), 2);
  // What makes the whole tree be looked at again must not show the half either; nor must a change of rights.
  folder.Write("sub/x.yaml", "x");
  fchmod(old_file, 0600);
  seen.Poll();
  EXPECT_EQ(seen.files, (Files{{"old.yaml", "whole"}, {"sub/x.yaml", "x"}}));
  ASSERT_EQ(write(old_file, "lf", 2), 2);
  ASSERT_EQ(write(new_file, "lf", 2), 2);
  close(old_file);
  close(new_file);
  EXPECT_TRUE(seen.Becomes({{"new.yaml", "half"}, {"old.yaml", "half"}, {"sub/x.yaml", "x"}}));
}

// Time stamps are coarse, and some tools set them: only the event tells that a file has changed.
TEST(Watcher, ReadsAgainWhateverTheTimeStampSays) {
  TestFolder folder;
  folder.Write("a.yaml", "1");
  struct stat before {};
  stat((folder / "a.yaml").c_str(), &before);
  Seen seen(folder.root());
  const int fd = open((folder / "a.yaml").c_str(), O_WRONLY | O_TRUNC);
  ASSERT_EQ(write(fd, "2", 1), 1);
  const timespec times[2] = {before.st_atim, before.st_mtim};
  futimens(fd, times);
  close(fd);
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "2"}}));
}

TEST(Watcher, EditorsLeaveNoTraces) {
  TestFolder folder;
  folder.Write("a.yaml", "1");
  Seen seen(folder.root());
  // The way of vim: a probe, a swap file, the old file as a backup, a new file, the backup removed.
  folder.Write("4913", "");
  fs::remove(folder / "4913");
  folder.Write(".a.yaml.swp", "x");
  fs::rename(folder / "a.yaml", folder / "a.yaml~");
  folder.Write("a.yaml", "2");
  fs::remove(folder / "a.yaml~");
  fs::remove(folder / ".a.yaml.swp");
  // The way of Emacs: a link to nowhere as a lock.
  fs::create_symlink("user@host.1", folder / ".#a.yaml");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "2"}}));
  EXPECT_EQ(seen.Poll(), 0u);
  EXPECT_TRUE(seen.refused.empty());
}

TEST(Watcher, FoldersComeAndGo) {
  TestFolder folder;
  Seen seen(folder.root());
  folder.Write("a/b/c/d.yaml", "1");
  folder.Write("a/e.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"a/b/c/d.yaml", "1"}, {"a/e.yaml", "2"}}));
  folder.Write("a/b/c/d.yaml", "3");
  EXPECT_TRUE(seen.Becomes({{"a/b/c/d.yaml", "3"}, {"a/e.yaml", "2"}}));
  fs::rename(folder / "a/b", folder / "f");
  EXPECT_TRUE(seen.Becomes({{"a/e.yaml", "2"}, {"f/c/d.yaml", "3"}}));
  folder.Write("f/c/d.yaml", "4");
  EXPECT_TRUE(seen.Becomes({{"a/e.yaml", "2"}, {"f/c/d.yaml", "4"}}));
  fs::remove_all(folder / "f");
  EXPECT_TRUE(seen.Becomes({{"a/e.yaml", "2"}}));
  fs::rename(folder / "a", folder.base() / "outside");
  EXPECT_TRUE(seen.Becomes({}));
  fs::rename(folder.base() / "outside", folder / "a");
  EXPECT_TRUE(seen.Becomes({{"a/e.yaml", "2"}}));
  // A folder whose name looks like a file's.
  folder.Write("x.yaml/y.yaml", "5");
  EXPECT_TRUE(seen.Becomes({{"a/e.yaml", "2"}, {"x.yaml/y.yaml", "5"}}));
}

TEST(Watcher, TheRootVanishesAndComesBack) {
  TestFolder folder;
  folder.Write("a.yaml", "1");
  Seen seen(folder.root());
  fs::remove_all(folder.root());
  EXPECT_TRUE(seen.Becomes({}));
  folder.Write("a.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "2"}}));
  folder.Write("b.yaml", "3");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "2"}, {"b.yaml", "3"}}));
  fs::rename(folder.root(), folder.base() / "old");
  EXPECT_TRUE(seen.Becomes({}));
  fs::rename(folder.base() / "old", folder.root());
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "2"}, {"b.yaml", "3"}}));
  // All between two looks.
  fs::remove_all(folder.root());
  folder.Write("a.yaml", "4");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "4"}}));
}

TEST(Watcher, TheFoldersAboveTheRootVanishAndComeBack) {
  TestFolder folder;
  Seen seen(folder / "x/y/z");
  EXPECT_TRUE(seen.files.empty());
  folder.Write("x/y/z/a.yaml", "1");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "1"}}));
  fs::remove_all(folder / "x");
  EXPECT_TRUE(seen.Becomes({}));
  for (const char* part : {"x", "x/y", "x/y/z"}) {
    fs::create_directory(folder / part);
    seen.Poll();
  }
  folder.Write("x/y/z/a.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "2"}}));
}

TEST(Watcher, TheRootMayBeRelative) {
  TestFolder folder;
  folder.Write("sub/a.yaml", "1");
  const fs::path before = fs::current_path();
  fs::current_path(folder.root());
  for (const char* root : {".", "./", "sub/..", "../conf", "./../conf/."}) {
    Seen seen(root);
    EXPECT_EQ(seen.files, (Files{{"sub/a.yaml", "1"}})) << root;
    folder.Write("new.yaml", "2");
    EXPECT_TRUE(seen.Becomes({{"new.yaml", "2"}, {"sub/a.yaml", "1"}})) << root;
    fs::remove(folder / "new.yaml");
    EXPECT_TRUE(seen.Becomes({{"sub/a.yaml", "1"}})) << root;
  }
  Seen seen("sub");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "1"}}));
  fs::remove_all("sub");
  EXPECT_TRUE(seen.Becomes({}));
  folder.Write("sub/b.yaml", "3");
  EXPECT_TRUE(seen.Becomes({{"b.yaml", "3"}}));
  fs::current_path(before);
}

// A mounted ConfigMap: names are links through ..data, which is swapped for the next version at once.
TEST(Watcher, MountedConfigMap) {
  TestFolder folder;
  folder.Write("..2026_1/a.yaml", "1");
  folder.Write("..2026_1/sub/b.yaml", "1");
  fs::create_symlink("..2026_1", folder / "..data");
  fs::create_symlink("..data/a.yaml", folder / "a.yaml");
  fs::create_symlink("..data/sub", folder / "sub");
  Seen seen(folder.root());
  EXPECT_EQ(seen.files, (Files{{"a.yaml", "1"}, {"sub/b.yaml", "1"}}));
  for (int version = 2; version < 6; ++version) {
    const std::string now = std::to_string(version);
    folder.Write("..2026_" + now + "/a.yaml", now);
    folder.Write("..2026_" + now + "/sub/b.yaml", now);
    folder.Write("..2026_" + now + "/c.yaml", now);
    fs::create_symlink("..2026_" + now, folder / "..data_tmp");
    fs::rename(folder / "..data_tmp", folder / "..data");
    if (version == 2) fs::create_symlink("..data/c.yaml", folder / "c.yaml");
    fs::remove_all(folder / ("..2026_" + std::to_string(version - 1)));
    EXPECT_TRUE(seen.Becomes({{"a.yaml", now}, {"c.yaml", now}, {"sub/b.yaml", now}}));
  }
}

TEST(Watcher, LinksAreFollowed) {
  TestFolder folder;
  TestFolder other;
  other.Write("x.yaml", "1");
  other.Write("sub/y.yaml", "1");
  Seen seen(folder.root());
  fs::create_symlink(other / "x.yaml", folder / "a.yaml");
  fs::create_symlink(other / "sub", folder / "b");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "1"}, {"b/y.yaml", "1"}}));
  // The other ends change in place, by renaming, and away.
  other.Write("x.yaml", "2");
  other.Write("sub/y.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "2"}, {"b/y.yaml", "2"}}));
  other.Replace("x.yaml", "3");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "3"}, {"b/y.yaml", "2"}}));
  fs::remove(folder / "b");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "3"}}));
  fs::remove(other / "x.yaml");
  EXPECT_TRUE(seen.Becomes({}));
}

TEST(Watcher, TwoWaysToOneFolder) {
  TestFolder folder;
  folder.Write("real/x.yaml", "1");
  fs::create_symlink("real", folder / "also");
  Seen seen(folder.root());
  EXPECT_EQ(seen.files, (Files{{"also/x.yaml", "1"}, {"real/x.yaml", "1"}}));
  folder.Write("real/x.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"also/x.yaml", "2"}, {"real/x.yaml", "2"}}));
}

TEST(Watcher, TheRootIsALinkThatIsSwapped) {
  TestFolder folder;
  folder.Write("v1/sub/a.yaml", "1");
  folder.Write("v2/sub/a.yaml", "2");
  const auto point = [&](const char* version) {
    fs::create_symlink(version, folder / "next");
    fs::rename(folder / "next", folder / "current");
  };
  point("v1");
  Seen direct(folder / "current");
  Seen through(folder / "current/sub");
  point("v2");
  EXPECT_TRUE(direct.Becomes({{"sub/a.yaml", "2"}}));
  EXPECT_TRUE(through.Becomes({{"a.yaml", "2"}}));
}

TEST(Watcher, LoopsOfLinksEnd) {
  TestFolder folder;
  folder.Write("a/x.yaml", "1");
  for (const char* name : {"l1", "l2", "l3", "a/l4", "a/l5"}) fs::create_symlink(folder.root(), folder / name);
  fs::create_symlink("self.yaml", folder / "self.yaml");
  fs::create_symlink("..", folder / "a/up");
  Seen seen(folder.root());
  EXPECT_EQ(seen.files, (Files{{"a/x.yaml", "1"}}));
  EXPECT_THAT(seen.refused["self.yaml"], HasSubstr("cannot be read: "));
  // The folder around it is reached by a link as well: still its own coming back is noticed.
  fs::create_symlink(folder.base(), folder / "around");
  fs::remove_all(folder.root());
  folder.Write("b.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"b.yaml", "2"}}));
}

// 2^n ways through n pairs of links.
TEST(Watcher, ManyWaysOfLinksEnd) {
  TestFolder folder;
  // 2^15 ways. Not more than 20 links on one: Linux may begin anew when a machine is busy, counts on, and ends at 40.
  for (int i = 0; i < 15; ++i) {
    const std::string next = (folder.base() / ("d" + std::to_string(i + 1))).string();
    fs::create_directory(next);
    for (const char* name : {"/a", "/b"}) {
      fs::create_symlink(next,
                         (i == 0 ? folder.root().string() : folder.base().string() + "/d" + std::to_string(i)) + name);
    }
  }
  folder.Write("x.yaml", "1");
  Seen seen(folder.root());
  EXPECT_EQ(seen.files, (Files{{"x.yaml", "1"}}));
  ASSERT_EQ(seen.refused.size(), 1u);
  EXPECT_THAT(seen.refused.begin()->second, HasSubstr("more than 10000 folders"));
}

TEST(Watcher, PipesSocketsAndDevicesDoNotBlock) {
  TestFolder folder;
  folder.Write("a.yaml", "1");
  ASSERT_EQ(mkfifo((folder / "pipe.yaml").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", folder / "device.yaml");
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder / "s.yaml").string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  Seen seen(folder.root());
  EXPECT_EQ(seen.files, (Files{{"a.yaml", "1"}}));
  const std::string why = "cannot be read: it is no regular file";
  EXPECT_EQ(seen.refused, (Files{{"device.yaml", why}, {"pipe.yaml", why}, {"s.yaml", why}}));
  // One that takes the place of a file is not the end of what the file said.
  fs::rename(folder / "pipe.yaml", folder / "a.yaml");
  seen.Poll();
  EXPECT_EQ(seen.files, (Files{{"a.yaml", "1"}}));
  EXPECT_EQ(seen.refused["a.yaml"], why);
  folder.Replace("a.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "2"}}));
  close(fd);
}

TEST(Watcher, HugeFilesAreRefused) {
  TestFolder folder;
  folder.Write("a.yaml", "1");
  Seen seen(folder.root());
  const int fd = open((folder / "a.yaml").c_str(), O_WRONLY);
  ASSERT_EQ(ftruncate(fd, int64_t{1} << 40), 0);
  close(fd);
  seen.Poll();
  EXPECT_EQ(seen.refused["a.yaml"], "cannot be read: the file has more than 16 MiB");
  EXPECT_EQ(seen.files["a.yaml"], "1");
  fs::resize_file(folder / "a.yaml", 1);
  folder.Replace("a.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "2"}}));
  EXPECT_TRUE(seen.refused.empty());
}

TEST(Watcher, NamesNeedNotBeUtf8) {
  TestFolder folder;
  Seen seen(folder.root());
  folder.Write("caf\xE9.yaml", "1");
  folder.Write("d\xFF/x y\n.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"caf\xE9.yaml", "1"}, {"d\xFF/x y\n.yaml", "2"}}));
}

// Without file descriptors nothing can be read for a while. That must not look as if all had gone.
TEST(Watcher, WhatCannotBeReadIsNotGone) {
  TestFolder folder;
  folder.Write("a.yaml", "1");
  folder.Write("sub/b.yaml", "1");
  Seen seen(folder.root());
  const Files all = seen.files;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const int lowest = dup(0);
  close(lowest);
  folder.Write("new/c.yaml", "1");
  fs::create_directory(folder / "other");
  const rlimit none{static_cast<rlim_t>(lowest), limit.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  seen.Poll();
  setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(seen.files, all);
  EXPECT_THAT(seen.refused[""], HasSubstr("the folder cannot be read: "));
  // The next event, whatever it is, mends it.
  fs::create_directory(folder / "another");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "1"}, {"new/c.yaml", "1"}, {"sub/b.yaml", "1"}}));
  EXPECT_TRUE(seen.refused.empty());
}

// The superuser may read everything: for a while the test is somebody else.
class WithoutPrivileges {
 public:
  WithoutPrivileges() { (void)seteuid(user_ == 0 ? 65534 : user_); }
  ~WithoutPrivileges() { (void)seteuid(user_); }

 private:
  const uid_t user_ = geteuid();
};

TEST(Watcher, RightsComeAndGo) {
  const WithoutPrivileges nobody;
  ASSERT_NE(geteuid(), 0u);
  TestFolder folder;
  folder.Write("a.yaml", "1");
  folder.Write("sub/b.yaml", "1");
  Seen seen(folder.root());
  fs::permissions(folder / "a.yaml", fs::perms::none);
  fs::permissions(folder / "sub", fs::perms::none);
  seen.Poll();
  EXPECT_EQ(seen.files, (Files{{"a.yaml", "1"}, {"sub/b.yaml", "1"}}));
  EXPECT_THAT(seen.refused["sub"], HasSubstr("Permission denied"));
  fs::permissions(folder / "sub", fs::perms::owner_all);
  fs::permissions(folder / "a.yaml", fs::perms::owner_all);
  seen.Poll();
  EXPECT_TRUE(seen.refused.empty());
  folder.Write("sub/b.yaml", "2");
  EXPECT_TRUE(seen.Becomes({{"a.yaml", "1"}, {"sub/b.yaml", "2"}}));
}

}  // namespace
}  // namespace k8sgw::file
