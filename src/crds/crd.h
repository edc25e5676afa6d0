// CustomResourceDefinitions, made from the proto files and the table of custom resources.
//
// As published, there are no printer columns and no conversion, and the older kinds have no status subresource: their
// status is a part of the object, `status.statuses.<namespace of the control plane>`.
#pragma once

#include <string>

#include "src/base/yaml.h"
#include "src/model/custom_resources.h"

namespace k8sgw::crds {

struct CrdOptions {
  // What `kubectl explain` shows. Without it a definition has less than half of the bytes.
  bool descriptions = true;
};

// The definition as a Kubernetes object (apiextensions.k8s.io/v1), small enough for `kubectl apply` on the client's
// side (shorten.h). Equal protos give equal trees.
yaml::Node MakeCrd(const CustomResource& resource, const CrdOptions& options);

// The name of the definition, "virtualservices.gateway.solo.io".
std::string CrdName(const CustomResource& resource);

// The definition as a file: a comment that says where it comes from, and YAML.
std::string CrdFile(const CustomResource& resource, const CrdOptions& options);

}  // namespace k8sgw::crds
