#include "src/xds_relay/recorder.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/rpc/status.proto.h>

#include <optional>

#include "src/base/hash.h"
#include "src/base/text.h"

namespace k8sgw::xds_relay {
namespace {

// The name of a resource is the first field of its message, in all types that we know.
std::string NameOf(std::string_view bytes) {
  if (bytes.size() < 2 || bytes[0] != (1 << 3 | 2)) return "";
  uint64_t size = 0;
  size_t at = 1;
  for (int shift = 0; at < bytes.size() && shift < 35; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    size |= uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) break;
  }
  return size <= bytes.size() - at ? std::string(bytes.substr(at, size)) : "";
}

std::string Metadata(const envoy::config::core::v3::Node& node, const char* name) {
  const auto& fields = node.metadata().fields();
  const auto field = fields.find(name);
  return field == fields.end() ? "" : field->second.string_value();
}

bool IsWildcard(const std::string& type_url) {
  const std::optional<xds::Type> type = xds::TypeOfUrl(type_url);
  return type == xds::Type::kCluster || type == xds::Type::kScope || type == xds::Type::kListener;
}

}  // namespace

std::string RoleOf(const envoy::config::core::v3::Node& node) { return Metadata(node, "role"); }

std::string OwnerOf(const envoy::config::core::v3::Node& node) {
  const std::string module = Metadata(node, xds::kModuleField);
  return module.empty() ? RoleOf(node) : Cat(RoleOf(node), "\nmodule ", module);
}

void Recorder::OnResponse(const dsv3::DeltaDiscoveryResponse& response) {
  deltas_[{response.type_url(), response.nonce()}] = response;
}

void Recorder::OnResponse(const dsv3::DiscoveryResponse& response) {
  states_[{response.type_url(), response.nonce()}] = response;
}

void Recorder::OnRequest(const dsv3::DeltaDiscoveryRequest& request) {
  if (request.has_node()) memory_.SetOwner(OwnerOf(request.node()));
  const std::string& url = request.type_url();
  if (auto found = deltas_.extract({url, request.response_nonce()}); found && !request.has_error_detail()) {
    const dsv3::DeltaDiscoveryResponse& accepted = found.mapped();
    if (fresh_ && begun_.insert(url).second) {
      std::set<std::string> names;
      for (const auto& resource : accepted.resources()) names.insert(resource.name());
      memory_.Retain(url, names);
    }
    for (const auto& resource : accepted.resources()) {
      memory_.Keep(url, resource.name(), resource.version(), resource.resource().value());
    }
    for (const std::string& name : accepted.removed_resources()) memory_.Forget(url, name);
  }
  for (const std::string& name : request.resource_names_unsubscribe()) memory_.Forget(url, name);
}

void Recorder::OnRequest(const dsv3::DiscoveryRequest& request) {
  if (request.has_node()) memory_.SetOwner(OwnerOf(request.node()));
  const std::string& url = request.type_url();
  auto found = states_.extract({url, request.response_nonce()});
  if (!found || request.has_error_detail()) return;
  std::set<std::string> names(request.resource_names().begin(), request.resource_names().end());
  const bool all = IsWildcard(url) && names.empty();
  for (const auto& resource : found.mapped().resources()) {
    const std::string name = NameOf(resource.value());
    if (name.empty()) continue;
    memory_.Keep(url, name, HexHash(Hash64(resource.value())), resource.value());
    if (all) names.insert(name);
  }
  // Of listeners and clusters a response says all; of others the Envoy says what it still wants.
  memory_.Retain(url, names);
}

}  // namespace k8sgw::xds_relay
