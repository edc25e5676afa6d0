// What the engine knows of one stream, and what follows from that and a snapshot alone.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "src/xds/engine.h"
#include "src/xds/pushes.h"
#include "src/xds/subscription.h"

namespace k8sgw::xds {

// All that is served to one role.
using Snapshot = std::array<Resources, kTypeCount>;

inline size_t IndexOf(Type type) { return static_cast<size_t>(type); }

struct ClientStream {
  ClientStream(StreamId i, StreamOptions o, std::function<void(Response)> s);

  Subscription& Of(Type type) { return subscriptions[IndexOf(type)]; }

  // Whether the client has asked for each table that its listeners look into. Parts of tables that no listener looks
  // into any more are for connections that drain.
  bool WantsTables(const Snapshot& snapshot);
  // Whether the client takes notice of scopes. An Envoy whose last listener with scopes goes does not say that it needs
  // none any more, nor that it needs them again: in between it takes no notice of them.
  bool HearsOfScopes();
  // The client is not told of the type for now.
  bool Skips(Type type) { return type == Type::kScope && !HearsOfScopes(); }
  // A client that comes back may have parts of tables of which we know nothing: another replica divided them in another
  // way, or we did before we were started anew. Its connections may still use them, as long as they drain.
  // So may a listener of which we know nothing, as long as it has it.
  bool Keeps(Type type) const {
    return IsPart(type) && (keeps_until || subscriptions[IndexOf(Type::kListener)].HasUnknown());
  }
  // What is gone of divided tables stays while the client has a listener that uses it, which it does when it refuses
  // the next one; and for the time that connections of a replaced listener drain.
  void RetainParts(const Snapshot& snapshot);
  // Notes which listeners with parts of tables were replaced or went. True when parts may go that stayed so far.
  void FollowDivided(Time drained_at);
  // Forgets replaced listeners whose time is over. True when there were some.
  bool EndDrains(Time now);
  // Keeps listeners back that would lose a table. Under the name of a part, one that is refused has no last good
  // version: all hosts of the part would be answered with 404, which the listener in force serves.
  void HoldListeners(const Snapshot& snapshot, Time now);
  // The client is told of the type.
  bool Follows(Type type) { return Of(type).active() && !Skips(type); }
  // The types of which the client has not answered the newest state.
  std::vector<Type> BehindOf(const Snapshot& snapshot);
  // `snapshot` is what it is served, if there is anything.
  ClientState Describe(const Snapshot* snapshot);

  static bool IsPart(Type type) { return type == Type::kScope || type == Type::kRoute; }

  const StreamId id;
  const StreamOptions options;
  const std::function<void(Response)> send;
  std::array<Subscription, kTypeCount> subscriptions;
  // What the client called itself; nullopt before the first request.
  std::optional<std::string> role;
  // Whose snapshot it gets; nullopt while it waits for its role to appear.
  std::optional<std::string> serving;
  std::optional<Time> grace_ends;
  // The client has the module; it waits until its role is ready for that.
  bool module = false;
  // Until then its listeners wait for tables; nullopt when they do not.
  std::optional<Time> tables_grace_ends;
  // Until then it keeps what it came with and we do not know.
  std::optional<Time> keeps_until;
  // It has a listener of which we know nothing.
  bool had_unknown = false;
  // Until then tables stay whole whose newest version it has not answered.
  std::optional<Time> doubts_until;
  // It has listeners that look into parts of tables.
  bool scoped = false;
  // These, and those before them whose connections may still drain, the oldest first.
  struct Drained {
    Ptr<Resource> listener;
    Time until;
  };
  std::vector<Ptr<Resource>> divided;
  std::vector<Drained> drained;
  // When the first of them has.
  std::optional<Time> drain_ends;
  // It had listeners before, so it may ask for scopes without being sent one.
  bool resumed = false;
  std::string node_id;
  uint64_t nonces = 0;
  // There is something for it, or it has not answered the last of that.
  bool behind = false;
  Pushes::Owed owed;
  uint64_t answers = 0;
  // When it said something last.
  Time heard_at{};
};

}  // namespace k8sgw::xds
