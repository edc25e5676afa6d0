#include "tests/simulation/fake_envoy.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/references.h"

namespace k8sgw::sim {
namespace {

// initial_fetch_timeout, unless it is set.
constexpr Clock::Duration kWarmingTimeout{15'000};

using xds::Type;

}  // namespace

FakeEnvoy::FakeEnvoy(EnvoyTraits traits, Server server, Clock& clock, Random& random,
                     std::function<Snapshot()> snapshot, std::function<void(std::string)> complain)
    : traits_(std::move(traits)),
      server_(std::move(server)),
      clock_(clock),
      random_(random),
      snapshot_(std::move(snapshot)),
      complain_([this, complain = std::move(complain)](std::string what) { complain(traits_.id + ": " + what); }) {}

void FakeEnvoy::Connect() {
  engine_ = server_();
  if (engine_ == nullptr) return ComeBack();
  const uint64_t life = ++life_;
  said_role_ = false;
  scoped_ = false;
  in_flight_.clear();
  refused_.clear();
  declined_.clear();
  confirmed_.clear();
  drained_.clear();
  brought_.clear();
  for (const auto& [name, listener] : held_[Type::kListener]) brought_.insert(name);
  // Half of a refused response is in use, so the version accepted last does not say what it has. A real Envoy names it
  // all the same, and by the protocol a server may believe it; then the difference lasts until the next change. So it
  // names another one here: that it has something.
  for (const Type type : mixed_) {
    if (!version_[type].empty()) version_[type] = "mixed";
  }
  absent_.clear();
  put_off_.reset();
  // Clusters that were warming go on doing so; word of endpoints that they had comes over no new connection.
  std::erase_if(warming_, [&](const std::string& name) { return held_[Type::kEndpoint].contains(name); });
  asked_.clear();
  nonce_.clear();
  fresh_.clear();
  stream_ = engine_->Open({.delta = traits_.delta, .single_type = std::nullopt}, [this, life](xds::Response response) {
    // Only noted here; the engine must not be called from within its own call.
    Mail mail{std::move(response), {}, {}};
    Snapshot now = snapshot_();
    for (const auto& [name, cluster] : now[Type::kCluster]) mail.existing.insert(name);
    for (const auto& [name, routes] : now[Type::kRoute]) {
      const auto& clusters = ReferencesOf(*routes).clusters;
      mail.used.insert(clusters.begin(), clusters.end());
    }
    // One behind the other, as on any stream.
    arrives_ = std::max(arrives_, clock_.now() + Clock::Duration(random_.Below(20)));
    clock_.After(std::chrono::duration_cast<Clock::Duration>(arrives_ - clock_.now()),
                 [this, life, mail = std::move(mail)]() mutable { OnResponse(life, std::move(mail)); });
  });
  Subscribe(Type::kCluster, {});
  Subscribe(Type::kListener, {});
  Follow();
}

void FakeEnvoy::Disconnect() {
  engine_->Close(*stream_);
  LoseServer();
}

void FakeEnvoy::LoseServer() {
  if (!stream_) return;
  ++life_;
  stream_.reset();
  stalled_.clear();
  ComeBack();
}

void FakeEnvoy::ComeBack() {
  clock_.After(Clock::Duration(1 + random_.Below(300)), [this] { Connect(); });
}

void FakeEnvoy::Calm() {
  calm_ = true;
  const auto stalled = std::move(stalled_);
  stalled_.clear();
  for (const auto& go_on : stalled) go_on();
}

xds::Request FakeEnvoy::Base(Type type) {
  xds::Request request;
  if (!said_role_) request.role = traits_.role;
  if (!said_role_ && traits_.module) request.module = kModule;
  said_role_ = true;
  request.node_id = traits_.id;
  request.type_url = xds::TypeUrl(type);
  return request;
}

// Listeners and clusters are asked for as a whole, once; others by their names.
void FakeEnvoy::Subscribe(Type type, const std::set<std::string>& names) {
  const bool first = !asked_.contains(type);
  std::set<std::string>& asked = asked_[type];
  const bool by_name = IsByName(type);
  if (!first && (!by_name || asked == names)) return;
  if (first && by_name && names.empty()) {
    asked_.erase(type);
    return;
  }
  xds::Request request = Base(type);
  if (traits_.delta) {
    std::set_difference(names.begin(), names.end(), asked.begin(), asked.end(), std::back_inserter(request.subscribe));
    std::set_difference(asked.begin(), asked.end(), names.begin(), names.end(),
                        std::back_inserter(request.unsubscribe));
    if (first) {
      for (const auto& [name, resource] : held_[type]) request.initial_versions[name] = resource->version;
    }
    for (const std::string& name : request.subscribe) fresh_.insert({type, name});
  } else {
    request.names.assign(names.begin(), names.end());
    request.version = version_[type];
    request.nonce = nonce_[type];
    for (const std::string& name : names) {
      if (!asked.contains(name)) fresh_.insert({type, name});
    }
  }
  if (by_name) {
    std::erase_if(held_[type], [&](const auto& entry) { return !names.contains(entry.first); });
    // What it lets go of it may be told again, when it asks again.
    std::erase_if(refused_,
                  [&](const auto& entry) { return entry.first.first == type && !names.contains(entry.first.second); });
  }
  asked = names;
  engine_->Receive(*stream_, request, clock_.now());
}

void FakeEnvoy::OnResponse(uint64_t life, Mail mail) {
  if (life != life_) return;
  if (++in_flight_[mail.response.type] > 1) {
    complain_("two responses of one type in flight: " + mail.response.type_url);
  }
  // What comes behind a stalled one waits for it.
  if (!stalled_.empty() || (!calm_ && traits_.stalls && random_.OneIn(traits_.stalls))) {
    stalled_.push_back([this, life, mail] {
      if (life == life_) Take(mail);
    });
    // Some time later it wakes up, if it is not woken before.
    clock_.After(Clock::Duration(random_.Below(2000)), [this] {
      if (stalled_.empty()) return;
      const auto go_on = stalled_.front();
      stalled_.erase(stalled_.begin());
      go_on();
    });
    return;
  }
  Take(mail);
}

void FakeEnvoy::Take(const Mail& mail) {
  CheckResponse(mail.response);
  if (!calm_ && traits_.reconnects && random_.OneIn(traits_.reconnects)) return Disconnect();
  Answer(mail);
}

void FakeEnvoy::Answer(const Mail& mail) {
  const xds::Response& response = mail.response;
  xds::Request answer = Base(response.type);
  answer.nonce = nonce_[response.type] = response.nonce;
  for (const auto& resource : response.resources) fresh_.erase({response.type, resource->name});
  for (const std::string& name : response.removed) fresh_.erase({response.type, name});
  const auto news = NewsIn(response);
  const Held listeners = held_[Type::kListener];
  const bool refuse = !calm_ && traits_.refuses && !news.empty() && random_.OneIn(traits_.refuses);
  if (refuse) {
    Refuse(response, random_.Pick(news)->name, answer);
    mixed_.insert(response.type);
  } else {
    Accept(mail);
    version_[response.type] = response.version;
    mixed_.erase(response.type);
  }
  if (response.type == Type::kListener) {
    CheckTables(response, listeners);
    NoteReplaced(listeners);
  }
  Warm(response, news);
  answer.version = version_[response.type];
  if (!traits_.delta) {
    const auto& names = asked_[response.type];
    answer.names.assign(names.begin(), names.end());
  }
  if (response.type == Type::kCluster) {
    // It answers when its clusters are warm, so it must be told their endpoints before.
    put_off_ = std::move(answer);
    Follow();
    return AnswerAboutClusters();
  }
  in_flight_[response.type] = 0;
  engine_->Receive(*stream_, answer, clock_.now());
  if (!refuse) Follow();
  AnswerAboutClusters();
}

void FakeEnvoy::Warm(const xds::Response& response, const std::vector<Ptr<xds::Resource>>& news) {
  if (response.type == Type::kCluster) {
    const Held& held = held_[Type::kCluster];
    for (auto* names : {&warming_, &warm_}) {
      std::erase_if(*names, [&](const std::string& name) { return !held.contains(name); });
    }
    for (const auto& cluster : news) {
      // A changed cluster may be told any endpoints, also those that it knows or has refused.
      fresh_.insert({Type::kEndpoint, cluster->name});
      const auto now = held.find(cluster->name);
      if (now == held.end() || now->second != cluster) continue;
      warming_.erase(cluster->name);
      if (!ReferencesOf(*cluster).endpoints.empty()) warming_.insert(cluster->name);
    }
    if (!warming_.empty()) {
      clock_.After(kWarmingTimeout, [this, life = life_, nonce = response.nonce] { GiveUpWarming(life, nonce); });
    }
  } else if (response.type == Type::kEndpoint) {
    // Endpoints that it refuses let it go on, too.
    for (const auto& endpoints : response.resources) {
      if (warming_.erase(endpoints->name) > 0) warm_.insert(endpoints->name);
    }
  }
}

// Sooner or later Envoy goes on without endpoints; until then no other change reaches it.
void FakeEnvoy::GiveUpWarming(uint64_t life, const std::string& nonce) {
  if (life != life_ || nonce != nonce_[Type::kCluster]) return;
  Snapshot now = snapshot_();
  for (const std::string& name : warming_) {
    if (now[Type::kEndpoint].contains(name) && stalled_.empty()) complain_("waited for the endpoints of " + name);
  }
  warm_.merge(warming_);
  warming_.clear();
  AnswerAboutClusters();
}

void FakeEnvoy::AnswerAboutClusters() {
  if (!warming_.empty() || !put_off_) return;
  const xds::Request answer = *std::exchange(put_off_, std::nullopt);
  in_flight_[Type::kCluster] = 0;
  engine_->Receive(*stream_, answer, clock_.now());
}

std::vector<Ptr<xds::Resource>> FakeEnvoy::NewsIn(const xds::Response& response) {
  std::vector<Ptr<xds::Resource>> news;
  const Held& held = held_[response.type];
  for (const auto& resource : response.resources) {
    const auto known = held.find(resource->name);
    if (known == held.end() || known->second->version != resource->version) news.push_back(resource);
  }
  return news;
}

void FakeEnvoy::Refuse(const xds::Response& response, const std::string& guilty, xds::Request& answer) {
  answer.error = "Error adding/updating " + guilty + ": refused by the simulation";
  // Clusters and listeners are taken one by one. Of the others Envoy takes what it comes to before the first that is
  // bad, in no order, and says nothing of the rest: all of them may be sent again.
  const bool takes_each = response.type == Type::kCluster || response.type == Type::kListener;
  // The innocent part is taken, so it is there again.
  for (const auto& resource : response.resources) {
    if (xds::IsNamedIn(*answer.error, resource->name)) continue;
    absent_.erase({response.type, resource->name});
    if (!takes_each) fresh_.insert({response.type, resource->name});
  }
  for (const auto& resource : NewsIn(response)) {
    if (xds::IsNamedIn(*answer.error, resource->name)) {
      refused_[{response.type, resource->name}] = resource->version;
      const auto had = held_[response.type].find(resource->name);
      // Of one that came over an earlier connection the server does not know that it was divided.
      const bool had_divided = had != held_[response.type].end() && !had->second->tables.empty();
      if (!resource->tables.empty() && (!had_divided || brought_.contains(resource->name)))
        declined_[resource->name] = resource->version;
    } else {
      if (!takes_each && random_.OneIn(2)) continue;
      held_[response.type][resource->name] = resource;
      refused_.erase({response.type, resource->name});
    }
  }
  Held& held = held_[response.type];
  if (!traits_.delta && (response.type == Type::kCluster || response.type == Type::kListener)) {
    std::erase_if(held, [&](const auto& entry) {
      return std::none_of(response.resources.begin(), response.resources.end(),
                          [&](const auto& resource) { return resource->name == entry.first; });
    });
  }
  for (const std::string& name : response.removed) held.erase(name);
}

void FakeEnvoy::Accept(const Mail& mail) {
  const xds::Response& response = mail.response;
  // Of these it takes no notice; they crossed the word that its last divided listener is gone.
  if (response.type == Type::kScope && !scoped_ && !HasDivided()) return;
  Held& held = held_[response.type];
  const bool whole = !traits_.delta && (response.type == Type::kCluster || response.type == Type::kListener);
  const Held before = held;
  if (whole) held.clear();
  for (const auto& resource : response.resources) {
    // An answer may cross the word that it is not wanted any more.
    const bool by_name = IsByName(response.type);
    if (by_name && !asked_[response.type].contains(resource->name)) continue;
    // A last good version in the place of a refused one takes no refusal back.
    const auto old = before.find(resource->name);
    const bool back = absent_.erase({response.type, resource->name}) > 0;
    if (back || old == before.end() || old->second->version != resource->version) {
      refused_.erase({response.type, resource->name});
    }
    held[resource->name] = resource;
  }
  for (const std::string& name : response.removed) held.erase(name);
  if (!traits_.delta && !whole) {
    // Asked for by name and not there: it stays in use, but the server counts it as gone.
    for (const std::string& name : asked_[response.type]) {
      const bool there = std::any_of(response.resources.begin(), response.resources.end(),
                                     [&](const auto& resource) { return resource->name == name; });
      if (!there) absent_.insert({response.type, name});
    }
  }
  if (response.type == Type::kRoute) {
    for (const auto& resource : response.resources) confirmed_.insert(resource->name);
    CheckNewRoutes(mail);
  }
  if (response.type != Type::kCluster) return;
  for (const auto& [name, cluster] : before) {
    if (!held.contains(name)) CheckGoneCluster(name, mail);
  }
}

bool FakeEnvoy::HasDivided() const {
  const auto listeners = held_.find(Type::kListener);
  return listeners != held_.end() && std::any_of(listeners->second.begin(), listeners->second.end(),
                                                 [](const auto& entry) { return !entry.second->tables.empty(); });
}

// All of them, once on a connection. As Envoy does, it forgets them with its last listener that needs them, and says
// neither that nor that it needs them again.
void FakeEnvoy::SubscribeScopes(bool wanted) {
  if (std::exchange(scoped_, wanted) == wanted) return;
  if (!wanted) {
    held_[Type::kScope].clear();
    std::erase_if(refused_, [](const auto& entry) { return entry.first.first == Type::kScope; });
    return;
  }
  if (!asked_.emplace(Type::kScope, std::set<std::string>()).second) return;
  xds::Request request = Base(Type::kScope);
  for (const auto& [name, resource] : held_[Type::kScope]) request.initial_versions[name] = resource->version;
  engine_->Receive(*stream_, request, clock_.now());
}

void FakeEnvoy::Follow() {
  if (!stream_) return;
  bool scoped = false;
  std::set<std::string> routes;
  std::set<std::string> secrets;
  std::set<std::string> endpoints;
  for (const auto& [name, listener] : held_[Type::kListener]) {
    const References& references = ReferencesOf(*listener);
    routes.insert(references.routes.begin(), references.routes.end());
    scoped = scoped || references.scoped;
    secrets.insert(references.secrets.begin(), references.secrets.end());
  }
  for (const auto& [name, cluster] : held_[Type::kCluster]) {
    const References& references = ReferencesOf(*cluster);
    secrets.insert(references.secrets.begin(), references.secrets.end());
    endpoints.insert(references.endpoints.begin(), references.endpoints.end());
  }
  Subscribe(Type::kSecret, secrets);
  Subscribe(Type::kEndpoint, endpoints);
  SubscribeScopes(scoped);
  if (scoped) {
    for (const auto& [name, scope] : held_[Type::kScope]) {
      const auto& tables = ReferencesOf(*scope).routes;
      routes.insert(tables.begin(), tables.end());
    }
  }
  Subscribe(Type::kRoute, routes);
}

}  // namespace k8sgw::sim
