#include "src/xds/engine.h"

#include <algorithm>
#include <utility>

#include "src/xds/engine_impl.h"

namespace k8sgw::xds {

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
      impl_->Recognize(*stream, update, now);
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
  stream.heard_at = now;
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

std::map<std::string, Engine::RoleStreams> Engine::StreamsByRole(Time now) const {
  std::map<std::string, RoleStreams> roles;
  std::set<std::string> behind;
  for (const auto& [id, stream] : impl_->streams) {
    if (!stream->serving) continue;
    RoleStreams& role = roles[*stream->serving];
    ++role.all;
    for (int i = 0; i < kTypeCount; ++i) role.in_sync = role.in_sync || stream->Follows(static_cast<Type>(i));
    const Snapshot* snapshot = impl_->SnapshotOf(*stream);
    if (snapshot && stream->BehindOf(*snapshot).empty()) continue;
    behind.insert(*stream->serving);
    role.stuck += now - stream->heard_at >= kStuck;
  }
  for (const std::string& role : behind) roles[role].in_sync = false;
  return roles;
}

std::vector<ClientState> Engine::Clients() const {
  std::vector<ClientState> out;
  for (const auto& [id, stream] : impl_->streams) out.push_back(stream->Describe(impl_->SnapshotOf(*stream)));
  return out;
}

}  // namespace k8sgw::xds
