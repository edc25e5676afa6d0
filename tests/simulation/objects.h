// Random objects as YAML documents: few names and namespaces, so that they conflict, refer to each other, and refer to
// what is missing. Some names begin with others, as those of real objects do.
#pragma once

#include <initializer_list>
#include <string>

#include "tests/simulation/random.h"

namespace k8sgw::sim {

// One document; right, wrong or doubtful.
std::string RandomObject(Random& random);
// The spec of an Upstream as the original's file layout has it, without kind and name.
std::string RandomFlatUpstream(Random& random);

// --- parts of the above

// The parts one after the other. Elements of a braced list are evaluated in their order, arguments and operands of `+`
// are not: a seed must say the same with every compiler.
std::string Join(std::initializer_list<std::string> parts);
struct ObjectName {
  std::string name;
  std::string ns;
};
// apiVersion, kind and metadata.
std::string Head(Random& random, const std::string& api_version, const std::string& kind, const ObjectName& name);
std::string RandomNamespace(Random& random);
std::string UpstreamReference(Random& random);
// An Upstream, or a port of a Service.
std::string RandomDestination(Random& random);
// Services, EndpointSlices and Pods.
std::string RandomCoreObject(Random& random);
std::string RandomVirtualService(Random& random);
std::string RandomRouteTable(Random& random);

}  // namespace k8sgw::sim
