// Settings of the listening socket and of the connections that come in through it.

#include <google/protobuf/wrappers.pb.h>

#include "api/envoy/kit/api/v2/core/socket_option.proto.h"
#include "api/gloo/v1/listener_options.proto.h"
#include "envoy/config/core/v3/socket_option.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::listener_tuning {
namespace {

namespace corev2 = ::solo::io::envoy::api::v2::core;
namespace corev3 = ::envoy::config::core::v3;

void Translate(const corev2::SocketOption& in, envoy::Reporter report, corev3::SocketOption& out) {
  out.set_description(in.description());
  out.set_level(in.level());
  out.set_name(in.name());
  // The published enum has the numbers of Envoy's.
  out.set_state(static_cast<corev3::SocketOption::SocketState>(in.state()));
  switch (in.value_case()) {
    case corev2::SocketOption::kIntValue: out.set_int_value(in.int_value()); break;
    case corev2::SocketOption::kBufValue: out.set_buf_value(in.buf_value()); break;
    case corev2::SocketOption::VALUE_NOT_SET:
      report.Error("", "the socket option has no value", "add intValue or bufValue");
      break;
  }
}

void Listener(const envoy::ListenerArgs& args) {
  const auto& options = args.options;
  if (options.has_per_connection_buffer_limit_bytes()) {
    if (options.per_connection_buffer_limit_bytes().value() == 0) {
      args.report.Warning("perConnectionBufferLimitBytes", "is 0, which means the default of 1 MiB",
                          "remove it, or write a limit in bytes");
    } else {
      *args.out.mutable_per_connection_buffer_limit_bytes() = options.per_connection_buffer_limit_bytes();
    }
  }
  for (int i = 0; i < options.socket_options_size(); ++i) {
    Translate(options.socket_options(i), args.report.At("socketOptions[" + std::to_string(i) + "]"),
              *args.out.add_socket_options());
  }
  if (!options.has_connection_balance_config()) return;
  if (!options.connection_balance_config().has_exact_balance()) {
    args.report.Error("connectionBalanceConfig", "says no way of balancing", "add exactBalance: {}");
  }
  args.out.mutable_connection_balance_config()->mutable_exact_balance();
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.ListenerOptions.per_connection_buffer_limit_bytes",
    "gloo.solo.io.ListenerOptions.socket_options",
    "gloo.solo.io.ListenerOptions.connection_balance_config",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "listener_tuning",
    .claims = kClaims,
    .listener = Listener,
};

}  // namespace k8sgw::plugins::listener_tuning
