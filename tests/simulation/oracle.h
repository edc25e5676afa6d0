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

// The objects in force, by their keys; none of them gone.
using Objects = std::map<ResourceKey, Change>;

// Files in, updates out: what `run` does without a network, a clock and a disk.
class ControlPlane {
 public:
  explicit ControlPlane(envoy::SecretDelivery secrets);

  // One batch of file events as one revision. Returns what each role is sent.
  std::map<std::string, xds::Update> Apply(const std::vector<FileChange>& changes);

  Memory memory() const { return {pipeline_.gateway().memory(), pipeline_.envoy().memory()}; }
  Pipeline& pipeline() { return pipeline_; }
  const Pipeline& pipeline() const { return pipeline_; }
  const Objects& objects() const { return objects_; }
  // What a fresh start is to be compared with: the objects that a store which read the same words, but in another order
  // of files, comes to; and what it says about the files. For each file it reads all that the file said since it was
  // last without a fault: what is broken keeps what was there before.
  struct Reading {
    Objects objects;
    Problems problems;
  };
  Reading ReadAgain(Random& random) const;
  Problems source_problems() const;

 private:
  void Note(const FileChange& file);

  const envoy::SecretDelivery secrets_;
  file::FileStore store_;
  Pipeline pipeline_;
  Objects objects_;
  std::map<std::string, std::vector<std::string>> history_;
};

Pipeline::Options SimulationOptions(envoy::SecretDelivery secrets);

// Stages objects and problems of their source as the control plane does, and commits.
std::map<std::string, xds::Update> Revise(Pipeline& pipeline, const std::vector<Change>& changes,
                                          const Problems& source_problems);

// A pipeline that knows no objects yet.
std::unique_ptr<Pipeline> EmptyPipeline(Pipeline::Options options, const Memory& memory);
// Tells it these, as one revision. Returns what each role is sent.
std::map<std::string, xds::Update> Fill(Pipeline& pipeline, const ControlPlane::Reading& reading);

// A pipeline with these objects, which saw nothing of how they came to be.
std::unique_ptr<Pipeline> FromScratch(envoy::SecretDelivery secrets, const ControlPlane::Reading& reading,
                                      const Memory& memory);

// Everything that a pipeline says, by name: resources with version and bytes, problems, Proxies.
std::map<std::string, std::string> Dump(const Pipeline& pipeline);
// The same of objects.
std::map<std::string, std::string> Dump(const Objects& objects);

// "" when they are equal, else the first difference in words.
std::string Difference(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b);

}  // namespace k8sgw::sim
