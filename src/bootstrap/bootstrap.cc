#include "src/bootstrap/bootstrap.h"

#include <algorithm>
#include <charconv>

#include "src/base/text.h"
#include "src/bootstrap/fields.h"

namespace k8sgw::bootstrap {
namespace {

// Names of static listeners that answer those who look after an Envoy.
constexpr std::string_view kOwnListeners[] = {"prometheus_listener", "read_config_listener", "readiness_listener"};
constexpr std::string_view kStatBegin = "listener.";
constexpr std::string_view kStatEnd = ".downstream_cx_active";

int Number(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

AdminAddress ReadAdmin(const yaml::Node& tree) {
  AdminAddress admin;
  const yaml::Node* address = Field(&tree, {"admin", "address"});
  admin.host = FieldText(address, {"socket_address", "address"});
  admin.port = Number(FieldText(address, {"socket_address", "port_value"}));
  if (admin.port == 0) admin.path = FieldText(address, {"pipe", "path"});
  // Where all addresses are listened on, ours is.
  if (admin.host == "0.0.0.0") admin.host = "127.0.0.1";
  if (admin.host == "::") admin.host = "::1";
  return admin;
}

// As Envoy writes it: a name of ours, or the address with its colons replaced.
std::string StatName(const yaml::Node& listener) {
  std::string name = FieldText(&listener, {"stat_prefix"});
  if (name.empty()) {
    const yaml::Node* socket = Field(&listener, {"address", "socket_address"});
    if (!socket) return "";
    const std::string host = FieldText(socket, {"address"});
    const bool v6 = host.find(':') != std::string::npos;
    name = Cat(v6 ? "[" : "", host, v6 ? "]" : "", ":", FieldText(socket, {"port_value"}));
  }
  std::ranges::replace(name, ':', '_');
  return name;
}

}  // namespace

absl::StatusOr<Bootstrap> ReadBootstrap(std::string_view text) {
  yaml::Stream stream = yaml::Parse(text);
  if (!stream.ok) {
    return absl::InvalidArgumentError(Cat("line ", stream.error.mark.line, ": ", stream.error.message));
  }
  if (stream.documents.size() != 1 || !stream.documents[0].is_mapping()) {
    const auto line = stream.documents.empty() ? 1 : stream.documents.back().mark.line;
    return absl::InvalidArgumentError(Cat("line ", line, ": it is not one map of fields: write one YAML document"));
  }
  Bootstrap bootstrap;
  bootstrap.tree = std::move(stream.documents[0]);
  bootstrap.admin = ReadAdmin(bootstrap.tree);
  const yaml::Node* listeners = Field(&bootstrap.tree, {"static_resources", "listeners"});
  if (!listeners) return bootstrap;
  for (const yaml::Node& listener : listeners->items) {
    if (std::ranges::find(kOwnListeners, listener.FindScalar("name")) == std::end(kOwnListeners)) continue;
    if (std::string name = StatName(listener); !name.empty()) bootstrap.own_listeners.insert(std::move(name));
  }
  return bootstrap;
}

int64_t ActiveConnections(std::string_view stats, const std::set<std::string>& own_listeners) {
  int64_t sum = 0;
  while (!stats.empty()) {
    const size_t end = stats.find('\n');
    const std::string_view line = stats.substr(0, end);
    stats = end == std::string_view::npos ? "" : stats.substr(end + 1);
    const size_t colon = line.rfind(": ");
    if (colon == std::string_view::npos || !line.starts_with(kStatBegin)) continue;
    std::string_view name = line.substr(kStatBegin.size(), colon - kStatBegin.size());
    if (!name.ends_with(kStatEnd)) continue;
    name.remove_suffix(kStatEnd.size());
    // Each worker counts the same connections once more.
    if (name == "admin" || name.starts_with("admin.") || name.find(".worker_") != std::string_view::npos) continue;
    if (own_listeners.contains(std::string(name))) continue;
    sum += Number(line.substr(colon + 2));
  }
  return sum;
}

}  // namespace k8sgw::bootstrap
