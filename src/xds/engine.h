// The xDS protocol without a network: snapshots in, requests in, responses out.
//
// An Engine holds one Snapshot per proxy role and the state of every stream. It has no thread, no socket and no clock
// of its own: the gRPC server (server.h) and the simulation drive the same code. All methods must be called under one
// lock or from one thread.
//
// Promises, for state-of-the-world and delta streams, aggregated and single-type alike:
// - A resource whose version the client already has is not sent again; nothing changes, nothing is sent.
// - Make before break on aggregated streams: a change travels secrets → clusters → endpoints → listeners → routes, the
//   next type leaves only when the client has answered the one before; removals leave last, in the reverse order.
//   A client that does not answer keeps what it has, and gets the newest state when it does answer. When the newly
//   added routes need no new clusters nothing is waited for: an edit of a route leaves at once.
// - A client that has the module gets what is made for it, from its first response on. When it has scopes already, a
//   listener that looks into other tables leaves after these are there: no request finds nothing. When it has refused
//   one of them the listener waits until that is mended, and a table that it refuses as a whole is not divided.
// - Of divided tables a client is not told that parts are gone which a listener uses that it has, or whose connections
//   may drain.
// - When a cluster leaves whose endpoints are a resource of the same name, those follow even if the client has them:
//   Envoy warms the cluster up with what it is told after it, and does not ask for what it knows.
// - A NACK keeps the client's last good resources; the refused version is not sent again until it changes; other types
//   go on. It is reported once per (role, type, resource, version) through `on_nack`.
// - A stale nonce is ignored. Unknown types get an empty, well-formed answer to an explicit subscription.
// - At most one response per type is in flight on a stream, so a slow client costs bounded memory; intermediate states
//   are skipped.
// - A reconnecting delta client says what it has (initial_resource_versions) and gets only the difference. It is also
//   told which of those are gone. (Clusters that went meanwhile go at once: what the client's old routes led to is not
//   known when it asks for clusters.)
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "src/xds/resource.h"

namespace k8sgw::xds {

// A change of one role's snapshot: a transaction, applied as a whole.
struct Update {
  std::vector<Ptr<Resource>> put;
  std::vector<std::pair<Type, std::string>> removed;
};

using StreamId = uint64_t;
using Time = std::chrono::steady_clock::time_point;

// In the metadata of a node: the version of the module that the Envoy can load.
inline constexpr char kModuleField[] = "k8sgateway_module";

struct EnvoyVersion {
  uint32_t major = 0;
  uint32_t minor = 0;
  uint32_t patch = 0;
};

// What a client said, transport aside. One struct for SotW and delta.
struct Request {
  // The node's metadata.role; only the first request of a stream needs it.
  std::optional<std::string> role;
  // The node's metadata field kModuleField; "" for none. It counts where the role does.
  std::string module;
  // The version of Envoy that it is, if it says so, as each Envoy does.
  std::optional<EnvoyVersion> envoy;
  std::string node_id;
  std::string type_url;
  // Nonce of the response that is answered; "" in the first request of a type.
  std::string nonce;
  // Set on a NACK: Envoy's words.
  std::optional<std::string> error;

  // SotW only: the full list of names; empty means wildcard (for listeners and clusters).
  std::vector<std::string> names;
  std::string version;

  // Delta only.
  std::vector<std::string> subscribe;
  std::vector<std::string> unsubscribe;
  std::map<std::string, std::string> initial_versions;
};

struct Response {
  Type type{};
  std::string type_url;
  std::string nonce;
  // SotW: hash over the versions of `resources`. Delta: the snapshot's revision, informative only.
  std::string version;
  std::vector<Ptr<Resource>> resources;
  // Delta only.
  std::vector<std::string> removed;
};

struct Refused {
  std::string name;
  Ptr<Resource> resource;
  // What the client keeps instead; nullptr when there is nothing, or only its version is known.
  Ptr<Resource> accepted;
};

struct Nack {
  std::string role;
  std::string node_id;
  Type type{};
  // The resources of the refused response that the error text names; all of them when it names none.
  std::vector<Refused> resources;
  std::string message;
};

// Whether a name stands in Envoy's words as a whole, not as a part of a longer one.
bool IsNamedIn(std::string_view words, std::string_view name);

struct StreamOptions {
  bool delta = false;
  // Unset for an aggregated stream.
  std::optional<Type> single_type;
};

struct EngineOptions {
  // How long a client of an unknown role waits before it is given the fallback snapshot.
  std::chrono::milliseconds unknown_role_grace{5000};
  // The role whose snapshot is served to clients without a role, or with an unknown one after the grace period.
  std::string fallback_role;
  std::function<void(const Nack&)> on_nack;
  // The version of the module that resources `with_module` need; "" when there are none. Who reports it, on an
  // aggregated delta stream, waits until ModuleReady was called for its role, no longer than unknown_role_grace.
  std::string module{};
  // Of a client that reports it: whether it can load it. Unset, all can. Called with the engine's lock held.
  std::function<bool(const Request& first)> can_load_module{};
  // Somebody waits for that.
  std::function<void(const std::string& role)> on_module{};
  // A change of a role has been answered by the last client that was behind: the time from Apply to that answer. Called
  // with the engine's lock held.
  std::function<void(const std::string& role, std::chrono::nanoseconds took)> on_answered{};
  // How long a listener is kept back for tables that its client does not ask for.
  std::chrono::milliseconds tables_grace{10000};
  // How long connections of a replaced listener may go on.
  std::chrono::milliseconds drain{0};
};

// "clusters", for the eye.
std::string_view TypeWord(Type type);

// One stream, for those who look for Envoys that do not follow.
struct ClientState {
  // What the client calls itself, and the role that it asks for; "" before it has said so.
  std::string node_id;
  std::string role;
  // The role whose snapshot it gets: its own, or the fallback; "" while it waits for one.
  std::string serving;
  // Types of which it has not answered the newest state.
  std::vector<Type> behind;
  // Resources whose newest version it has refused: it keeps an older one, or has none.
  std::vector<std::pair<Type, std::string>> refused;
  // Listeners that it has in an older version or form, as it has refused a table that the newest needs. It is not
  // behind for that.
  std::vector<std::string> held_back;
  // Responses that it has answered: whoever is behind and answers is on its way.
  uint64_t answers = 0;
};

// Counters for metrics and tests; monotonic but for `streams`.
struct EngineStats {
  int64_t streams = 0;
  int64_t responses = 0;
  int64_t resources_sent = 0;
  int64_t acks = 0;
  int64_t nacks = 0;
  int64_t unknown_roles = 0;
};

class Engine {
 public:
  explicit Engine(EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // --- snapshots

  // Applies a change to the snapshot of `role`, creating the role if it is new.
  void Apply(const std::string& role, const Update& update, Time now);

  // The snapshot of `role` has what clients with the module are to get.
  void ModuleReady(const std::string& role, Time now);

  // --- streams

  // `send` is called from within Engine methods, with one response at a time; it must not call back into the engine.
  StreamId Open(StreamOptions options, std::function<void(Response)> send);
  void Receive(StreamId stream, const Request& request, Time now);
  void Close(StreamId stream);

  // A unary Fetch: the current state of one type, or nullopt when the version is current.
  std::optional<Response> Fetch(const Request& request, Time now);

  // --- time

  // When Tick must be called next, if at all (grace periods).
  std::optional<Time> NextDeadline() const;
  void Tick(Time now);

  // --- insight

  const EngineStats& stats() const;

  // True when every open stream of `role` has answered the newest state of everything it subscribed to, and there is at
  // least one such stream.
  bool InSync(const std::string& role) const;

  // Of a role that has open streams.
  struct RoleStreams {
    size_t all = 0;
    // As InSync.
    bool in_sync = false;
    // How many have not answered the newest state of everything that they subscribed to, and have said nothing for half
    // a minute: others are on their way.
    size_t stuck = 0;
  };
  std::map<std::string, RoleStreams> StreamsByRole(Time now) const;

  // All open streams, in the order in which they came.
  std::vector<ClientState> Clients() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace k8sgw::xds
