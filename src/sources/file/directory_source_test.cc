#include "src/sources/file/directory_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>

#include "api/gloo/v1/upstream.proto.h"
#include "plugins/static_upstream/static_upstream.proto.h"
#include "src/base/text.h"
#include "src/sources/file/test_folder.h"

namespace k8sgw::file {
namespace {

using testing::TestFolder;
namespace fs = std::filesystem;

std::string Upstream(std::string_view name, std::string_view host) {
  return Cat("---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: ", name,
             "}\nspec: {static: {hosts: [{addr: '", host, "', port: 80}]}}\n");
}

// The objects that a source has given so far: names and hosts.
class World {
 public:
  explicit World(const TestFolder& folder) : source(folder.root(), "default") { Apply(source.Start()); }

  // Takes what has happened; returns the number of changes.
  size_t Poll() { return Apply(source.OnReadable()); }

  DirectorySource source;
  std::map<std::string, std::string> upstreams;

 private:
  size_t Apply(const std::vector<Change>& changes) {
    for (const Change& change : changes) {
      if (change.gone()) {
        upstreams.erase(change.key.name);
      } else {
        upstreams[change.key.name] = change.As<gloov1::Upstream>()->spec.static_().hosts(0).addr();
      }
    }
    return changes.size();
  }
};

using Upstreams = std::map<std::string, std::string>;

TEST(DirectorySource, FollowsFiles) {
  TestFolder folder;
  folder.Write("a.yaml", Upstream("a", "1"));
  World world(folder);
  EXPECT_EQ(world.upstreams, (Upstreams{{"a", "1"}}));
  folder.Replace("a.yaml", Upstream("a", "2"));
  folder.Write("sub/b.yaml", Upstream("b", "3"));
  world.Poll();
  EXPECT_EQ(world.upstreams, (Upstreams{{"a", "2"}, {"b", "3"}}));
  fs::remove(folder / "a.yaml");
  world.Poll();
  EXPECT_EQ(world.upstreams, (Upstreams{{"b", "3"}}));
}

// Nobody may see the moment in which the object is in no file.
TEST(DirectorySource, MovesAreNoChange) {
  TestFolder folder;
  folder.Write("m.yaml", Upstream("a", "1"));
  World world(folder);
  fs::rename(folder / "m.yaml", folder / "z.yaml");
  EXPECT_LE(world.Poll(), 1u);
  EXPECT_EQ(world.upstreams, (Upstreams{{"a", "1"}}));
  fs::rename(folder / "z.yaml", folder / "b.yaml");
  EXPECT_LE(world.Poll(), 1u);
  EXPECT_EQ(world.upstreams, (Upstreams{{"a", "1"}}));
  EXPECT_EQ(world.source.Locate({Kind::kUpstream, "default", "a"}, "static").path, "b.yaml");
}

TEST(DirectorySource, AHalfWrittenFileChangesNothing) {
  TestFolder folder;
  const std::string text = Upstream("a", "1") + Upstream("b", "1");
  folder.Write("f.yaml", text);
  World world(folder);
  // Its writer dies, or the disk is full: it is closed although it is cut.
  folder.Write("f.yaml", text.substr(0, text.size() - 70));
  EXPECT_EQ(world.Poll(), 0u);
  EXPECT_EQ(world.upstreams, (Upstreams{{"a", "1"}, {"b", "1"}}));
  EXPECT_FALSE(world.source.problems().empty());
  folder.Write("f.yaml", Upstream("a", "2"));
  world.Poll();
  EXPECT_EQ(world.upstreams, (Upstreams{{"a", "2"}}));
  EXPECT_TRUE(world.source.problems().empty());
}

TEST(DirectorySource, SaysWhatCannotBeRead) {
  TestFolder folder;
  folder.Write("a.yaml", Upstream("a", "1"));
  World world(folder);
  fs::resize_file(folder / "a.yaml", 17 << 20);
  folder.Write("b.yaml", Upstream("b", "1"));
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink("loop.yaml", folder / "loop.yaml");
  fs::rename(folder / "a.yaml", folder / "a.yaml~");
  fs::copy_file(folder / "a.yaml~", folder / "a.yaml");
  world.Poll();
  EXPECT_EQ(world.upstreams["b"], "1");
  const auto problems = world.source.problems();
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].problem.ToString(),
            "error: cannot be read: the file has more than 16 MiB: what it said before stays in use");
  EXPECT_EQ(problems[0].place.path, "a.yaml");
  EXPECT_EQ(problems[1].place.path, "loop.yaml");
}

TEST(DirectorySource, LocatesProblems) {
  TestFolder folder;
  folder.Write("sub/a.yaml", "# one\n" + Upstream("a", "1"));
  World world(folder);
  const Place place = world.source.Locate({Kind::kUpstream, "default", "a"}, "static.hosts[0]");
  EXPECT_EQ(FormatPlace("/conf", place), "/conf/sub/a.yaml:6");
  EXPECT_EQ(FormatPlace("/conf", world.source.Locate({Kind::kUpstream, "default", "b"}, "static")), "");
  EXPECT_EQ(FormatPlace("/conf", {"x.yaml", 0}), "/conf/x.yaml");
  fs::remove(folder / "sub/a.yaml");
  world.Poll();
  EXPECT_EQ(FormatPlace("/conf", world.source.Locate({Kind::kUpstream, "default", "a"}, "static")), "");
}

// Who looks for a line must not wait for the writer of a pipe, and must not read what is too large.
TEST(DirectorySource, OpensNoPipeToFindLines) {
  TestFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe.yaml").c_str(), 0600), 0);
  folder.Write("large.yaml", "");
  fs::resize_file(folder / "large.yaml", uintmax_t{64} << 20);
  World world(folder);
  const auto before = std::chrono::steady_clock::now();
  alarm(20);  // ends the test when the pipe is opened after all
  const auto problems = world.source.problems();
  alarm(0);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(500));
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].place.path, "large.yaml");
  EXPECT_EQ(problems[1].place.path, "pipe.yaml");
  EXPECT_EQ(problems[1].place.line, 1u);
}

}  // namespace
}  // namespace k8sgw::file
