// docs/metrics.md, the alerts and the dashboard, held against the names that are exported.
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "src/base/text.h"
#include "src/metrics/names.h"
#include "src/metrics/registry.h"

namespace k8sgw::metrics {
namespace {

std::string Read(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path << " cannot be read";
  return {std::istreambuf_iterator<char>(in), {}};
}

// What an Envoy exports on its own, as far as alerts use it; the last two are labels.
const std::set<std::string> kOfEnvoy = {"envoy_control_plane_connected_state",
                                        "envoy_cluster_manager_cds_version",
                                        "envoy_listener_manager_lds_update_rejected",
                                        "envoy_cluster_manager_cds_update_rejected",
                                        "envoy_cluster_ssl_certificate_expiration_unix_time_seconds",
                                        "envoy_cluster_name",
                                        "envoy_tls_certificate"};

std::string Row(const Family& family) {
  const char* type = family.type == Type::kCounter ? "counter" : family.type == Type::kGauge ? "gauge" : "histogram";
  std::string labels;
  std::string_view rest = family.labels;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    labels += Cat(labels.empty() ? "" : ", ", "`", rest.substr(0, comma), "`");
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
  }
  return Cat("| `", family.name, "` | ", type, " | ", labels, " | ", family.help, " |");
}

TEST(MetricsPages, TheTableHasWhatIsExported) {
  std::vector<std::string> exported;
  for (const Family* family : kGloo) exported.push_back(Row(*family));
  std::vector<std::string> documented;
  std::ifstream in("docs/metrics.md");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("| `") && line.find("` | ") != std::string::npos &&
        std::regex_search(line, std::regex(R"(\| (counter|gauge|histogram) \|)"))) {
      documented.push_back(line);
    }
  }
  EXPECT_THAT(documented, ::testing::ElementsAreArray(exported));
}

TEST(MetricsPages, NamesAreNamesOfPrometheus) {
  std::set<std::string_view> names;
  for (const Family* family : kGloo) {
    EXPECT_TRUE(names.insert(family->name).second) << family->name << " is there twice";
    EXPECT_TRUE(std::regex_match(std::string(family->name), std::regex("[a-z][a-z0-9_]*"))) << family->name;
    if (family->name.starts_with("k8sgateway_")) {
      EXPECT_EQ(family->type == Type::kCounter, family->name.ends_with("_total")) << family->name;
    }
  }
}

// Each name of a metric that stands in a text.
std::set<std::string> MetricsIn(const std::string& text) {
  static const std::regex kName("\\b(?:api_gloo|gloo_|validation_gateway|xds_|k8sgateway_|process_|envoy_)[a-z0-9_]*");
  return {std::sregex_token_iterator(text.begin(), text.end(), kName), std::sregex_token_iterator()};
}

TEST(MetricsPages, AlertsAndDashboardUseWhatThereIs) {
  std::set<std::string> known = kOfEnvoy;
  for (const Family* family : kGloo) {
    known.emplace(family->name);
    if (family->type != Type::kHistogram) continue;
    for (const char* end : {"_bucket", "_sum", "_count"}) known.insert(Cat(family->name, end));
  }
  for (const char* path : {"chart/files/alerts.yaml", "chart/files/dashboard.json"}) {
    const std::set<std::string> used = MetricsIn(Read(path));
    EXPECT_GT(used.size(), 10u) << path;
    for (const std::string& name : used) EXPECT_TRUE(known.contains(name)) << path << ": there is no metric " << name;
  }
}

// Each alert is explained, and no other is.
TEST(MetricsPages, EachAlertIsExplained) {
  const std::string page = Read("docs/metrics.md");
  const std::string rules = Read("chart/files/alerts.yaml");
  const std::regex alert("alert: (\\w+)");
  std::set<std::string> alerts;
  for (std::sregex_iterator it(rules.begin(), rules.end(), alert); it != std::sregex_iterator(); ++it) {
    alerts.insert((*it)[1]);
    EXPECT_NE(page.find(Cat("`", (*it)[1].str(), "`")), std::string::npos) << (*it)[1];
  }
  const std::regex named("`((?:K8sGateway|Envoy)\\w+)`");
  for (std::sregex_iterator it(page.begin(), page.end(), named); it != std::sregex_iterator(); ++it) {
    EXPECT_TRUE(alerts.contains((*it)[1])) << (*it)[1];
  }
}

}  // namespace
}  // namespace k8sgw::metrics
