// The floor of a fleet, in a process of its own: a bare ADS server that holds the same bytes and nothing else.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "benchmarks/child.h"
#include "src/xds/resource.h"

namespace k8sgw::bench {

class FloorProcess {
 public:
  // Answers the first request of each type with these bytes; `pushes` are what Push sends.
  FloorProcess(const std::map<xds::Type, std::string>& first, const std::vector<std::string>& pushes);
  ~FloorProcess();

  int port() const { return port_; }
  const Child& process() const { return *process_; }
  // Sends one of the pushes to every client.
  void Push(size_t number);

 private:
  std::string folder_;
  int control_ = -1;
  int port_ = 0;
  std::unique_ptr<Child> process_;
};

// What that process does: serves what the folder holds, until the other end of `control` is closed.
int ServeFloor(const std::string& folder, int control);

}  // namespace k8sgw::bench
