// Verdicts of the validating webhook.

#include <fmt/core.h>

#include "benchmarks/kube/cases.h"
#include "benchmarks/kube/objects.h"
#include "benchmarks/kube/reviewers.h"

namespace k8sgw::bench {
namespace {

constexpr int kPort = 8443;
constexpr int kAtOnce = 50;

// What the API server sends for an update of VirtualService i.
std::string Review(int i, int number) {
  const kube::WriteRequest object = CreateVirtualService(i, i, fmt::format("review-{}", number));
  // Another one: what does not differ is allowed without a look.
  const kube::WriteRequest old = CreateVirtualService(i, i, "before");
  return fmt::format(R"({{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"{0}",)"
                     R"("kind":{{"group":"gateway.solo.io","version":"v1","kind":"VirtualService"}},)"
                     R"("resource":{{"group":"gateway.solo.io","version":"v1","resource":"virtualservices"}},)"
                     R"("name":"vs{1}","namespace":"{2}","operation":"UPDATE","userInfo":{{"username":"bench"}},)"
                     R"("object":{3},"oldObject":{4},"dryRun":false}}}})",
                     number, i, NamespaceOf(i), object.body, old.body);
}

}  // namespace

void WebhookVerdicts(KubeStage& stage, int n, int calls, Figures& figures) {
  stage.Fill(n);
  const Child& process = stage.ControlPlane();
  AdsClient client(kXdsPort, ProxyRole());
  client.AwaitComplete(static_cast<size_t>(n), static_cast<size_t>(n));
  stage.Settle();
  Reviewers webhook(kPort, kAtOnce);
  const auto reviews = [&](int first, int count) {
    std::vector<std::string> out;
    for (int number = first; number < first + count; ++number) out.push_back(Review(number * 97 % n, number));
    return out;
  };
  // Each opens a connection; the API server keeps its own.
  const std::vector<double> opening = webhook.SendAll(reviews(1, kAtOnce));
  const double cpu = process.CpuMs();
  const std::vector<double> took = webhook.SendAll(reviews(kAtOnce + 1, calls));
  figures.Add({.name = "webhook verdict, 50 at once",
               .size = n,
               .unit = "ms",
               .ours = Quantile(took, 0.5),
               .bound = 5,
               .promise = "5 ms",
               .ours_p90 = Quantile(took, 0.9),
               .samples = calls});
  figures.Add({.name = "  99 of 100",
               .size = n,
               .unit = "ms",
               .ours = Quantile(took, 0.99),
               .bound = 25,
               .promise = "25 ms",
               .samples = calls});
  figures.Add({.name = "  the first 50, which open connections",
               .size = n,
               .unit = "ms",
               .ours = Quantile(opening, 0.5),
               .promise = "",
               .ours_p90 = Quantile(opening, 0.9),
               .samples = kAtOnce});
  figures.Add({.name = "  CPU for each",
               .size = n,
               .unit = "ms CPU",
               .ours = (process.CpuMs() - cpu) / calls,
               .bound = 1,
               .promise = "1 ms CPU",
               .samples = calls});
}

}  // namespace k8sgw::bench
