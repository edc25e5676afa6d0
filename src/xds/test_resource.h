// For tests: resources whose bytes are any text.
#pragma once

#include <memory>
#include <string>

#include "src/base/hash.h"
#include "src/xds/resource.h"

namespace k8sgw::xds {

inline Ptr<Resource> Make(Type type, const std::string& name, const std::string& content) {
  auto resource = std::make_shared<Resource>();
  resource->type = type;
  resource->name = name;
  resource->version = HexHash(Hash64(content));
  resource->body = {std::make_shared<const std::string>(content)};
  resource->size = content.size();
  return resource;
}

// A cluster that asks for its endpoints by its name.
inline Ptr<Resource> MakeEdsCluster(const std::string& name, const std::string& content) {
  auto resource = std::make_shared<Resource>(*Make(Type::kCluster, name, content));
  resource->has_endpoints = true;
  return resource;
}

}  // namespace k8sgw::xds
