#include "src/metrics/registry.h"

#include <gmock/gmock.h>

#include "src/metrics/names.h"
#include "src/metrics/process.h"

namespace k8sgw::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kBounds[] = {.1, 2.5};
constexpr Family kCalls{"calls_total", Type::kCounter, "Calls", "from,to"};
constexpr Family kSize{"size", Type::kGauge, "Size"};
constexpr Family kTime{"time_seconds", Type::kHistogram, "Time", "what", kBounds};
constexpr Family kStranger{"stranger", Type::kGauge, "Not of the list"};
constexpr const Family* kAll[] = {&kCalls, &kSize, &kTime};

TEST(Registry, TheTextHasEveryFamilyInOrder) {
  Registry registry(kAll);
  EXPECT_EQ(registry.Text(),
            "# HELP calls_total Calls\n# TYPE calls_total counter\n# HELP size Size\n# TYPE size gauge\n"
            "# HELP time_seconds Time\n# TYPE time_seconds histogram\n");
  registry.Add(kCalls, {"b", "c"});
  registry.Add(kCalls, {"a", "c\"\\\n"}, 2);
  registry.Add(kCalls, {"b", "c"}, 0.25);
  registry.Set(kSize, {}, 1e9);
  registry.Set(kStranger, {}, 1);
  for (const double seconds : {.1, 1.5, 7.}) registry.Observe(kTime, {"x"}, seconds);
  EXPECT_EQ(registry.Text(),
            "# HELP calls_total Calls\n# TYPE calls_total counter\n"
            "calls_total{from=\"a\",to=\"c\\\"\\\\\\n\"} 2\n"
            "calls_total{from=\"b\",to=\"c\"} 1.25\n"
            "# HELP size Size\n# TYPE size gauge\nsize 1000000000\n"
            "# HELP time_seconds Time\n# TYPE time_seconds histogram\n"
            "time_seconds_bucket{what=\"x\",le=\"0.1\"} 1\n"
            "time_seconds_bucket{what=\"x\",le=\"2.5\"} 2\n"
            "time_seconds_bucket{what=\"x\",le=\"+Inf\"} 3\n"
            "time_seconds_sum{what=\"x\"} 8.6\n"
            "time_seconds_count{what=\"x\"} 3\n");
  registry.Clear(kCalls);
  EXPECT_THAT(registry.Text(), Not(HasSubstr("calls_total{")));
}

TEST(Registry, SeriesHaveABound) {
  Registry registry(kAll);
  for (size_t i = 0; i < kMostSeries + 10; ++i) registry.Add(kCalls, {std::to_string(i), ""});
  registry.Add(kCalls, {"0", ""});
  EXPECT_EQ(registry.left_out(), 10u);
  EXPECT_THAT(registry.Text(), HasSubstr("calls_total{from=\"0\",to=\"\"} 2\n"));
}

TEST(Registry, TheProcessIsKnown) {
  Registry registry(kGloo);
  SetProcess(registry);
  const std::string text = registry.Text();
  for (const Family* family :
       {&kCpuSeconds, &kStartTime, &kResidentBytes, &kVirtualBytes, &kOpenFiles, &kMostFiles, &kThreads}) {
    const size_t at = text.find("\n" + std::string(family->name) + " ");
    ASSERT_NE(at, std::string::npos) << family->name;
    if (family != &kCpuSeconds) {
      EXPECT_GE(std::stod(text.substr(at + family->name.size() + 2)), 1) << family->name;
    }
  }
}

}  // namespace
}  // namespace k8sgw::metrics
