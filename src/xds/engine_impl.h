// What the engine has, and what becomes of it: the streams of all clients, what may leave for each, and what they
// answer. For engine.cc alone.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/xds/deadlines.h"
#include "src/xds/engine.h"
#include "src/xds/stream.h"
#include "src/xds/words.h"

namespace k8sgw::xds {

inline bool IsWildcardType(Type type) {
  return type == Type::kCluster || type == Type::kScope || type == Type::kListener;
}

// A client that comes back asks for all that it had at once.
inline constexpr std::chrono::milliseconds kResumeGrace{1000};
// Who has something to answer, and has said nothing for so long.
inline constexpr std::chrono::seconds kStuck{30};
// Roles without a snapshot that are asked for all the same, and the bytes of the longest one's name.
inline constexpr size_t kMostEarlyRoles = 100;
inline constexpr size_t kLongestEarlyRole = 600;

struct Engine::Impl {
  EngineOptions options;
  EngineStats stats;
  std::map<std::string, Snapshot> roles;
  std::map<std::string, Pushes> pushes;
  std::map<StreamId, std::unique_ptr<ClientStream>> streams;
  // When the streams that wait for their role to appear, or for tables, have waited long enough.
  Deadlines graces;
  Deadlines tables_graces;
  // When what streams came with goes.
  Deadlines keeps;
  // When the parts of a listener go that streams have replaced.
  Deadlines drains;
  // Roles that are ready for the module.
  std::set<std::string> module_roles;
  std::set<std::string> early_roles;
  StreamId last_stream = 0;

  const Snapshot* SnapshotOf(const ClientStream& stream) const {
    if (!stream.serving) return nullptr;
    const auto it = roles.find(*stream.serving);
    return it == roles.end() ? nullptr : &it->second;
  }

  static const Resources& Of(const Snapshot* snapshot, Type type) {
    static const Resources kNone;
    return snapshot ? (*snapshot)[IndexOf(type)] : kNone;
  }

  void Send(ClientStream& stream, Type type, const Snapshot& snapshot, bool removals) {
    Response response =
        stream.subscriptions[IndexOf(type)].Make(snapshot[IndexOf(type)], removals, std::to_string(++stream.nonces));
    response.type = type;
    response.type_url = TypeUrl(type);
    ++stats.responses;
    // Envoy warms a changed cluster up with endpoints that it is told anew; it does not ask for those it knows. What it
    // has refused it may take now, where it comes along again.
    for (const auto& resource : response.resources) {
      if (resource->has_endpoints && stream.subscriptions[IndexOf(type)].Lacks(*resource))
        stream.subscriptions[IndexOf(Type::kEndpoint)].Repeat(resource->name);
    }
    stats.resources_sent += static_cast<int64_t>(response.resources.size());
    stream.send(std::move(response));
  }

  void FollowListeners(ClientStream& stream, Time now) {
    stream.FollowDivided(now + options.drain);
    EndDrains(stream, now);
    // What it used is as little known as before, and its connections drain from now on.
    const bool was_unknown = std::exchange(stream.had_unknown, stream.Of(Type::kListener).HasUnknown());
    if (was_unknown && !stream.had_unknown && stream.Of(Type::kScope).active() && options.drain.count() > 0) {
      keeps.End(stream.keeps_until, stream.id);
      keeps.Begin(stream.keeps_until, now + options.drain, stream.id);
    }
    const bool before = std::exchange(stream.scoped, stream.module && stream.HearsOfScopes());
    if (stream.scoped && !before) stream.Of(Type::kScope).SendAgain(Of(SnapshotOf(stream), Type::kScope));
  }

  // A client that came back may have what comes only now.
  void Recognize(ClientStream& stream, const Update& update, Time now) {
    bool listeners = false;
    for (const auto& resource : update.put) {
      const bool known = stream.subscriptions[IndexOf(resource->type)].Recognize(resource);
      listeners = listeners || (known && resource->type == Type::kListener);
    }
    if (listeners) FollowListeners(stream, now);
  }

  // Whether the listeners that are to leave look into tables that the client will ask for, but does not have. One that
  // has no scopes yet asks for them when it has the listener, which waits for them by itself.
  bool WaitsForTables(ClientStream& stream, const Snapshot& snapshot, Time now) {
    const bool will_ask = stream.resumed && !stream.Of(Type::kScope).active();
    const bool has_scopes = stream.Of(Type::kScope).wants_all() && stream.HearsOfScopes();
    if (!stream.module || (!will_ask && !has_scopes)) return false;
    const auto is_there = [&](const std::string& table) {
      return stream.Of(Type::kRoute).IsSettled(table) || !snapshot[IndexOf(Type::kRoute)].contains(table);
    };
    const auto pending = stream.Of(Type::kListener).Pending(snapshot[IndexOf(Type::kListener)]);
    const bool waits = std::any_of(pending.begin(), pending.end(), [&](const Ptr<Resource>& listener) {
      return !std::all_of(listener->tables.begin(), listener->tables.end(), is_there);
    });
    if (waits && !stream.tables_grace_ends) {
      tables_graces.Begin(stream.tables_grace_ends, now + (will_ask ? kResumeGrace : options.tables_grace), stream.id);
    }
    if (waits && now < *stream.tables_grace_ends) return true;
    EndTablesGrace(stream);
    return false;
  }

  void EndDrains(ClientStream& stream, Time now) {
    stream.EndDrains(now);
    drains.End(stream.drain_ends, stream.id);
    if (!stream.drained.empty()) drains.Begin(stream.drain_ends, stream.drained.front().until, stream.id);
  }

  void EndTablesGrace(ClientStream& stream) { tables_graces.End(stream.tables_grace_ends, stream.id); }

  // Sends what may leave now, and notes whether that was all that there is for the client.
  void Pump(ClientStream& stream, Time now) {
    const Snapshot* snapshot = SnapshotOf(stream);
    if (!snapshot) return;
    stream.behind = SendWhatMay(stream, *snapshot, now);
    if (!stream.behind && stream.owed) pushes[*stream.serving].Answered(stream.owed, now, OnEnd(*stream.serving));
  }

  Pushes::OnEnd OnEnd(const std::string& role) const {
    return [this, &role](std::chrono::nanoseconds took) {
      if (options.on_answered) options.on_answered(role, took);
    };
  }

  void LeavePushes(ClientStream& stream) {
    if (stream.owed) pushes[*stream.serving].Left(stream.owed, OnEnd(*stream.serving));
  }

  // Additions leave in the order of types, each type when the one before it is answered; when all additions are
  // answered, removals in the reverse order. Endpoints alone do not wait: Envoy answers about clusters when they are
  // warm, and they are not before it knows their endpoints. False when the client has answered all.
  bool SendWhatMay(ClientStream& stream, const Snapshot& snapshot, Time now) {
    bool waits = false;
    bool kept_back = false;
    stream.HoldListeners(snapshot, now);
    for (int i = 0; i < kTypeCount; ++i) {
      const Type type = static_cast<Type>(i);
      Subscription& subscription = stream.subscriptions[IndexOf(type)];
      // What was held back for tables may be wanted no more.
      if (type == Type::kListener && stream.tables_grace_ends && !subscription.HasPuts(snapshot[IndexOf(type)]))
        EndTablesGrace(stream);
      if (subscription.in_flight()) {
        waits = true;
      } else if (stream.Skips(type)) {
        continue;
      } else if (subscription.HasPuts(snapshot[IndexOf(type)]) && (!waits || type == Type::kEndpoint)) {
        if (type == Type::kListener && WaitsForTables(stream, snapshot, now)) {
          kept_back = true;
          continue;
        }
        Send(stream, type, snapshot, false);
        waits = true;
      }
    }
    if (waits || kept_back) return true;
    stream.RetainParts(snapshot);
    for (int i = kTypeCount - 1; i >= 0; --i) {
      if (!stream.Skips(static_cast<Type>(i)) && !stream.Keeps(static_cast<Type>(i)) &&
          stream.subscriptions[static_cast<size_t>(i)].HasRemovals(snapshot[static_cast<size_t>(i)])) {
        Send(stream, static_cast<Type>(i), snapshot, true);
        return true;
      }
    }
    return false;
  }

  void EndGrace(ClientStream& stream) { graces.End(stream.grace_ends, stream.id); }

  void Serve(ClientStream& stream, const std::string& role) {
    LeavePushes(stream);
    stream.serving = role;
    EndGrace(stream);
    const Snapshot* snapshot = SnapshotOf(stream);
    for (int i = 0; i < kTypeCount; ++i)
      stream.subscriptions[static_cast<size_t>(i)].Reset(Of(snapshot, static_cast<Type>(i)));
    // Listeners may be known now; none is another.
    stream.FollowDivided({});
    stream.had_unknown = stream.Of(Type::kListener).HasUnknown();
  }

  void Identify(ClientStream& stream, const Request& request, Time now) {
    if (stream.role) return;
    stream.role = request.role.value_or("");
    stream.node_id = request.node_id;
    stream.module = !options.module.empty() && request.module == options.module && stream.options.delta &&
                    !stream.options.single_type && (!options.can_load_module || options.can_load_module(request));
    if (stream.module) stream.Of(Type::kListener).UseModule();
    const bool known = roles.contains(*stream.role);
    if (stream.role->empty()) {
      Serve(stream, options.fallback_role);
    } else if (known && IsReady(stream)) {
      Serve(stream, *stream.role);
    } else {
      if (!known) ++stats.unknown_roles;
      graces.Begin(stream.grace_ends, now + options.unknown_role_grace, stream.id);
      if (!IsReady(stream) && (known || MayBeEarly(*stream.role))) AskForModule(*stream.role);
    }
  }

  void AskForModule(const std::string& role) const {
    if (options.on_module) options.on_module(role);
  }

  // Roles that nobody knows yet are asked for, so that their first snapshot has it all; but anybody may make names up,
  // and names are kept. Those beyond are asked for when their snapshot comes.
  bool MayBeEarly(const std::string& role) {
    if (early_roles.contains(role)) return true;
    if (early_roles.size() >= kMostEarlyRoles || role.size() > kLongestEarlyRole) return false;
    early_roles.insert(role);
    return true;
  }

  bool IsReady(const ClientStream& stream) const { return !stream.module || module_roles.contains(*stream.role); }

  void ReceiveDelta(ClientStream& stream, const Request& request, Type type, const Resources& resources, Time now) {
    Subscription& subscription = stream.Of(type);
    const bool first = !subscription.active();
    if (type == Type::kListener && !request.initial_versions.empty()) stream.resumed = true;
    if (type == Type::kScope && first) {
      EndTablesGrace(stream);
      // Also of one whose module is another than ours, or not wanted any more: its new listeners are whole.
      if (!request.initial_versions.empty() && options.drain.count() > 0) {
        keeps.Begin(stream.keeps_until, now + options.drain, stream.id);
      }
      // It has such a listener, or it would not ask.
      stream.scoped = stream.module;
    }
    const bool all = std::find(request.subscribe.begin(), request.subscribe.end(), "*") != request.subscribe.end() ||
                     (first && request.subscribe.empty() && IsWildcardType(type));
    if (first || !request.initial_versions.empty()) subscription.ClientHas(request.initial_versions, resources);
    if (all) subscription.SubscribeAll(resources);
    std::vector<std::string> names = request.subscribe;
    std::erase(names, "*");
    // Tables are large. Of endpoints Envoy may expect a word again, with a cluster that it has just been sent.
    if (!names.empty()) subscription.Subscribe(names, first && type == Type::kRoute);
    if (!request.unsubscribe.empty()) subscription.Unsubscribe(request.unsubscribe);
  }

  void ReceiveState(Subscription& subscription, const Request& request, Type type, const Resources& resources) {
    const bool first = !subscription.active();
    if (first && request.names.empty() && IsWildcardType(type)) {
      subscription.SubscribeAll(resources);
    } else if (!request.names.empty() || !IsWildcardType(type)) {
      subscription.SetNames(request.names);
    }
    if (first) subscription.ClientHasVersion(request.version, resources);
  }

  // Books an answer; false when the request is to be ignored as stale.
  bool BookAnswer(ClientStream& stream, Subscription& subscription, const Request& request, Type type) {
    if (request.nonce.empty()) return true;
    if (!subscription.Answer(request.nonce)) {
      // A later request of the client, or a nonce of another life: names still count for delta streams.
      return stream.options.delta || !subscription.in_flight();
    }
    ++stream.answers;
    if (!request.error) {
      subscription.Ack();
      ++stats.acks;
      return true;
    }
    ++stats.nacks;
    const std::string words = Shortened(*request.error);
    // Of hundreds of small tables it is worth the time to find the one that is wrong.
    const bool one_by_one = stream.module && type == Type::kRoute;
    // Envoy takes clusters and listeners one by one, whatever is wrong with others. Of the other types it reads all
    // before it takes any, and stops at the first that it cannot take.
    const bool told_of_all = !words.ends_with(kCutMark) && (type == Type::kCluster || type == Type::kListener);
    std::vector<Refused> refused =
        subscription.Nack(NamedIn(words, subscription.NamesInFlight()),
                          told_of_all ? Subscription::Innocent::kTaken : Subscription::Innocent::kUnknown, one_by_one);
    if (options.on_nack && (!one_by_one || !refused.empty()))
      options.on_nack({stream.serving.value_or(""), stream.node_id, type, std::move(refused), words});
    return true;
  }
};

}  // namespace k8sgw::xds
