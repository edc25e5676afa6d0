#include "src/sources/file/store.h"

#include <gtest/gtest.h>

#include "api/gloo/v1/upstream.proto.h"
#include "plugins/static_upstream/static_upstream.proto.h"
#include "src/base/text.h"

namespace k8sgw::file {
namespace {

std::string Upstream(std::string_view name, std::string_view host) {
  return Cat("---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: ", name,
             "}\nspec: {static: {hosts: [{addr: ", host, ", port: 80}]}}\n");
}

std::string HostOf(const Change& change) {
  return change.gone() ? "gone" : change.As<gloov1::Upstream>()->spec.static_().hosts(0).addr();
}

std::string Show(const std::vector<Change>& changes) {
  std::string out;
  for (const Change& change : changes) out += Cat(out.empty() ? "" : " ", change.key.name.str(), "=", HostOf(change));
  return out;
}

std::string Problems(const FileStore& store) {
  std::string out;
  for (const FileProblem& p : store.problems()) {
    out += Cat(out.empty() ? "" : "\n", p.place.path, ":", p.place.line, " ", p.problem.object.name.str(), " ",
               p.problem.message);
  }
  return out;
}

const ResourceKey kA{Kind::kUpstream, "default", "a"};

TEST(FileStore, FollowsAFile) {
  FileStore store("default");
  EXPECT_EQ(Show(store.Update("f.yaml", Upstream("a", "x") + Upstream("b", "x"))), "a=x b=x");
  EXPECT_EQ(Show(store.Update("f.yaml", Upstream("b", "x") + Upstream("a", "x"))), "");
  EXPECT_EQ(Show(store.Update("f.yaml", Upstream("a", "y") + Upstream("c", "x"))), "a=y b=gone c=x");
  EXPECT_EQ(store.FileOf(kA), "f.yaml");
  EXPECT_EQ(Show(store.Remove("f.yaml")), "a=gone c=gone");
  EXPECT_EQ(store.FileOf(kA), "");
  EXPECT_EQ(Show(store.Remove("f.yaml")), "");
  EXPECT_EQ(Show(store.Remove("never.yaml")), "");
  EXPECT_EQ(Problems(store), "");
}

TEST(FileStore, AnEmptiedFileHoldsNothing) {
  FileStore store("default");
  store.Update("f.yaml", Upstream("a", "x"));
  EXPECT_EQ(Show(store.Update("f.yaml", "")), "a=gone");
  EXPECT_EQ(Show(store.Update("f.yaml", "# soon\n---\n")), "");
}

TEST(FileStore, ABrokenObjectKeepsItsLastGoodVersion) {
  FileStore store("default");
  store.Update("f.yaml", Upstream("a", "x") + Upstream("b", "x"));
  const std::string broken =
      "---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: a}\nspec: {statc: {}}\n";
  EXPECT_EQ(Show(store.Update("f.yaml", broken + Upstream("c", "x"))), "b=gone c=x");
  EXPECT_EQ(Problems(store), "f.yaml:5 a unknown field \"statc\"");
  // It stays through further edits, and goes when it is taken out.
  EXPECT_EQ(Show(store.Update("f.yaml", broken)), "c=gone");
  EXPECT_EQ(Show(store.Update("f.yaml", Upstream("a", "y"))), "a=y");
  EXPECT_EQ(Problems(store), "");
  store.Update("f.yaml", broken);
  EXPECT_EQ(Show(store.Update("f.yaml", Upstream("d", "x"))), "a=gone d=x");
}

TEST(FileStore, ABrokenObjectThatWasNeverGoodIsNothing) {
  FileStore store("default");
  EXPECT_EQ(Show(store.Update("f.yaml", "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: a}\nspec: 5\n")),
            "");
  EXPECT_EQ(store.FileOf(kA), "");
}

struct Case {
  const char* name;
  std::string_view text;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// Texts that a file may have for a moment. What it said before must not go away.
class Unfinished : public testing::TestWithParam<Case> {};
TEST_P(Unfinished, TakesNothingAway) {
  FileStore store("default");
  store.Update("f.yaml", Upstream("a", "x") + Upstream("b", "x"));
  EXPECT_EQ(Show(store.Update("f.yaml", GetParam().text)), "");
  EXPECT_NE(Problems(store), "");
  EXPECT_EQ(Show(store.Update("f.yaml", Upstream("b", "y"))), "a=gone b=y");
  EXPECT_EQ(Problems(store), "");
}
constexpr Case kUnfinished[] = {
    {"SyntaxError", "a: [\n"},
    {"NotUtf8", "a: \xff\n"},
    {"CutInTheFirstLine", "apiVer"},
    {"CutAfterTheKind", "apiVersion: gloo.solo.io/v1\nkind: Upstream\n"},
    {"CutInTheKind", "apiVersion: gloo.solo.io/v1\nkind: Upst"},
    {"CutInTheMetadata", "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata:\n  na"},
    {"MistypedKind", "apiVersion: gloo.solo.io/v1\nkind: Upsteam\nmetadata: {name: a}\nspec: {}\n"},
    {"NoName", "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {nam: a}\nspec: {}\n"},
    {"BrokenList", "apiVersion: v1\nkind: List\nitems: {}\n"},
    {"Duplicate", "apiVersion: gloo.solo.io/v1\nkind: Upstream\nkind: Upstream\n"},
};
INSTANTIATE_TEST_SUITE_P(FileStore, Unfinished, testing::ValuesIn(kUnfinished));

TEST(FileStore, EveryCutOfAFileKeepsTheObjectsThatItHides) {
  const std::string text = Upstream("a", "x") + Upstream("b", "x");
  for (size_t size = text.find("metadata") + 20; size < text.size(); ++size) {
    FileStore store("default");
    store.Update("f.yaml", text);
    for (const Change& change : store.Update("f.yaml", text.substr(0, size))) {
      // Only a text that says all of the first object, and nothing of the second, takes the second away.
      if (!change.gone()) continue;
      EXPECT_TRUE(change.key.name == "b" && size <= text.rfind("---") + 4) << size;
    }
  }
}

TEST(FileStore, DocumentsBeforeASyntaxErrorCount) {
  FileStore store("default");
  store.Update("f.yaml", Upstream("a", "x") + Upstream("b", "x"));
  EXPECT_EQ(Show(store.Update("f.yaml", Upstream("a", "y") + "---\nx: [\n")), "a=y");
  EXPECT_EQ(Problems(store), "f.yaml:8  a value is missing here");
}

TEST(FileStore, TheFirstFileWins) {
  FileStore store("default");
  EXPECT_EQ(Show(store.Update("b.yaml", Upstream("a", "second"))), "a=second");
  EXPECT_EQ(Show(store.Update("a.yaml", Upstream("a", "first"))), "a=first");
  EXPECT_EQ(Problems(store), "b.yaml:0 a is also defined in a.yaml, which is used");
  EXPECT_EQ(Show(store.Update("b.yaml", Upstream("a", "third"))), "");
  EXPECT_EQ(store.FileOf(kA), "a.yaml");
  EXPECT_EQ(Show(store.Remove("a.yaml")), "a=third");
  EXPECT_EQ(Problems(store), "");
  EXPECT_EQ(Show(store.Update("a.yaml", Upstream("a", "third"))), "");
  EXPECT_EQ(Show(store.Remove("b.yaml")), "");
  EXPECT_EQ(Show(store.Remove("a.yaml")), "a=gone");
}

TEST(FileStore, TheFirstOfTwoInOneFileWins) {
  FileStore store("default");
  EXPECT_EQ(Show(store.Update("f.yaml", Upstream("a", "x") + Upstream("a", "y"))), "a=x");
  EXPECT_EQ(Problems(store), "f.yaml:7 a stands twice in this file; the first is used");
}

TEST(FileStore, AnObjectMovesToAnotherFile) {
  for (const bool new_file_first : {false, true}) {
    FileStore store("default");
    store.Update("old.yaml", Upstream("a", "x"));
    std::string shown;
    if (new_file_first) {
      shown = Show(store.Update("new.yaml", Upstream("a", "x")));
      shown += Show(store.Remove("old.yaml"));
      EXPECT_EQ(shown, "");
    } else {
      shown = Show(store.Remove("old.yaml"));
      shown += " " + Show(store.Update("new.yaml", Upstream("a", "x")));
      EXPECT_EQ(shown, "a=gone a=x");
    }
    EXPECT_EQ(store.FileOf(kA), "new.yaml");
  }
}

TEST(FileStore, AnUnreadableFileKeepsWhatItSaid) {
  FileStore store("default");
  store.Update("f.yaml", Upstream("a", "x"));
  store.Unreadable("f.yaml", "cannot be read: why", "fix");
  EXPECT_EQ(Problems(store), "f.yaml:0  cannot be read: why");
  EXPECT_EQ(store.FileOf(kA), "f.yaml");
  EXPECT_EQ(Show(store.Update("f.yaml", Upstream("a", "x"))), "");
  EXPECT_EQ(Problems(store), "");
}

TEST(FileStore, ManyDocuments) {
  FileStore store("default");
  std::string text;
  for (int i = 0; i < 3000; ++i) text += Upstream(Cat("u", i), "x");
  EXPECT_EQ(store.Update("f.yaml", text).size(), 3000u);
  EXPECT_EQ(store.Update("f.yaml", text).size(), 0u);
  EXPECT_EQ(store.Update("f.yaml", text + Upstream("more", "x")).size(), 1u);
}

TEST(FileStore, OriginalLayout) {
  FileStore store("default");
  EXPECT_EQ(Show(store.Update("upstreams/ns/a.yaml", "static: {hosts: [{addr: x, port: 80}]}\nmetadata: {name: a}\n")),
            "a=x");
  EXPECT_EQ(store.FileOf({Kind::kUpstream, "ns", "a"}), "upstreams/ns/a.yaml");
  EXPECT_EQ(Show(store.Update("deep/upstreams/ns/b.yaml", "static: {hosts: [{addr: y, port: 80}]}\n")), "b=y");
  // Kubernetes' shape is read wherever it stands.
  EXPECT_EQ(Show(store.Update("upstreams/ns/c.yaml", Upstream("other", "z"))), "other=z");
  EXPECT_EQ(store.FileOf({Kind::kUpstream, "default", "other"}), "upstreams/ns/c.yaml");
  store.Update("things/ns/d.yaml", "static: {}\n");
  EXPECT_EQ(Problems(store), "things/ns/d.yaml:1  the document has no kind");
}

TEST(FileStore, SettingsAtTheTop) {
  FileStore store("gloo-system", FindKind("Settings"));
  const auto changes = store.Update("default.yaml", "discoveryNamespace: x\n");
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].key, (ResourceKey{Kind::kSettings, "gloo-system", "default"}));
}

TEST(FileStore, PlacesOfFields) {
  FileStore store("default");
  const std::string text =
      "kind: List\napiVersion: v1\nitems:\n"
      "- apiVersion: gloo.solo.io/v1\n  kind: Upstream\n  metadata:\n    name: first\n  spec: {}\n"
      "- apiVersion: gloo.solo.io/v1\n  kind: Upstream\n  metadata:\n    name: a\n  spec:\n    static:\n      hosts:\n "
      "     - addr: x\n";
  store.Update("f.yaml", text);
  const FileStore::Lines lines = store.ReadLines("f.yaml", text);
  EXPECT_EQ(FileStore::LineOf(kA, "static.hosts[0].addr", lines), 16u);
  EXPECT_EQ(FileStore::LineOf(kA, "metadata.name", lines), 12u);
  EXPECT_EQ(FileStore::LineOf(kA, "static.hosts[7]", lines), 15u);
  EXPECT_EQ(FileStore::LineOf({Kind::kUpstream, "default", "none"}, "static", lines), 0u);
  EXPECT_EQ(FileStore::LineOf(kA, "static", store.ReadLines("f.yaml", "[")), 0u);
}

TEST(FileStore, PlacesInAListAreThoseOfTheNamespace) {
  const FileStore::Lines lines = FileStore("default").ReadLines(
      "f.yaml",
      "kind: List\napiVersion: v1\nitems:\n"
      "- {apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: a}, spec: {static: {}}}\n"
      "- {apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: a, namespace: other}, spec: {static: {}}}\n"
      "- {apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {name: a}, spec: {static: {}}}\n");
  EXPECT_EQ(FileStore::LineOf(kA, "static", lines), 4u);
  EXPECT_EQ(FileStore::LineOf({Kind::kUpstream, "other", "a"}, "static", lines), 5u);
}

}  // namespace
}  // namespace k8sgw::file
