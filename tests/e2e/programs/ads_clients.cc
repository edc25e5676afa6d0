// Many bare clients of delta ADS, each on a connection of its own, as a fleet of Envoys is: they remember versions, ask
// for what they lack when they connect again, and take everything.
//
//   ads_clients HOST:PORT ROLE COUNT TABLE…      until it is ended; TABLE is the name of a RouteConfiguration
//
// Prints a line whenever something changed: the streams that are open, and how many resources came so far, by type, and
// how many removals, to all of them together.
//
//   {"streams": 200, "clusters": 1400, "listeners": 200, "tables": 200, "removed": 0}
#include <grpcpp/grpcpp.h>

#include <array>
#include <atomic>
#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "envoy/service/discovery/v3/ads.grpc.pb.h"

namespace {

using namespace std::chrono_literals;
namespace ads = ::envoy::service::discovery::v3;

struct Counts {
  std::atomic<int> streams{0};
  std::atomic<int> clusters{0};
  std::atomic<int> listeners{0};
  std::atomic<int> tables{0};
  std::atomic<int> removed{0};
};

class Client {
 public:
  Client(const std::string& target, std::string role, std::vector<std::string> tables, Counts& counts)
      : role_(std::move(role)), tables_(std::move(tables)), counts_(counts) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    // As the Envoys of the cases do: their own pause grows to half a minute.
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 250);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
    channel_ = grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  }

  // One stream, from the connection to its end.
  void Stream() {
    const auto stub = ads::AggregatedDiscoveryService::NewStub(channel_);
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    const auto stream = stub->DeltaAggregatedResources(&context);
    std::array<ads::DeltaDiscoveryRequest, 3> first;
    for (size_t i = 0; i < kinds_.size(); ++i) {
      first[i].set_type_url(kinds_[i].url);
      for (const auto& [name, version] : kinds_[i].versions)
        (*first[i].mutable_initial_resource_versions())[name] = version;
    }
    (*first[0].mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(role_);
    first[0].mutable_node()->set_id("bare");
    for (const std::string& table : tables_) first[2].add_resource_names_subscribe(table);
    bool open = true;
    for (const auto& request : first) open = open && stream->Write(request);
    if (open) ++counts_.streams;
    ads::DeltaDiscoveryResponse response;
    while (stream->Read(&response)) stream->Write(Take(response));
    if (open) --counts_.streams;
    stream->Finish();
  }

 private:
  struct KindState {
    std::string url;
    std::atomic<int>& count;
    std::map<std::string, std::string> versions;
  };

  ads::DeltaDiscoveryRequest Take(const ads::DeltaDiscoveryResponse& response) {
    for (KindState& kind : kinds_) {
      if (kind.url != response.type_url()) continue;
      kind.count += response.resources_size();
      for (const auto& resource : response.resources()) kind.versions[resource.name()] = resource.version();
      for (const std::string& name : response.removed_resources()) kind.versions.erase(name);
    }
    counts_.removed += response.removed_resources_size();
    ads::DeltaDiscoveryRequest answer;
    answer.set_type_url(response.type_url());
    answer.set_response_nonce(response.nonce());
    return answer;
  }

  const std::string role_;
  const std::vector<std::string> tables_;
  Counts& counts_;
  std::shared_ptr<grpc::Channel> channel_;
  std::array<KindState, 3> kinds_{
      KindState{"type.googleapis.com/envoy.config.cluster.v3.Cluster", counts_.clusters, {}},
      KindState{"type.googleapis.com/envoy.config.listener.v3.Listener", counts_.listeners, {}},
      KindState{"type.googleapis.com/envoy.config.route.v3.RouteConfiguration", counts_.tables, {}}};
};

std::string Line(const Counts& counts) {
  std::string line = "{";
  const auto add = [&](const char* name, int value) {
    line += (line.size() > 1 ? ", \"" : "\"") + std::string(name) + "\": " + std::to_string(value);
  };
  add("streams", counts.streams);
  add("clusters", counts.clusters);
  add("listeners", counts.listeners);
  add("tables", counts.tables);
  add("removed", counts.removed);
  return line + "}";
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 4) {
    std::cerr << "say HOST:PORT, a role, how many, and the names of tables\n";
    return 2;
  }
  Counts counts;
  const std::vector<std::string> tables(words.begin() + 3, words.end());
  // Until the process is ended: nobody joins them.
  for (int i = 0; i < std::stoi(words[2]); ++i) {
    std::thread([&, client = std::make_shared<Client>(words[0], words[1], tables, counts)] {
      while (true) client->Stream();
    }).detach();
  }
  std::string last;
  while (true) {
    const std::string line = Line(counts);
    if (line != last) std::cout << line << std::endl;
    last = line;
    std::this_thread::sleep_for(50ms);
  }
}
