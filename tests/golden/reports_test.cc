// The tree of reports of GlooValidationService, for the objects of all golden cases: it has the shape of the Proxy, and
// every problem of a part of a Proxy stands in it.

#include <gtest/gtest.h>

#include <set>

#include "api/gloo/grpc/validation.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "src/proxy_validation/findings.h"
#include "src/proxy_validation/report.h"
#include "src/proxy_validation/validate.h"
#include "tests/golden/golden_case.h"

namespace k8sgw::golden {
namespace {

using gloov1::HttpListenerReport;

struct Told {
  std::set<std::string> reasons;
  int nodes = 0;
};

template <class Report>
void Note(const Report& report, Told& told) {
  ++told.nodes;
  for (const auto& error : report.errors()) told.reasons.insert(error.reason());
  if constexpr (requires { report.warnings(); }) {
    for (const auto& warning : report.warnings()) told.reasons.insert(warning.reason());
  }
}

void Note(const gloov1::VirtualHost& shape, const gloov1::VirtualHostReport& host, Told& told) {
  Note(host, told);
  ASSERT_EQ(host.route_reports_size(), shape.routes_size());
  for (const auto& route : host.route_reports()) Note(route, told);
}

void Note(const gloov1::Listener& shape, const gloov1::ListenerReport& listener, Told& told) {
  Note(listener, told);
  if (shape.has_http_listener()) {
    const auto& hosts = shape.http_listener().virtual_hosts();
    const HttpListenerReport& http = listener.http_listener_report();
    Note(http, told);
    ASSERT_EQ(http.virtual_host_reports_size(), hosts.size());
    for (int i = 0; i < hosts.size(); ++i) Note(hosts[i], http.virtual_host_reports(i), told);
    return;
  }
  const auto& chains = shape.aggregate_listener().http_filter_chains();
  const auto& reports = listener.aggregate_listener_report().http_listener_reports();
  ASSERT_EQ(static_cast<int>(reports.size()), chains.size());
  for (const auto& [name, http] : reports) {
    Note(http, told);
    for (const auto& host : http.virtual_host_reports()) {
      Note(host, told);
      for (const auto& route : host.route_reports()) Note(route, told);
    }
  }
}

TEST(GoldenReports, EveryProblemOfAPartStandsInTheTree) {
  int problems = 0;
  for (const auto& path : Case::FindAll()) {
    Case item(path);
    SCOPED_TRACE(item.Name());
    item.Run();
    Pipeline pipeline(item.pipeline_options());
    for (const Change& change : item.objects()) pipeline.Stage(change);
    item.StageModules(pipeline);
    pipeline.Commit();
    const auto response = proxy_validation::Validate(pipeline, {}, {});
    const auto findings = proxy_validation::CollectFindings(pipeline);
    ASSERT_EQ(static_cast<size_t>(response.validation_reports_size()), findings.size());
    Told told;
    for (const auto& report : response.validation_reports()) {
      const auto& listeners = report.proxy().listeners();
      ASSERT_EQ(report.proxy_report().listener_reports_size(), listeners.size());
      for (int i = 0; i < listeners.size(); ++i) Note(listeners[i], report.proxy_report().listener_reports(i), told);
    }
    const auto expect = [&](const Problems& all) {
      for (const Problem& problem : all) {
        ++problems;
        EXPECT_TRUE(told.reasons.contains(proxy_validation::Reason(problem))) << problem.ToString();
      }
    };
    for (const auto& [proxy, by_name] : findings) {
      for (const auto& [name, listener] : by_name) {
        expect(listener.of_objects);
        expect(listener.of_translation);
        for (const auto& [host_name, host] : listener.hosts) {
          expect(host.of_objects);
          expect(host.of_translation);
        }
      }
    }
  }
  EXPECT_GT(problems, 150);
}

}  // namespace
}  // namespace k8sgw::golden
