// The webhook says of an object what `validate` says of all objects together, less what it says of the others alone.

#include <gtest/gtest.h>

#include <set>

#include "src/admission/judge.h"
#include "src/admission/test_review.h"
#include "tests/golden/golden_case.h"

namespace k8sgw::golden {
namespace {

using Words = std::set<std::string>;

Words WordsOf(const Problems& problems) {
  Words words;
  for (const Problem& problem : problems) words.insert(problem.ToString());
  return words;
}

std::unique_ptr<Pipeline> Translate(const Case& item, const std::vector<Change>& objects) {
  auto pipeline = std::make_unique<Pipeline>(item.pipeline_options());
  for (const Change& change : objects) pipeline->StageAndTell(change);
  item.StageModules(*pipeline);
  pipeline->Commit();
  return pipeline;
}

struct Tally {
  int denied = 0;
  int warned = 0;
  int clean = 0;
};

// The object comes when the others are there, or goes while they are.
void Ask(const Case& item, const admission::Review& review, Tally& tally) {
  const admission::Item& asked = review.items.front();
  const bool goes = review.operation == admission::Operation::kDelete;
  std::vector<Change> others;
  for (const Change& change : item.objects()) {
    if (change.key != asked.key) others.push_back(change);
  }
  const auto before = Translate(item, goes ? item.objects() : others);
  const Words known = WordsOf(before->problems());
  Words expected = WordsOf(asked.problems);
  bool errors = HasErrors(asked.problems);
  if (asked.change) {
    if (!goes) others.push_back(*asked.change);
    for (const Problem& problem : Translate(item, others)->problems()) {
      const bool own = !goes && problem.object == asked.key;
      if (!own && known.contains(problem.ToString())) continue;
      expected.insert(problem.ToString());
      errors = errors || problem.severity == Severity::kError;
    }
  }
  admission::Judge judge(
      *before, {[](const std::string&) { return true; }, [](const std::string&, const Labels&) { return true; }},
      "gloo-system");
  const admission::Rules rules{.always_accept = false, .allow_warnings = true, .gateways_everywhere = true};
  const admission::Verdict verdict = judge.Decide({&review}, rules, {}).front();
  EXPECT_EQ(verdict.allowed, !errors) << asked.key.ToString();
  if (verdict.allowed) {
    EXPECT_EQ(WordsOf(verdict.warnings), expected) << asked.key.ToString();
  } else {
    for (const Problem& reason : verdict.reasons) {
      EXPECT_EQ(reason.severity, Severity::kError);
      EXPECT_TRUE(expected.contains(reason.ToString())) << reason.ToString();
    }
    EXPECT_FALSE(verdict.reasons.empty());
  }
  ++(errors ? tally.denied : expected.empty() ? tally.clean : tally.warned);
}

admission::Review ReadAsked(const std::string& operation, const std::string& object) {
  const bool goes = operation == "DELETE";
  return admission::ReadAsked({operation, goes ? "" : object, goes ? object : ""});
}

bool IsJudged(const admission::Review& review) {
  if (review.items.size() != 1) return false;
  const admission::Item& one = review.items.front();
  return one.key.kind != Kind::kDocument && (one.change || !one.problems.empty());
}

using Asked = std::set<std::pair<std::string, std::string_view>>;

// Operations and kinds, of all that there are.
Asked AllJudged() {
  Asked found;
  for (const auto& kinds : {AllKinds(), CoreKinds()}) {
    for (const KindInfo& info : kinds) {
      const std::string_view name = KindName(info.kind);
      const std::string object =
          Cat("{apiVersion: ", info.api_version, ", kind: ", name, ", metadata: {name: a, namespace: default}}");
      for (const char* operation : {"CREATE", "DELETE"}) {
        if (IsJudged(ReadAsked(operation, object))) found.emplace(operation, name);
      }
    }
  }
  return found;
}

TEST(GoldenWebhook, SaysWhatValidateSays) {
  Tally tally;
  Asked compared;
  for (const auto& path : Case::FindAll()) {
    Case item(path);
    SCOPED_TRACE(item.Name());
    item.Run();
    const yaml::Stream stream = yaml::Parse(item.input());
    for (const yaml::Node& document : stream.documents) {
      const std::string_view kind = document.FindScalar("kind");
      if (!FindKind(kind)) continue;
      for (const char* operation : {"CREATE", "DELETE"}) {
        const admission::Review review = ReadAsked(operation, yaml::Emit(document));
        if (!IsJudged(review)) continue;
        Ask(item, review, tally);
        compared.emplace(operation, KindName(review.items.front().key.kind));
      }
    }
  }
  EXPECT_GT(tally.denied, 30);
  EXPECT_GT(tally.warned, 30);
  EXPECT_GT(tally.clean, 100);
  EXPECT_EQ(compared, AllJudged()) << "no golden case has an object of a kind that is judged";
}

}  // namespace
}  // namespace k8sgw::golden
