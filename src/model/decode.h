// YAML documents → typed objects, with every problem at its place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/yaml.h"
#include "src/model/objects.h"

namespace k8sgw {

// A problem of one document, with its place in the file. `problem.object` may have empty names when the document did
// not say them.
struct PlacedProblem {
  Problem problem;
  yaml::Mark mark;
};

// What came out of one document.
struct DecodedDocument {
  // Objects without problems of severity error. A `List` gives one for each good item.
  std::vector<Change> objects;
  // The keys that could be read, also of objects that could not be decoded: a source keeps their last good version.
  std::vector<ResourceKey> keys;
  // True when some object is so broken that nobody can tell which it is (no name, a mistyped kind): a source cannot
  // know what this document stood for before.
  bool unidentified = false;
  std::vector<PlacedProblem> problems;
};

// Decodes a Kubernetes-style document: apiVersion, kind, metadata, spec; `status` is ignored; `kind: List` is walked.
// Besides our kinds: core v1 Secret (types kubernetes.io/tls, Opaque with tls.crt/tls.key/ca.crt/tls.ocsp-staple,
// aws, azure, header, and the other published forms; `stringData` wins over `data`) gives a Secret, and ConfigMap an
// Artifact; Service, EndpointSlice and Pod are read as src/model/kubernetes.h says. Foreign kinds (Deployment, …) are
// left out with a warning that says so.
// `default_namespace` is used when metadata.namespace is missing.
DecodedDocument DecodeKubernetes(const yaml::Node& document, std::string_view default_namespace);

// Decodes a document of the original's file layout, `<plural>/<namespace>/<name>.yaml`: the fields of the spec and
// `metadata` side by side at the top. Names come from the path; a metadata.name or namespace that differs is an error.
DecodedDocument DecodeFlat(const KindInfo& kind, std::string_view ns, std::string_view name,
                           const yaml::Node& document);

}  // namespace k8sgw
