#include "src/wasm_cache/cache.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "src/base/base64.h"
#include "src/base/test_folder.h"
#include "src/base/test_wait.h"
#include "src/wasm_cache/test_registry.h"

namespace k8sgw::wasm_cache {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Clock = std::chrono::steady_clock;

class CacheTest : public ::testing::Test {
 protected:
  CacheTest() {
    options.pull.fetch.plain_http = {registry.host(), slow.host()};
    options.store.folder = folder.root().string();
    options.recheck = milliseconds(50);
    options.first_retry = milliseconds(20);
    options.first_long_retry = milliseconds(20);
    options.longest_retry = milliseconds(100);
    options.random = [] { return 0.5; };
  }
  ~CacheTest() override { cache.reset(); }

  void Start() {
    cache.reset();
    state.clear();
    cache = std::make_unique<Cache>(options, [this] { ++changes; });
  }
  void Want(const std::set<std::string>& names) {
    std::set<std::string> images;
    for (const std::string& name : names) images.insert(NameOf(name));
    cache->Want(images, {});
  }
  std::string NameOf(const std::string& name) const { return registry.host() + "/" + name; }
  // Until this is what is told of an image.
  bool Until(const std::string& name, const std::function<bool(const WasmModule&)>& fits) {
    return testing::Await([&] {
      for (auto& [image, module] : cache->TakeChanged()) {
        if (module) {
          state[image] = *module;
        } else {
          state.erase(image);
        }
      }
      const auto it = state.find(name);
      return it != state.end() && fits(it->second);
    });
  }
  bool UntilHas(const std::string& name, const std::string& module) {
    return Until(NameOf(name), [&](const WasmModule& told) { return told == WasmModule{Sha256Hex(module), ""}; });
  }
  bool UntilProblem(const std::string& name, const std::string& words) {
    return Until(NameOf(name), [&](const WasmModule& told) { return told.problem.find(words) != std::string::npos; });
  }

  TestRegistry registry;
  TestRegistry slow;
  testing::TestFolder folder;
  CacheOptions options;
  std::atomic<int> changes = 0;
  std::map<std::string, WasmModule> state;
  std::unique_ptr<Cache> cache;
  const std::string one = TestModule("one");
  const std::string two = TestModule("two");
};

TEST_F(CacheTest, PullsWhatIsWanted) {
  registry.Serve(Honest(one));
  Start();
  EXPECT_TRUE(cache->settled());
  Want({"a:1"});
  ASSERT_TRUE(UntilHas("a:1", one));
  EXPECT_TRUE(cache->settled());
  EXPECT_TRUE(testing::Await([this] { return changes >= 1; }))
      << "after it may be taken: the caller is not kept from it by what he is told";
  const Ptr<StoredModule> module = cache->Read(Sha256Hex(one));
  ASSERT_TRUE(module);
  EXPECT_EQ(module->bytes, one);
  EXPECT_EQ(cache->Read(Sha256Hex(one)), module) << "shared by those who read it at a time";
  EXPECT_EQ(cache->Read(Sha256Hex(two)), nullptr);
  EXPECT_EQ(cache->Read("../x"), nullptr);
  // What is not wanted is told as such, and stays on disk.
  Want({});
  const auto changed = cache->TakeChanged();
  ASSERT_EQ(changed.count(NameOf("a:1")), 1u);
  EXPECT_EQ(changed.at(NameOf("a:1")), std::nullopt);
  EXPECT_TRUE(cache->Read(Sha256Hex(one)));
}

TEST_F(CacheTest, FollowsTags) {
  registry.Serve(Honest(one));
  Start();
  Want({"a"});
  ASSERT_TRUE(UntilHas("a", one));
  registry.Serve(Honest(two));
  ASSERT_TRUE(UntilHas("a", two));
  EXPECT_TRUE(cache->Read(Sha256Hex(one)));
}

TEST_F(CacheTest, WhatIsNamedByItsDigestIsPulledOnce) {
  registry.Serve(Honest(one));
  Start();
  const std::string name = "a@" + Sha256Digest(TestManifest(one));
  Want({name});
  ASSERT_TRUE(UntilHas(name, one));
  usleep(300'000);
  EXPECT_EQ(registry.Seen().size(), 2u);
  // But it is looked after.
  std::ofstream(folder.root() / "modules" / Sha256Hex(one)) << "broken";
  testing::Await([this] { return registry.Seen().size() >= 4; });
  ASSERT_TRUE(UntilHas(name, one));
  EXPECT_EQ(registry.Seen().size(), 4u);
}

TEST_F(CacheTest, ARegistryThatComesBack) {
  registry.Serve([](const TestRequest&) { return TestRegistry::Answer(503, ""); });
  Start();
  Want({"a"});
  ASSERT_TRUE(UntilProblem("a", "answers 503"));
  EXPECT_TRUE(cache->settled());
  EXPECT_EQ(state[NameOf("a")].sha256, "");
  registry.Serve(Honest(one));
  ASSERT_TRUE(UntilHas("a", one));
  // And goes: what there is stays.
  registry.Serve([](const TestRequest&) { return TestRegistry::Answer(404, ""); });
  ASSERT_TRUE(UntilProblem("a", "there is no such image"));
  EXPECT_EQ(state[NameOf("a")].sha256, Sha256Hex(one));
}

TEST_F(CacheTest, SurvivesARestartWithoutTheRegistry) {
  registry.Serve(Honest(one));
  Start();
  Want({"a"});
  ASSERT_TRUE(UntilHas("a", one));
  registry.Serve([](const TestRequest&) { return ""; });
  Start();
  const auto begin = Clock::now();
  Want({"a"});
  ASSERT_TRUE(UntilHas("a", one));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(2));
  EXPECT_TRUE(cache->settled());
  // In another place its file is not what it says.
  std::ofstream(folder.root() / "modules" / Sha256Hex(one)) << "broken";
  Start();
  Want({"a"});
  usleep(100'000);
  EXPECT_FALSE(cache->settled());
}

TEST_F(CacheTest, ARegistryThatHangsHoldsNobodyElse) {
  options.threads = 3;
  options.threads_per_registry = 2;
  slow.Serve([](const TestRequest&) { return ""; });
  registry.Serve(Honest(one));
  Start();
  std::set<std::string> images = {NameOf("a")};
  for (int i = 0; i < 10; ++i) images.insert(slow.host() + "/0:" + std::to_string(i));
  cache->Want(images, {});
  ASSERT_TRUE(UntilHas("a", one));
  // The end does not wait for it either.
  const auto begin = Clock::now();
  cache.reset();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(CacheTest, UsersAreTriedAtOnce) {
  options.first_long_retry = options.longest_retry = milliseconds(600'000);
  registry.Serve([serve = Honest(one)](const TestRequest& request) {
    if (request.headers.find("Authorization: Basic " + EncodeBase64("ada:x")) != std::string::npos)
      return serve(request);
    return TestRegistry::Answer(401, "", "WWW-Authenticate: Basic realm=\"r\"\r\n");
  });
  Start();
  Want({"a"});
  ASSERT_TRUE(UntilProblem("a", "wants a user and password"));
  cache->SetLogins({{registry.host(), {"ada", "x"}}});
  ASSERT_TRUE(UntilHas("a", one));
}

TEST_F(CacheTest, OtherRegistriesAreNotAsked) {
  options.registries = {"r.example.com"};
  registry.Serve(Honest(one));
  Start();
  Want({"a"});
  ASSERT_TRUE(UntilProblem("a", "is not among the registries that images may come from"));
  EXPECT_THAT(registry.Seen(), IsEmpty());
}

TEST_F(CacheTest, ADiskThatIsFull) {
  options.store.max_bytes = 4;
  registry.Serve(Honest(one));
  Start();
  Want({"a"});
  ASSERT_TRUE(UntilProblem("a", "the cache of modules is full"));
}

TEST_F(CacheTest, TextsThatAreNoImagesAreLeftOut) {
  Start();
  cache->Want({"", "http://x", "A B"}, {});
  EXPECT_TRUE(cache->settled());
  EXPECT_THAT(cache->TakeChanged(), IsEmpty());
}

}  // namespace
}  // namespace k8sgw::wasm_cache
