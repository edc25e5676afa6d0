// The folders of YAML that are measured: n VirtualServices, each in a file of its own, and Upstreams.
#pragma once

#include <string>
#include <vector>

namespace k8sgw::bench {

struct WorldOptions {
  int virtual_services = 1;
  // VirtualService i routes to Upstream i modulo this number.
  int upstreams = 1;
  int http_port = 0;
  // Routes of each VirtualService, and Gateways that all serve every VirtualService, on ports from `http_port` on.
  int routes = 1;
  int gateways = 1;
  // Where all Upstreams lead.
  int backend_port = 0;
};

class World {
 public:
  // Makes the folder; it is removed with the object.
  explicit World(const WorldOptions& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  const std::string& folder() const { return folder_; }
  int http_port() const { return options_.http_port; }
  // The host that VirtualService i answers.
  static std::string Host(int i) { return "h" + std::to_string(i) + ".example.com"; }
  // The name of the route table of a listener, whole.
  static std::string Table(int port) { return "listener-127.0.0.1-" + std::to_string(port) + "-routes"; }
  // Those of all Gateways.
  std::vector<std::string> Tables() const;
  // Requests are sent to this one: in the middle of the table.
  int probe() const { return options_.virtual_services / 2; }
  int probe_upstream() const { return probe() % options_.upstreams; }

  // The VirtualService that adds `x-version: <version>` to its answers. Replaces the file in one step, as editors do.
  void EditVirtualService(int i, int version) const;
  void EditUpstream(int i, int backend_port) const;
  // Any other file, by its path below the folder.
  void Write(const std::string& path, const std::string& text) const;

 private:
  void Replace(const std::string& path, const std::string& text) const;

  const WorldOptions options_;
  std::string folder_;
};

}  // namespace k8sgw::bench
