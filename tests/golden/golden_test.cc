// Every golden case is a test: golden_test --gtest_filter='*cors/*'. UPDATE_GOLDEN=1 rewrites what is expected.

#include <gtest/gtest.h>

#include <cstdlib>

#include "src/validation/envoy_check.h"
#include "tests/golden/golden_case.h"

namespace k8sgw::golden {
namespace {

bool Updating() { return std::getenv("UPDATE_GOLDEN") != nullptr; }

class GoldenTest : public testing::Test {
 public:
  explicit GoldenTest(std::filesystem::path path) : case_(std::move(path)) {}

  void TestBody() override {
    case_.Run();
    if (Updating()) case_.Update();
    EXPECT_EQ(case_.HasErrors(), case_.MayFail())
        << "a case is named fail_… if and only if its reports hold an error; the reports are:\n"
        << case_.Actual({"reports", ""});
    if (Updating()) return;
    for (const Section& section : case_.sections()) {
      const std::string actual = case_.Actual(section);
      EXPECT_TRUE(SameYaml(section.expected, actual))
          << "expect " << section.header << "\n--- expected\n"
          << section.expected << "--- actual\n"
          << actual << "\nif the new result is right: UPDATE_GOLDEN=1 make golden";
    }
    EXPECT_FALSE(case_.sections().empty()) << "the case expects nothing";
    if (!case_.ExpectsReports()) {
      EXPECT_TRUE(case_.problems().empty()) << "the case has problems, but no reports section:\n"
                                            << case_.Actual({"reports", ""});
    }
  }

 private:
  Case case_;
};

TEST(GoldenEnvoy, AcceptsEveryCase) {
  const char* envoy = std::getenv("K8SGATEWAY_ENVOY");
  ASSERT_NE(envoy, nullptr) << "set K8SGATEWAY_ENVOY to the Envoy binary";
  std::vector<Case> cases;
  std::vector<const Pipeline*> pipelines;
  for (const auto& path : Case::FindAll()) cases.emplace_back(path).Run();
  // What a refused object leaves behind must be valid, too.
  for (const Case& item : cases) pipelines.push_back(&item.pipeline());
  const std::string words = validation::AskEnvoy(pipelines, envoy);
  if (words.empty()) return;
  // Somebody is guilty: ask one by one.
  ADD_FAILURE() << words;
  for (const Case& item : cases) EXPECT_EQ(validation::AskEnvoy(item.pipeline(), envoy), "") << item.Name();
}

}  // namespace
}  // namespace k8sgw::golden

int main(int argc, char** argv) {
  for (const auto& path : k8sgw::golden::Case::FindAll()) {
    testing::RegisterTest("Golden", k8sgw::golden::Case(path).Name().c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [path]() -> testing::Test* { return new k8sgw::golden::GoldenTest(path); });
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
