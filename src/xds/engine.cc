#include "src/xds/engine.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "absl/strings/ascii.h"
#include "src/base/hash.h"
#include "src/xds/subscription.h"

namespace k8sgw::xds {
namespace {

using Snapshot = std::array<Resources, kTypeCount>;

size_t IndexOf(Type type) { return static_cast<size_t>(type); }

bool IsWildcardType(Type type) { return type == Type::kCluster || type == Type::kListener; }

// Whether a name goes on at this place. A full stop may also end a sentence.
bool IsInName(std::string_view words, size_t at) {
  if (at >= words.size()) return false;
  const char c = words[at];
  if (c == '.' || c == '/' || c == '~') return at + 1 < words.size() && absl::ascii_isalnum(words[at + 1]);
  return absl::ascii_isalnum(c) || c == '_' || c == '-';
}

// The names among `candidates` that stand in Envoy's words.
std::vector<std::string> NamedIn(const std::string& words, const std::vector<std::string>& candidates) {
  std::vector<std::string> named;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(named),
               [&](const std::string& name) { return IsNamedIn(words, name); });
  return named;
}

// Envoy cuts its words after 4096 bytes and says so; what is much longer is not from Envoy, and is cut here.
constexpr size_t kMostWords = 16 << 10;
constexpr std::string_view kCutMark = "...(truncated)";

std::string Shortened(const std::string& words) {
  return words.size() <= kMostWords ? words : words.substr(0, kMostWords) + std::string(kCutMark);
}

struct Stream {
  Stream(StreamId i, StreamOptions o, std::function<void(Response)> s)
      : id(i),
        options(o),
        send(std::move(s)),
        subscriptions{Subscription(o.delta), Subscription(o.delta), Subscription(o.delta), Subscription(o.delta),
                      Subscription(o.delta)} {}

  const StreamId id;
  const StreamOptions options;
  const std::function<void(Response)> send;
  std::array<Subscription, kTypeCount> subscriptions;
  // What the client called itself; nullopt before the first request.
  std::optional<std::string> role;
  // Whose snapshot it gets; nullopt while it waits for its role to appear.
  std::optional<std::string> serving;
  std::optional<Time> grace_ends;
  std::string node_id;
  uint64_t nonces = 0;
};

}  // namespace

struct Engine::Impl {
  EngineOptions options;
  EngineStats stats;
  std::map<std::string, Snapshot> roles;
  std::map<StreamId, std::unique_ptr<Stream>> streams;
  // When the streams that wait for their role to appear have waited long enough.
  std::set<std::pair<Time, StreamId>> graces;
  StreamId last_stream = 0;

  const Snapshot* SnapshotOf(const Stream& stream) const {
    if (!stream.serving) return nullptr;
    const auto it = roles.find(*stream.serving);
    return it == roles.end() ? nullptr : &it->second;
  }

  static const Resources& Of(const Snapshot* snapshot, Type type) {
    static const Resources kNone;
    return snapshot ? (*snapshot)[IndexOf(type)] : kNone;
  }

  void Send(Stream& stream, Type type, const Snapshot& snapshot, bool removals) {
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

  // Sends what may leave now: additions in the order of types, each type when the one before it is answered; when all
  // additions are answered, removals in the reverse order. Endpoints alone do not wait: Envoy answers about clusters
  // when they are warm, and they are not before it knows their endpoints.
  void Pump(Stream& stream) {
    const Snapshot* snapshot = SnapshotOf(stream);
    if (!snapshot) return;
    bool waits = false;
    for (int i = 0; i < kTypeCount; ++i) {
      const Type type = static_cast<Type>(i);
      Subscription& subscription = stream.subscriptions[IndexOf(type)];
      if (subscription.in_flight()) {
        waits = true;
      } else if (subscription.HasPuts((*snapshot)[IndexOf(type)]) && (!waits || type == Type::kEndpoint)) {
        Send(stream, type, *snapshot, false);
        waits = true;
      }
    }
    if (waits) return;
    for (int i = kTypeCount - 1; i >= 0; --i) {
      if (stream.subscriptions[static_cast<size_t>(i)].HasRemovals((*snapshot)[static_cast<size_t>(i)])) {
        return Send(stream, static_cast<Type>(i), *snapshot, true);
      }
    }
  }

  void EndGrace(Stream& stream) {
    if (stream.grace_ends) graces.erase({*stream.grace_ends, stream.id});
    stream.grace_ends.reset();
  }

  void Serve(Stream& stream, const std::string& role) {
    stream.serving = role;
    EndGrace(stream);
    const Snapshot* snapshot = SnapshotOf(stream);
    for (int i = 0; i < kTypeCount; ++i)
      stream.subscriptions[static_cast<size_t>(i)].Reset(Of(snapshot, static_cast<Type>(i)));
  }

  void Identify(Stream& stream, const Request& request, Time now) {
    if (stream.role) return;
    stream.role = request.role.value_or("");
    stream.node_id = request.node_id;
    if (stream.role->empty()) {
      Serve(stream, options.fallback_role);
    } else if (roles.contains(*stream.role)) {
      Serve(stream, *stream.role);
    } else {
      ++stats.unknown_roles;
      stream.grace_ends = now + options.unknown_role_grace;
      graces.emplace(*stream.grace_ends, stream.id);
    }
  }

  void ReceiveDelta(Subscription& subscription, const Request& request, Type type, const Resources& resources) {
    const bool first = !subscription.active();
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
  bool BookAnswer(Stream& stream, Subscription& subscription, const Request& request, Type type) {
    if (request.nonce.empty()) return true;
    if (!subscription.Answer(request.nonce)) {
      // A later request of the client, or a nonce of another life: names still count for delta streams.
      return stream.options.delta || !subscription.in_flight();
    }
    if (!request.error) {
      subscription.Ack();
      ++stats.acks;
      return true;
    }
    ++stats.nacks;
    const std::string words = Shortened(*request.error);
    std::vector<Refused> refused =
        subscription.Nack(NamedIn(words, subscription.NamesInFlight()), words.ends_with(kCutMark));
    if (options.on_nack)
      options.on_nack({stream.serving.value_or(""), stream.node_id, type, std::move(refused), words});
    return true;
  }
};

bool IsNamedIn(std::string_view words, std::string_view name) {
  if (name.empty()) return false;
  for (size_t at = words.find(name); at != words.npos; at = words.find(name, at + 1)) {
    if (!IsInName(words, at - 1) && !IsInName(words, at + name.size())) return true;
  }
  return false;
}

Engine::Engine(EngineOptions options) : impl_(std::make_unique<Impl>()) {
  impl_->options = std::move(options);
  impl_->roles[impl_->options.fallback_role];
}

Engine::~Engine() = default;

void Engine::Apply(const std::string& role, const Update& update, Time) {
  const bool fresh = !impl_->roles.contains(role);
  Snapshot& snapshot = impl_->roles[role];
  std::vector<std::pair<Type, std::string>> changed;
  for (const auto& resource : update.put) {
    Ptr<Resource>& slot = snapshot[IndexOf(resource->type)][resource->name];
    if (slot && slot->version == resource->version) continue;
    slot = resource;
    changed.emplace_back(resource->type, resource->name);
  }
  for (const auto& [type, name] : update.removed) {
    if (snapshot[IndexOf(type)].erase(name) > 0) changed.emplace_back(type, name);
  }
  for (auto& [id, stream] : impl_->streams) {
    if (fresh && stream->role == role && stream->serving != role) {
      impl_->Serve(*stream, role);
    } else if (stream->serving != role) {
      continue;
    } else {
      for (const auto& [type, name] : changed) stream->subscriptions[IndexOf(type)].Changed(name);
    }
    impl_->Pump(*stream);
  }
}

StreamId Engine::Open(StreamOptions options, std::function<void(Response)> send) {
  const StreamId id = ++impl_->last_stream;
  impl_->streams[id] = std::make_unique<Stream>(id, options, std::move(send));
  ++impl_->stats.streams;
  return id;
}

void Engine::Receive(StreamId id, const Request& request, Time now) {
  const auto it = impl_->streams.find(id);
  if (it == impl_->streams.end()) return;
  Stream& stream = *it->second;
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
    impl_->ReceiveDelta(subscription, request, *type, resources);
  } else {
    impl_->ReceiveState(subscription, request, *type, resources);
  }
  impl_->Pump(stream);
}

void Engine::Close(StreamId id) {
  const auto it = impl_->streams.find(id);
  if (it == impl_->streams.end()) return;
  impl_->EndGrace(*it->second);
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
  if (impl_->graces.empty()) return std::nullopt;
  return impl_->graces.begin()->first;
}

void Engine::Tick(Time now) {
  while (!impl_->graces.empty() && impl_->graces.begin()->first <= now) {
    Stream& stream = *impl_->streams.at(impl_->graces.begin()->second);
    impl_->Serve(stream, impl_->options.fallback_role);
    impl_->Pump(stream);
  }
}

const EngineStats& Engine::stats() const { return impl_->stats; }

bool Engine::InSync(const std::string& role) const {
  bool found = false;
  for (const auto& [id, stream] : impl_->streams) {
    if (stream->serving != role) continue;
    const Snapshot* snapshot = impl_->SnapshotOf(*stream);
    if (!snapshot) return false;
    for (int i = 0; i < kTypeCount; ++i) {
      Subscription& subscription = stream->subscriptions[static_cast<size_t>(i)];
      const Resources& resources = (*snapshot)[static_cast<size_t>(i)];
      // Every route configuration belongs to a listener: one that nobody has asked for yet is on its way.
      if (static_cast<Type>(i) == Type::kRoute && !stream->options.single_type && !subscription.WantsAll(resources))
        return false;
      if (!subscription.active()) continue;
      found = true;
      if (subscription.in_flight() || subscription.HasPuts(resources) || subscription.HasRemovals(resources))
        return false;
    }
  }
  return found;
}

}  // namespace k8sgw::xds
