// Whether Envoys follow their control plane: what each side says of the other.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/yaml.h"
#include "src/cli/check/finding.h"

namespace k8sgw::cli {

// A stream of an Envoy, as the control plane that serves it tells (docs/admin.md).
struct ServedClient {
  std::string node;
  std::string role;
  // The role whose configuration it gets; "" while it waits for one.
  std::string serving;
  // "routes", "listeners" and so on: what it has not answered the newest state of.
  std::vector<std::string> behind;
  // "listener listener-::-8080": what it keeps an older version of, as it refused the newest.
  std::vector<std::string> refused;
  long answers = 0;
};

// What a pod of a control plane says.
struct ControlView {
  // "namespace/name".
  std::string pod;
  bool ready = false;
  bool leads = false;
  long world_age_seconds = 0;
  std::set<std::string> roles;
  std::vector<ServedClient> clients;
};

// What an Envoy says of itself.
struct EnvoySelf {
  std::string node;
  std::string role;
  // Envoy's own words: LIVE, DRAINING, PRE_INITIALIZING or INITIALIZING.
  std::string state;
};

// Of the answers of /clients and of Envoy's /server_info. Errors: they are something else.
absl::StatusOr<ControlView> ReadControlView(std::string pod, const std::string& json);
absl::StatusOr<EnvoySelf> ReadServerInfo(const std::string& json);

// One look at all control planes of an installation.
using Look = std::vector<ControlView>;

// Whether something may be better in a moment, so that another look is worth its time.
bool IsUnsettled(const std::vector<Look>& looks);

// Whether an Envoy is behind in all of them, and has answered nothing in between.
bool HasStuck(const std::vector<Look>& looks);

// Of looks at the same control planes, one after the other:
//
// - one has not heard the API server for a while, is not ready, or none of them leads;
// - an Envoy is behind in all looks, and has answered nothing in between; or refuses something in the last one;
// - an Envoy asks for a role that no Gateway makes, while others have configuration;
// - a role of `ns` has configuration, and nobody asks for it, nor is there a proxy of that name in `proxies`.
//
// `pods` are those of proxies, "namespace/name", for the names of what is found. `all_asked`: there is no other control
// plane, so what none of them says is not so.
Findings CheckControl(const std::vector<Look>& looks, bool all_asked, const std::string& ns,
                      const std::set<std::string>& pods, const std::set<std::string>& proxies);

// Of an Envoy of the control planes in `ns`, which all were asked: none of them serves it.
Findings CheckServed(const std::string& object, const EnvoySelf& envoy, const Look& look, const std::string& ns);

// What an Envoy's own state and that of its pod are worth: it waits for its first configuration, or is not ready.
Findings CheckEnvoyState(const yaml::Node& pod, const EnvoySelf& envoy);

// Of a pod that cannot be asked, or that does not run (`why` is "").
Finding UnknownEnvoy(const yaml::Node& pod, const std::string& why);

// Whether one of the clients is this Envoy.
bool IsServed(const EnvoySelf& envoy, const Look& look);

}  // namespace k8sgw::cli
