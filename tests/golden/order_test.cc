// The order in which an object's keys are written means nothing: no Envoy is told anything, and nobody reads other
// words, when it is all that has changed. JSON has no order of keys, and writers keep none.

#include <gtest/gtest.h>

#include <algorithm>

#include "src/json/test_reordered.h"
#include "src/model/decode.h"
#include "tests/golden/golden_case.h"

namespace k8sgw::golden {
namespace {

using k8sgw::testing::Order;
using k8sgw::testing::Reordered;

std::vector<std::string> WordsOf(const std::vector<PlacedProblem>& problems) {
  std::vector<std::string> words;
  for (const PlacedProblem& placed : problems) words.push_back(placed.problem.ToString());
  std::sort(words.begin(), words.end());
  return words;
}

class OrderOfKeys {
 public:
  explicit OrderOfKeys(const std::filesystem::path& path)
      : case_(path), documents_(yaml::Parse(case_.input()).documents), pipeline_(case_.pipeline_options()) {
    case_.Run();
    for (const Change& change : case_.objects()) pipeline_.StageAndTell(change);
    case_.StageModules(pipeline_);
    pipeline_.Commit();
  }

  void Check(Order order) {
    SCOPED_TRACE(case_.Name() + (order == Order::kRotated ? ", rotated" : ", reversed"));
    const Problems problems = pipeline_.problems();
    for (const yaml::Node& document : documents_) {
      const DecodedDocument before = DecodeKubernetes(document, "default");
      const DecodedDocument after = DecodeKubernetes(Reordered(document, order), "default");
      EXPECT_EQ(WordsOf(before.problems), WordsOf(after.problems));
      EXPECT_EQ(before.keys, after.keys);
      for (const Change& change : after.objects) pipeline_.StageAndTell(change);
      objects_ += static_cast<int>(after.objects.size());
    }
    for (const auto& [role, update] : pipeline_.Commit()) {
      for (const auto& resource : update.put) ADD_FAILURE() << role << " is told " << resource->name << " again";
      for (const auto& [type, name] : update.removed) ADD_FAILURE() << role << " loses " << name;
    }
    EXPECT_EQ(problems, pipeline_.problems());
  }

  int objects() const { return objects_; }

 private:
  Case case_;
  std::vector<yaml::Node> documents_;
  Pipeline pipeline_;
  int objects_ = 0;
};

TEST(GoldenOrderOfKeys, MeansNothing) {
  int objects = 0;
  for (const auto& path : Case::FindAll()) {
    OrderOfKeys keys(path);
    for (const Order order : {Order::kReversed, Order::kRotated}) keys.Check(order);
    objects += keys.objects();
  }
  EXPECT_GT(objects, 2000);
}

}  // namespace
}  // namespace k8sgw::golden
