#include "src/cmd/gloo_ports.h"

#include <google/protobuf/wrappers.pb.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "api/gloo/v1/settings.proto.h"
#include "src/base/address.h"
#include "src/base/text.h"
#include "src/xds_auth/refusal_log.h"

namespace k8sgw {
namespace {

constexpr int kXdsPort = 9977;
constexpr int kValidationPort = 9988;
constexpr int kRestPort = 9976;
constexpr int kDebugPort = 9966;
// The published default names the Service of that name, which nobody can listen on.
constexpr std::string_view kServiceName = "gloo:";
constexpr int kMaxRequestBytes = 100 << 20;

// 0 would refuse whatever comes, so it counts as not set.
int MaxRequestBytes(const gloov1::Settings& settings) {
  const int given = settings.gateway().validation().validation_server_grpc_max_size_bytes().value();
  return given == 0 ? kMaxRequestBytes : std::max(given, -1);
}

std::string DebugAddress(const std::string& given) {
  if (given.empty()) return AnyAddress(kDebugPort);
  return given.starts_with(kServiceName) ? Cat(kAnyHost, ":", given.substr(kServiceName.size())) : given;
}

constexpr char kXdsFlag[] = "--xds-bind";
constexpr char kXdsField[] = "gloo.xdsBindAddr";
constexpr char kRestFlag[] = "--rest-xds-bind";
constexpr char kRestField[] = "gloo.restXdsBindAddr";

// Where messages about an address send their reader.
std::function<std::string(const std::string&)> PlaceOf(const std::string& fixed,
                                                       const std::function<std::string(const std::string&)>& where) {
  if (fixed.empty()) return where;
  return [](const std::string&) { return "the command line"; };
}

// The address that counts. Who wrote another one into Settings is told, once.
std::string Chosen(const std::string& fixed, const char* flag, const std::string& given, const char* field, int usual,
                   std::string& told) {
  if (fixed.empty()) return given.empty() ? AnyAddress(usual) : given;
  if (std::exchange(told, given) != given && !given.empty() && given != fixed) {
    spdlog::info("{} {} of Settings does not count: {} says {}", field, given, flag, fixed);
  }
  return fixed;
}

// In front of a service about Proxies.
xds::Gate::Options GateOf(const char* service, EventLoop& loop, xds::Authenticator* readers) {
  return {readers, [service, &loop, log = std::make_shared<xds_auth::RefusalLog>()](const xds::Refusal& refusal) {
            const std::optional<std::string> line = log->Line(refusal, EventLoop::Now());
            if (line) loop.Post([service, line = *line] { spdlog::warn("{}: {}", service, line); });
          }};
}

}  // namespace

GlooPorts::GlooPorts(ControlPlane& control, EventLoop& loop, XdsBindOptions fixed,
                     std::function<std::string(const std::string&)> where, xds::Authenticator* readers)
    : validation_(
          control.pipeline(), [&loop](std::function<void()> work) { loop.Post(std::move(work)); },
          GateOf("validation", loop, readers)),
      rest_([&control] { return control.xds(); }),
      debug_(
          control.pipeline(), [&loop](std::function<void()> work) { loop.Post(std::move(work)); },
          GateOf("proxy debug", loop, readers)),
      fixed_(std::move(fixed)),
      xds_port_({"xDS", fixed_.grpc.empty() ? kXdsField : kXdsFlag,
                 [&control](const std::string& address) { return control.Listen(address); },
                 [&control] { control.Shutdown(); }, [&control] { return control.port(); }},
                PlaceOf(fixed_.grpc, where)),
      validation_port_({"validation", "gloo.validationBindAddr",
                        [this](const std::string& address) { return validation_.Listen(address, max_request_bytes_); },
                        [this] { validation_.Stop(); }, [this] { return validation_.port(); }},
                       where),
      rest_port_({"REST xDS", fixed_.rest.empty() ? kRestField : kRestFlag,
                  [this](const std::string& address) { return rest_.Listen(address); }, [this] { rest_.Stop(); },
                  [this] { return rest_.port(); }},
                 PlaceOf(fixed_.rest, where)),
      debug_port_({"proxy debug", "gloo.proxyDebugBindAddr",
                   [this](const std::string& address) { return debug_.Listen(address); }, [this] { debug_.Stop(); },
                   [this] { return debug_.port(); }},
                  where) {}

void GlooPorts::Follow(const gloov1::Settings* settings) {
  const gloov1::Settings none;
  const gloov1::Settings& given = settings ? *settings : none;
  xds_port_.Follow(Chosen(fixed_.grpc, kXdsFlag, given.gloo().xds_bind_addr(), kXdsField, kXdsPort, told_.grpc));
  const std::string& validation = given.gloo().validation_bind_addr();
  const int before = std::exchange(max_request_bytes_, MaxRequestBytes(given));
  validation_port_.Follow(validation.empty() ? AnyAddress(kValidationPort) : validation);
  if (before != 0 && before != max_request_bytes_) validation_port_.StartAnew();
  rest_port_.Follow(
      Chosen(fixed_.rest, kRestFlag, given.gloo().rest_xds_bind_addr(), kRestField, kRestPort, told_.rest));
  debug_port_.Follow(DebugAddress(given.gloo().proxy_debug_bind_addr()));
}

std::optional<EventLoop::Time> GlooPorts::deadline() const {
  std::optional<EventLoop::Time> next;
  for (const PortListener* port : {&xds_port_, &validation_port_, &rest_port_, &debug_port_}) {
    if (port->deadline() && (!next || *port->deadline() < *next)) next = port->deadline();
  }
  return next;
}

void GlooPorts::OnDeadline(EventLoop::Time now) {
  for (PortListener* port : {&xds_port_, &validation_port_, &rest_port_, &debug_port_}) {
    if (port->deadline() && now >= *port->deadline()) port->Retry();
  }
}

void GlooPorts::SetReady() {
  validation_.SetReady();
  debug_.SetReady();
}

void GlooPorts::Stop() {
  validation_.Stop();
  debug_.Stop();
  rest_.Stop();
}

}  // namespace k8sgw
