// The control plane from files to resources, and the same from scratch to compare it with.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/pipeline/pipeline.h"
#include "src/sources/file/store.h"
#include "tests/simulation/universe.h"

namespace k8sgw::sim {

// What last good versions a pipeline remembers.
struct Memory {
  gateway::Translation::Memory gateway;
  envoy::Translation::Memory envoy;
};

// Files in, updates out: what `run` does without a network, a clock and a disk.
class ControlPlane {
 public:
  ControlPlane();

  // One batch of file events as one revision. Returns what each role is sent.
  std::map<std::string, xds::Update> Apply(const std::vector<FileChange>& changes);

  Memory memory() const;
  Pipeline& pipeline() { return *pipeline_; }
  const Pipeline& pipeline() const { return *pipeline_; }
  // The objects in force.
  const std::map<ResourceKey, Change>& objects() const { return objects_; }

 private:
  file::FileStore store_;
  std::unique_ptr<Pipeline> pipeline_;
  std::map<ResourceKey, Change> objects_;
};

Pipeline::Options SimulationOptions();

// A pipeline with the same objects, which saw nothing of how they came to be.
std::unique_ptr<Pipeline> FromScratch(const std::map<ResourceKey, Change>& objects, const Memory& memory);

// Everything that a pipeline says, by name: resources with version and bytes, problems, Proxies.
std::map<std::string, std::string> Dump(const Pipeline& pipeline);

// "" when they are equal, else the first difference in words.
std::string Difference(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b);

}  // namespace k8sgw::sim
