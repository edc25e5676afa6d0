#include "src/cmd/cluster_discovery.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "api/gloo/v1/settings.proto.h"
#include "src/discovery/function_mode.h"

namespace k8sgw {

discovery::UpstreamDiscovery::Environment DiscoveryEnvironment(kube::Loop& loop, kube::Writer& writer,
                                                               kube::RandomFraction random,
                                                               std::function<bool()> leads) {
  return {.now = [] { return kube::Loop::Now(); },
          .at = [&loop](kube::Backoff::Time when, std::function<void()> what) { loop.At(when, std::move(what)); },
          .send = [&writer](kube::WriteRequest request,
                            kube::Writer::Done done) { writer.Send(std::move(request), std::move(done)); },
          .random = std::move(random),
          .log = [](const std::string& what) { spdlog::warn("discovery: {}", what); },
          .leads = std::move(leads),
          .log_mended = [](const std::string& what) { spdlog::info("discovery: mended: {}", what); }};
}

kube::CallRate ReadRate(const gloov1::Settings* settings, kube::CallRate otherwise) {
  if (!settings || !settings->kubernetes().has_rate_limits()) return otherwise;
  const auto& limits = settings->kubernetes().rate_limits();
  kube::CallRate rate;
  if (limits.qps() > 0) rate.per_second = limits.qps();
  if (limits.burst() > 0) rate.burst = limits.burst();
  return rate;
}

void TellDiscoverySwitches(const gloov1::Settings& settings) {
  const bool functions = discovery::ReadFunctionMode(settings) != discovery::FunctionMode::kOff;
  const bool upstreams = discovery::ReadOptions(settings, "").enabled;
  if (functions) spdlog::info("discovery: functions are not discovered yet, whatever discovery.fdsMode says");
  if (!upstreams) spdlog::info("discovery: discovery.udsOptions.enabled is false: Services get no Upstreams");
}

}  // namespace k8sgw
