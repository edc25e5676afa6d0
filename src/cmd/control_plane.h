// The pipeline and the xDS server, joined: changes in, configuration out to Envoys, problems out to the log.
//
// Used by `run` and `gloo`. All methods but those of the server's own threads run on the event loop's thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "src/cmd/event_loop.h"
#include "src/pipeline/pipeline.h"
#include "src/xds/server.h"
#include "src/xds_auth/refusal_log.h"

namespace k8sgw {

// Of Envoys that are not told another: --drain-time-s.
inline constexpr std::chrono::seconds kEnvoyDrain{600};

struct ControlPlaneOptions {
  Pipeline::Options pipeline;
  // Into how many parts route tables are divided; as in src/proxy/route_shards.h.
  uint32_t route_shards = 0;
  // Where the fallback for Envoys without a known role listens.
  uint32_t fallback_port = 8080;
  // When set, a small JSON file that says which revision is live; replaced as a whole.
  std::string status_file;
  // Called with changes that came, before their revision.
  std::function<void(const std::vector<Change>&)> on_changes;
  // Called after each revision, with the time that it took.
  std::function<void(std::chrono::nanoseconds)> on_revision;
  // The same once what it changed is there for Envoys.
  std::function<void(std::chrono::nanoseconds)> on_served;
  // Called when the last Envoy of a role that was behind has answered, with the time since the change.
  std::function<void(const std::string& role, std::chrono::nanoseconds)> on_answered;
  // How long Envoys let connections of a replaced listener live: so long they may use the parts of a route table that
  // it looked into.
  std::chrono::seconds drain{kEnvoyDrain};
  // Called when the problems may be other ones without a change: an Envoy has refused something, here or elsewhere; the
  // first of a role has the module, which has its tables divided; parts of tables have gone that were refused.
  std::function<void()> on_problems;
  // Who gets configuration over xDS; outlives the control plane. Without one, whoever asks.
  xds::Authenticator* authenticator = nullptr;
};

class ControlPlane {
 public:
  // Where a problem stands, such as "vs.yaml:12"; "" when that is not known.
  using Locate = std::function<std::string(const Problem&)>;

  ControlPlane(ControlPlaneOptions options, EventLoop& loop, Locate locate);

  // Starts, or moves, the xDS server. On an error the server that was there goes on.
  absl::Status Listen(const std::string& address);
  int port() const { return server_ ? server_->port() : 0; }
  // The xDS server of the moment, or nullptr; may be called from any thread.
  std::shared_ptr<xds::Server> xds() const;

  // Applies changes as one revision and serves the result. `source_problems` are those of the source itself (files
  // that cannot be read or decoded); they replace the ones given before. When nothing differs there is no revision.
  void Apply(const std::vector<Change>& changes, const Problems& source_problems);
  // The same for what is known of images of modules.
  void ApplyWasmModules(const std::map<std::string, std::optional<WasmModule>>& modules);
  // Between these, what is applied is not served, nor are its problems told: then all at once.
  void Hold() { held_ = true; }
  void Release();
  bool held() const { return held_; }
  // And ConfigMaps of listeners that are refused.
  std::set<ResourceKey> ObjectsWithErrors() const;
  // What another replica says of its Envoys, in the place of all that it said before.
  void TakeNacksOf(const std::string& replica, std::vector<NackInForce> nacks);
  // Envoys of this role have the module that finds routes in divided tables.
  void UseModule(const std::string& role);
  // Makes a role known although it has no listeners yet, so that its Envoys start with an empty configuration instead
  // of waiting.
  void EnsureRole(const std::string& role);
  // Writes the status file when what it says has changed, and takes back what drained listeners have used; to be called
  // when deadline() has passed.
  void UpdateStatus();
  // When there is something to look at again: Envoys answer on other threads.
  std::optional<EventLoop::Time> deadline() const;
  // All that there are, with those that EnsureRole made known.
  std::set<std::string> roles() const;
  bool InSync(const std::string& role) const { return server_ && server_->InSync(role); }
  std::map<std::string, xds::Engine::RoleStreams> StreamsByRole() const {
    return server_ ? server_->StreamsByRole() : std::map<std::string, xds::Engine::RoleStreams>();
  }
  // Every role has Envoys, and these have everything.
  bool AllInSync() const;
  // The addresses of a role's listeners, for the eye: (name, "http://127.0.0.1:8080").
  std::vector<std::pair<std::string, std::string>> ListenerAddresses(const std::string& role) const;
  // Ready for health checks.
  void SetServing();

  Pipeline& pipeline() { return pipeline_; }
  uint64_t revision() const { return pipeline_.graph().revision(); }
  void Shutdown();

 private:
  // Applies what is staged, and serves it.
  void Commit();
  void LogProblems();
  // When they may be other ones without a change.
  void TellProblems();
  // What the pipeline has, after a revision, for Envoys.
  void Serve(const std::map<std::string, xds::Update>& updates);
  void KeepDrains();
  // When parts of older cuts are there, their time runs.
  void BeginDrain();
  // Hands everything to a server.
  void ServeAll(xds::Server& server) const;

  const ControlPlaneOptions options_;
  EventLoop& loop_;
  const Locate locate_;
  Pipeline pipeline_;
  xds_auth::RefusalLog refusals_;
  mutable std::mutex mutex_;
  std::shared_ptr<xds::Server> server_;  // mutex_ is held to change it, and to read it on other threads
  bool serving_ = false;
  bool held_ = false;
  Problems source_problems_;
  std::set<std::string> ensured_roles_;
  std::string last_status_;
  std::optional<EventLoop::Time> next_status_;
  std::set<std::string> module_roles_;
  int misfits_told_ = 0;
  std::optional<EventLoop::Time> drain_ends_;
};

}  // namespace k8sgw
