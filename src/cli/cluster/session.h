// A user's cluster: reads and writes objects as trees, one call after the other. Nothing is tried again.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"
#include "src/model/custom_resources.h"
#include "src/sources/kube/caller.h"
#include "src/sources/kube/kubeconfig.h"

namespace k8sgw::cli {

// Which objects of a kind.
struct Selection {
  std::string labels{};
  std::string fields{};
};

class Session {
 public:
  // Errors: no configuration, or a broken one. Nothing is asked yet.
  static absl::StatusOr<std::unique_ptr<Session>> Open(const kube::ConfigChoice& choice);

  // All objects of a kind, in a namespace or in all, with their kind and apiVersion.
  absl::StatusOr<std::vector<yaml::Node>> List(const kube::Resource& resource, const Selection& selection = {});
  absl::StatusOr<yaml::Node> Read(const kube::Target& target);
  // The object as it is then.
  absl::StatusOr<yaml::Node> Send(const kube::WriteRequest& request);
  // Any page of the API server, such as /version.
  absl::StatusOr<yaml::Node> Get(const std::string& target);

  // Without metadata.namespace, an object goes to the one of `resource`.
  absl::StatusOr<yaml::Node> Create(const kube::Resource& resource, const yaml::Node& object);
  // The object must have the resourceVersion that it was read with.
  absl::StatusOr<yaml::Node> Replace(const kube::Resource& resource, const yaml::Node& object);

  kube::Caller& caller() { return caller_; }
  const kube::ClientConfig& config() const { return caller_.config(); }

 private:
  explicit Session(kube::ClientConfig config);

  kube::Caller caller_;
};

// Where the objects of one of our kinds stand; "" for all namespaces.
kube::Resource ResourceOf(const CustomResource& kind, const std::string& ns);

// The kind that users call so: "virtualservice", "virtualservices", "vs", "VirtualService"; nullptr when there is none.
const CustomResource* KindCalled(std::string_view word);

}  // namespace k8sgw::cli
