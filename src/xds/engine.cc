#include "src/xds/engine.h"

#include <algorithm>
#include <set>
#include <utility>

#include "src/xds/deadlines.h"
#include "src/xds/stream.h"
#include "src/xds/words.h"

namespace k8sgw::xds {
namespace {

bool IsWildcardType(Type type) { return type == Type::kCluster || type == Type::kScope || type == Type::kListener; }

// A client that comes back asks for all that it had at once.
constexpr std::chrono::milliseconds kResumeGrace{1000};
// Roles without a snapshot that are asked for all the same, and the bytes of the longest one's name.
constexpr size_t kMostEarlyRoles = 100;
constexpr size_t kLongestEarlyRole = 600;

}  // namespace

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
    // Envoy warms a changed cluster up with endpoints that it is told anew; it does not ask for those it knows.
    for (const auto& resource : response.resources) {
      if (resource->has_endpoints && stream.subscriptions[IndexOf(type)].IsNew(*resource))
        stream.subscriptions[IndexOf(Type::kEndpoint)].Repeat(resource->name);
    }
    stats.resources_sent += static_cast<int64_t>(response.resources.size());
    stream.send(std::move(response));
  }

  void FollowListeners(ClientStream& stream, Time now) {
    stream.FollowDivided(now + options.drain);
    EndDrains(stream, now);
    const bool before = std::exchange(stream.scoped, stream.module && stream.HearsOfScopes());
    if (stream.scoped && !before) stream.Of(Type::kScope).SendAgain(Of(SnapshotOf(stream), Type::kScope));
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
    stream.HoldListeners(snapshot);
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

Engine::Engine(EngineOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->options = std::move(options);
  impl_->roles[impl_->options.fallback_role];
}

Engine::~Engine() = default;

void Engine::Apply(const std::string& role, const Update& update, Time now) {
  const bool fresh = !impl_->roles.contains(role);
  Snapshot& snapshot = impl_->roles[role];
  std::vector<std::pair<Type, std::string>> changed;
  for (const auto& resource : update.put) {
    Ptr<Resource>& slot = snapshot[IndexOf(resource->type)][resource->name];
    if (slot && *slot == *resource) continue;
    slot = resource;
    changed.emplace_back(resource->type, resource->name);
  }
  for (const auto& [type, name] : update.removed) {
    if (snapshot[IndexOf(type)].erase(name) > 0) changed.emplace_back(type, name);
  }
  std::vector<Pushes::Owed*> behind;
  for (auto& [id, stream] : impl_->streams) {
    if (fresh && stream->role == role && stream->serving != role) {
      if (!impl_->IsReady(*stream)) {
        impl_->AskForModule(role);
        continue;
      }
      impl_->Serve(*stream, role);
    } else if (stream->serving != role) {
      continue;
    } else {
      for (const auto& [type, name] : changed) stream->subscriptions[IndexOf(type)].Changed(name);
    }
    impl_->Pump(*stream, now);
    if (stream->behind) behind.push_back(&stream->owed);
  }
  if (!changed.empty() && !behind.empty()) impl_->pushes[role].Begin(behind, now, impl_->OnEnd(role));
}

void Engine::ModuleReady(const std::string& role, Time now) {
  if (!impl_->module_roles.insert(role).second || !impl_->roles.contains(role)) return;
  for (auto& [id, stream] : impl_->streams) {
    if (!stream->module || stream->role != role || stream->serving == role) continue;
    impl_->Serve(*stream, role);
    impl_->Pump(*stream, now);
  }
}

StreamId Engine::Open(StreamOptions options, std::function<void(Response)> send) {
  const StreamId id = ++impl_->last_stream;
  impl_->streams[id] = std::make_unique<ClientStream>(id, options, std::move(send));
  ++impl_->stats.streams;
  return id;
}

void Engine::Receive(StreamId id, const Request& request, Time now) {
  const auto it = impl_->streams.find(id);
  if (it == impl_->streams.end()) return;
  ClientStream& stream = *it->second;
  impl_->Identify(stream, request, now);
  const auto type = request.type_url.empty() ? stream.options.single_type : TypeOfUrl(request.type_url);
  if (!type) {
    // A type that we do not have: an empty answer lets the client go on. Answers to that answer are not answered.
    if (!request.nonce.empty()) return;
    Response response;
    response.type_url = request.type_url;
    response.nonce = std::to_string(++stream.nonces);
    response.removed = request.subscribe;
    ++impl_->stats.responses;
    stream.send(std::move(response));
    return;
  }
  if (stream.options.single_type && *stream.options.single_type != *type) return;
  Subscription& subscription = stream.subscriptions[IndexOf(*type)];
  if (!impl_->BookAnswer(stream, subscription, request, *type)) return;
  const Resources& resources = Impl::Of(impl_->SnapshotOf(stream), *type);
  if (stream.options.delta) {
    impl_->ReceiveDelta(stream, request, *type, resources, now);
  } else {
    impl_->ReceiveState(subscription, request, *type, resources);
  }
  if (*type == Type::kListener) impl_->FollowListeners(stream, now);
  impl_->Pump(stream, now);
}

void Engine::Close(StreamId id) {
  const auto it = impl_->streams.find(id);
  if (it == impl_->streams.end()) return;
  impl_->LeavePushes(*it->second);
  impl_->EndGrace(*it->second);
  impl_->EndTablesGrace(*it->second);
  impl_->keeps.End(it->second->keeps_until, id);
  impl_->drains.End(it->second->drain_ends, id);
  impl_->streams.erase(it);
  --impl_->stats.streams;
}

std::optional<Response> Engine::Fetch(const Request& request, Time) {
  const std::string role = request.role.value_or("");
  const bool known = !role.empty() && impl_->roles.contains(role);
  if (!role.empty() && !known) ++impl_->stats.unknown_roles;
  const auto type = TypeOfUrl(request.type_url);
  Response response;
  response.type_url = request.type_url;
  if (!type) return response;
  response.type = *type;
  const Snapshot& snapshot = impl_->roles.at(known ? role : impl_->options.fallback_role);
  Subscription once(false);
  if (request.names.empty()) {
    once.SubscribeAll(snapshot[IndexOf(*type)]);
  } else {
    once.SetNames(request.names);
  }
  Response made = once.Make(snapshot[IndexOf(*type)], true, "0");
  if (made.version == request.version) return std::nullopt;
  made.type = *type;
  made.type_url = request.type_url;
  return made;
}

std::optional<Time> Engine::NextDeadline() const {
  std::optional<Time> next;
  for (const Deadlines* all : {&impl_->graces, &impl_->tables_graces, &impl_->keeps, &impl_->drains}) {
    const std::optional<Time> first = all->First();
    if (first && (!next || *first < *next)) next = first;
  }
  return next;
}

void Engine::Tick(Time now) {
  while (const auto id = impl_->graces.Due(now)) {
    ClientStream& stream = *impl_->streams.at(*id);
    // One that only waits for what the module needs gets what there is.
    impl_->Serve(stream, impl_->roles.contains(*stream.role) ? *stream.role : impl_->options.fallback_role);
    impl_->Pump(stream, now);
  }
  while (const auto id = impl_->tables_graces.Due(now)) {
    impl_->tables_graces.Forget();
    impl_->Pump(*impl_->streams.at(*id), now);
  }
  while (const auto id = impl_->keeps.Due(now)) {
    ClientStream& stream = *impl_->streams.at(*id);
    impl_->keeps.End(stream.keeps_until, stream.id);
    impl_->Pump(stream, now);
  }
  while (const auto id = impl_->drains.Due(now)) {
    ClientStream& stream = *impl_->streams.at(*id);
    impl_->EndDrains(stream, now);
    impl_->Pump(stream, now);
  }
}

const EngineStats& Engine::stats() const { return impl_->stats; }

bool Engine::InSync(const std::string& role) const {
  bool found = false;
  for (const auto& [id, stream] : impl_->streams) {
    if (stream->serving != role) continue;
    const Snapshot* snapshot = impl_->SnapshotOf(*stream);
    if (!snapshot || !stream->BehindOf(*snapshot).empty()) return false;
    for (int i = 0; i < kTypeCount; ++i) found = found || stream->Follows(static_cast<Type>(i));
  }
  return found;
}

std::map<std::string, Engine::RoleStreams> Engine::StreamsByRole() const {
  std::map<std::string, RoleStreams> roles;
  for (const auto& [id, stream] : impl_->streams) {
    if (!stream->serving) continue;
    RoleStreams& role = roles[*stream->serving];
    ++role.all;
    const Snapshot* snapshot = impl_->SnapshotOf(*stream);
    role.behind += !snapshot || !stream->BehindOf(*snapshot).empty();
  }
  return roles;
}

std::vector<ClientState> Engine::Clients() const {
  std::vector<ClientState> out;
  for (const auto& [id, stream] : impl_->streams) out.push_back(stream->Describe(impl_->SnapshotOf(*stream)));
  return out;
}

}  // namespace k8sgw::xds
