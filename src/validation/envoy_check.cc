#include "src/validation/envoy_check.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"

#include "src/base/proto_codec.h"
#include "src/base/yaml.h"
#include "src/envoy/resource.h"

namespace k8sgw::validation {
namespace {

using ::envoy::config::bootstrap::v3::Bootstrap;
using ::envoy::config::listener::v3::Listener;
using ::envoy::config::route::v3::RouteConfiguration;
using ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

constexpr uint32_t kFirstPort = 20000;

template <class Message>
Message Parse(const xds::Resource& resource) {
  Message message;
  message.ParseFromString(envoy::JoinBytes(resource));
  return message;
}

// RDS becomes a route table in the listener, so that one file holds everything that Envoy is to check.
void InlineRoutes(const Snapshot& snapshot, Listener& listener) {
  const auto routes = snapshot.find(xds::Type::kRoute);
  for (auto& chain : *listener.mutable_filter_chains()) {
    for (auto& filter : *chain.mutable_filters()) {
      HttpConnectionManager hcm;
      if (!filter.typed_config().UnpackTo(&hcm) || !hcm.has_rds()) continue;
      const std::string name = hcm.rds().route_config_name();
      RouteConfiguration table;
      if (routes != snapshot.end() && routes->second.contains(name)) table = Parse<RouteConfiguration>(*routes->second.at(name));
      table.mutable_validate_clusters()->set_value(false);
      *hcm.mutable_route_config() = table;
      filter.mutable_typed_config()->PackFrom(hcm);
    }
  }
}

// Adds the resources of one pipeline; names and ports are made unique by `id`.
void AddPipeline(const Pipeline& pipeline, size_t id, uint32_t& port, Bootstrap& bootstrap) {
  const std::string prefix = std::to_string(id) + "-";
  for (const std::string& role : pipeline.roles()) {
    const Snapshot snapshot = pipeline.ResourcesOf(role);
    for (const auto& [type, resources] : snapshot) {
      for (const auto& [name, resource] : resources) {
        if (type == xds::Type::kCluster) {
          auto& cluster = *bootstrap.mutable_static_resources()->add_clusters();
          cluster = Parse<::envoy::config::cluster::v3::Cluster>(*resource);
          cluster.set_name(prefix + role + cluster.name());
        } else if (type == xds::Type::kListener) {
          auto& listener = *bootstrap.mutable_static_resources()->add_listeners();
          listener = Parse<Listener>(*resource);
          listener.set_name(prefix + role + listener.name());
          if (listener.address().has_socket_address()) {
            listener.mutable_address()->mutable_socket_address()->set_port_value(port++);
          }
          InlineRoutes(snapshot, listener);
        }
      }
    }
  }
}

// Envoy's words, or "".
std::string Validate(const Bootstrap& bootstrap, const std::string& envoy) {
  const std::string file = std::filesystem::temp_directory_path() / ("k8sgateway-validate-" + std::to_string(getpid()) + ".json");
  std::ofstream(file) << yaml::EmitJson(EncodeProto(bootstrap), 0);
  const std::string command = envoy + " --mode validate -l error -c " + file + " 2>&1";
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return "cannot start " + envoy;
  std::array<char, 4096> buffer;
  for (size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) output.append(buffer.data(), n);
  const int status = pclose(pipe);
  std::filesystem::remove(file);
  if (status == 0) return "";
  return output.empty() ? "Envoy refused the configuration without a word" : output;
}

}  // namespace

std::string AskEnvoy(const std::vector<const Pipeline*>& pipelines, const std::string& envoy) {
  Bootstrap all;
  uint32_t port = kFirstPort;
  for (size_t i = 0; i < pipelines.size(); ++i) AddPipeline(*pipelines[i], i, port, all);
  return Validate(all, envoy);
}

}  // namespace k8sgw::validation
