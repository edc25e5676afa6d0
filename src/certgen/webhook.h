// Tells the API server which authorities to trust for a webhook: the caBundle of a ValidatingWebhookConfiguration.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "src/certgen/issue.h"
#include "src/certgen/store.h"
#include "src/sources/kube/caller.h"

namespace k8sgw::certgen {

// The webhooks of a configuration (JSON) that call the Service.
struct CalledWebhooks {
  std::string resource_version;
  std::vector<std::string> names;
  // Whether all of them trust exactly this already.
  bool trust_it = false;
};
absl::StatusOr<CalledWebhooks> FindWebhooks(std::string_view padded_json, const Subject& subject,
                                            const std::string& authorities);

class Webhook {
 public:
  // The cluster outlives it.
  Webhook(kube::Caller& cluster, std::string configuration, Subject subject)
      : cluster_(cluster), configuration_(std::move(configuration)), subject_(std::move(subject)) {}

  // Sets the bundle of each webhook that calls the Service to what `store` has; true when something was written.
  // Several runs at once end with what is stored last: the configuration is read before the store, and written only if
  // nobody has changed it since. Errors: there is no such configuration, no webhook in it calls the Service, or the API
  // server's.
  absl::StatusOr<bool> Update(Store& store);

 private:
  absl::StatusOr<bool> Try(Store& store);

  kube::Caller& cluster_;
  const std::string configuration_;
  const Subject subject_;
};

}  // namespace k8sgw::certgen
