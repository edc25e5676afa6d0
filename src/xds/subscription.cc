#include "src/xds/subscription.h"

#include <algorithm>

#include "src/base/hash.h"

namespace k8sgw::xds {
namespace {

Ptr<Resource> KnownByVersion(const std::string& name, const std::string& version) {
  auto resource = std::make_shared<Resource>();
  resource->name = name;
  resource->version = version;
  return resource;
}

// The form of `current` that has this version.
Ptr<Resource> FormOf(const Ptr<Resource>& current, const std::string& version) {
  if (current->version == version) return current;
  if (current->with_module && current->with_module->version == version) return current->with_module;
  return KnownByVersion(current->name, version);
}

std::string VersionOf(const std::vector<Ptr<Resource>>& resources) {
  uint64_t hash = 0;
  for (const auto& resource : resources) {
    hash = HashCombine(hash, Hash64(resource->name));
    hash = HashCombine(hash, Hash64(resource->version));
  }
  return HexHash(hash);
}

}  // namespace

const Ptr<Resource>& HeldResources::Find(std::string_view name) const {
  static const Ptr<Resource> kNone;
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? kNone : *it;
}

// The first of many often come in order.
void HeldResources::Put(const Ptr<Resource>& resource) {
  if (by_name_.empty() || (*by_name_.rbegin())->name < resource->name) {
    by_name_.insert(by_name_.end(), resource);
    return;
  }
  Erase(resource->name);
  by_name_.insert(resource);
}

void HeldResources::Erase(std::string_view name) {
  if (const auto it = by_name_.find(name); it != by_name_.end()) by_name_.erase(it);
}

std::vector<std::string_view> Subscription::Lost() const {
  std::vector<std::string_view> lost;
  for (const auto& [name, version] : refused_) {
    if (!client_.contains(name)) lost.push_back(name);
  }
  return lost;
}

void Subscription::SubscribeAll(const Resources& resources) {
  if (wildcard_) return;
  active_ = wildcard_ = answer_owed_ = true;
  for (const auto& [name, resource] : resources) dirty_.insert(name);
  LookAgainAtFlight();
}

void Subscription::Subscribe(const std::vector<std::string>& names, bool resumes) {
  active_ = true;
  for (const std::string& name : names) {
    names_.insert(name);
    dirty_.insert(name);
    // Asked for again: whatever the client thinks that it has, it wants to hear. One that only comes back does not: a
    // fleet would be sent all its tables at once.
    if (delta_ && !(resumes && client_.contains(name))) missing_.insert(name);
  }
}

void Subscription::Unsubscribe(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name == "*") wildcard_ = false;
    names_.erase(name);
    missing_.erase(name);
    refused_.erase(name);
  }
  // With "*" goes all that was not asked for by name.
  client_.EraseIf([&](const std::string& name) { return !Wants(name); });
  std::erase_if(refused_, [&](const auto& entry) { return !Wants(entry.first); });
}

void Subscription::SetNames(const std::vector<std::string>& names) {
  active_ = true;
  Names wanted(names.begin(), names.end());
  for (const std::string& name : wanted) {
    if (!names_.contains(name)) dirty_.insert(name);
  }
  client_.EraseIf([&](const std::string& name) { return !wildcard_ && !wanted.contains(name); });
  // Who asks for it again later wants to hear it, whatever was wrong with it then.
  std::erase_if(refused_, [&](const auto& entry) { return !wildcard_ && !wanted.contains(entry.first); });
  names_ = std::move(wanted);
}

void Subscription::ClientHas(const std::map<std::string, std::string>& versions, const Resources& resources) {
  for (const auto& [name, version] : versions) {
    const auto current = resources.find(name);
    client_.Put(current == resources.end() ? KnownByVersion(name, version) : FormOf(current->second, version));
    dirty_.insert(name);
  }
}

void Subscription::ClientHasVersion(const std::string& version, const Resources& resources) {
  has_past_ = !version.empty();
  std::vector<Ptr<Resource>> all;
  for (const auto& [name, resource] : resources) {
    if (Wants(name)) all.push_back(resource);
  }
  // The version says what the client accepted last; with names it need not have been these.
  if (!wildcard_ || version.empty() || VersionOf(all) != version) return;
  for (const auto& resource : all) client_.Put(resource);
  answer_owed_ = false;
}

bool Subscription::Answer(const std::string& nonce) { return flight_ && flight_->nonce == nonce; }

void Subscription::Ack() {
  for (const auto& resource : flight_->sent) {
    // A last good version that was repeated in the place of a refused one takes no refusal back.
    const Ptr<Resource>& had = client_.Find(resource->name);
    if (had && had->version == resource->version) continue;
    refused_.erase(resource->name);
    if (Wants(resource->name)) client_.Put(resource);
  }
  for (const std::string& name : flight_->removed) client_.Erase(name);
  flight_.reset();
}

// What is on the way is something that the client has when it answers, also when it is gone by then.
void Subscription::LookAgainAtFlight() {
  for (const std::string& name : NamesInFlight()) dirty_.insert(name);
}

void Subscription::Doubt(const std::string& name) {
  dirty_.insert(name);
  const Ptr<Resource>& had = client_.Find(name);
  if (!had) return;
  auto either = std::make_shared<Resource>(*had);
  either->version.clear();
  client_.Put(std::move(either));
}

std::vector<Refused> Subscription::Nack(const std::vector<std::string>& blamed, Innocent innocent, bool one_by_one) {
  std::vector<Refused> refused;
  one_by_one = one_by_one && blamed.empty() && flight_->sent.size() > 1;
  for (const auto& resource : flight_->sent) {
    // What the client had before, and was only repeated, is not what it refuses.
    const Ptr<Resource> had = client_.Find(resource->name);
    if (had && had->version == resource->version) continue;
    if (one_by_one) {
      Doubt(resource->name);
      alone_.insert(resource->name);
    } else if (blamed.empty() || std::find(blamed.begin(), blamed.end(), resource->name) != blamed.end()) {
      const bool has_body = had && !had->body.empty();
      refused.push_back({resource->name, resource, has_body ? had : nullptr});
      refused_[resource->name] = resource->version;
      if (!resource->tables.empty() && (!had || had->tables.empty())) {
        declined_[resource->name] = resource->version;
        dirty_.insert(resource->name);
      }
    } else if (innocent == Innocent::kUnknown) {
      Doubt(resource->name);
    } else if (Wants(resource->name)) {
      client_.Put(resource);
      refused_.erase(resource->name);
    }
  }
  for (const std::string& name : flight_->removed) client_.Erase(name);
  flight_.reset();
  return refused;
}

void Subscription::Changed(const std::string& name) {
  if (active_ && (Wants(name) || client_.contains(name))) dirty_.insert(name);
}

bool Subscription::HasTables() const {
  return std::any_of(client_.begin(), client_.end(), [](const auto& resource) { return !resource->tables.empty(); });
}

bool Subscription::HasUnknown() const {
  return std::any_of(client_.begin(), client_.end(), [](const auto& resource) { return resource->body.empty(); });
}

std::vector<Ptr<Resource>> Subscription::Divided(const Resources& resources) {
  held_back_.clear();
  dirty_.merge(whole_);
  whole_.clear();
  std::vector<Ptr<Resource>> divided = Pending(resources);
  std::erase_if(divided, [](const Ptr<Resource>& listener) { return listener->tables.empty(); });
  return divided;
}

std::vector<std::string> Subscription::HeldBack() const {
  std::vector<std::string> names(whole_.begin(), whole_.end());
  names.insert(names.end(), held_back_.begin(), held_back_.end());
  return names;
}

// Who asks for something that is gone is told so, whatever uses it.
void Subscription::Retain(const Resources& resources, const std::set<std::string_view>& in_use) {
  for (auto it = dirty_.begin(); it != dirty_.end();) {
    const bool retained = client_.contains(*it) && Wants(*it) && !resources.contains(*it) && !missing_.contains(*it) &&
                          in_use.contains(*it);
    if (retained) retained_.insert(*it);
    it = retained ? dirty_.erase(it) : std::next(it);
  }
}

void Subscription::Reconsider() {
  dirty_.merge(retained_);
  retained_.clear();
}

void Subscription::SendAgain(const Resources& resources) {
  if (!active_) return;
  client_.EraseIf([](const std::string&) { return true; });
  retained_.clear();
  refused_.clear();
  for (const auto& [name, resource] : resources) dirty_.insert(name);
}

void Subscription::Repeat(const std::string& name) {
  if (!active_ || !Wants(name)) return;
  missing_.insert(name);
  if (delta_) {
    dirty_.insert(name);
  } else {
    answer_owed_ = true;
  }
}

bool Subscription::Recognize(const Ptr<Resource>& resource) {
  const Ptr<Resource>& had = client_.Find(resource->name);
  if (!had || !had->body.empty()) return false;
  Ptr<Resource> form = FormOf(resource, had->version);
  if (form->body.empty()) return false;
  client_.Put(form);
  return true;
}

void Subscription::Reset(const Resources& resources) {
  if (!active_) return;
  // What was known by its version alone may be known whole now.
  for (const auto& [name, resource] : resources) Recognize(resource);
  for (const auto& resource : client_) dirty_.insert(resource->name);
  LookAgainAtFlight();
  for (const std::string& name : names_) dirty_.insert(name);
  if (wildcard_) {
    for (const auto& [name, resource] : resources) dirty_.insert(name);
  }
}

bool Subscription::IsNew(const Resource& resource) const {
  const auto refused = refused_.find(resource.name);
  return Lacks(resource) && (refused == refused_.end() || refused->second != resource.version);
}

bool Subscription::Lacks(const Resource& resource) const {
  const Ptr<Resource>& had = client_.Find(resource.name);
  return !had || had->version != resource.version;
}

std::vector<std::string> Subscription::Refusing(const Resources& resources) const {
  std::vector<std::string> names;
  for (const auto& [name, version] : refused_) {
    const auto resource = resources.find(name);
    if (resource != resources.end() && Seen(resource->second)->version == version) names.push_back(name);
  }
  return names;
}

bool Subscription::HasPuts(const Resources& resources) {
  if (!active_) return false;
  bool found = answer_owed_;
  // Names that turn out to be settled are not looked at again.
  for (auto it = dirty_.begin(); it != dirty_.end();) {
    const auto resource = resources.find(*it);
    const bool exists = resource != resources.end() && Wants(*it);
    if (exists && held_back_.contains(*it)) {
      ++it;
    } else if (exists && IsNew(*Seen(resource->second))) {
      found = true;
      ++it;
    } else if (exists || !client_.contains(*it)) {
      if (missing_.contains(*it)) {
        // It exists and the client has it, or it does not exist: either way the client is owed a word.
        found = true;
        ++it;
      } else {
        it = dirty_.erase(it);
      }
    } else {
      ++it;  // a removal; its time comes later
    }
    if (found) return true;
  }
  return found;
}

bool Subscription::HasRemovals(const Resources& resources) const {
  return active_ && std::any_of(dirty_.begin(), dirty_.end(), [&](const std::string& name) {
           return client_.contains(name) && (!Wants(name) || !resources.contains(name));
         });
}

void Subscription::FillState(const Resources& resources, bool removals, Response& response) {
  const auto add = [&](const std::string& name, const Ptr<Resource>& current) {
    // A refused version must not come along again: the last good one stands in for it.
    const auto refused = refused_.find(name);
    const Ptr<Resource>& had = client_.Find(name);
    const bool bad = refused != refused_.end() && refused->second == current->version;
    if (bad && had && !had->body.empty()) {
      response.resources.push_back(had);
    } else if (!bad || has_past_ || missing_.contains(name)) {
      // Leaving it out would take away what a reconnected client may still use, or leave one waiting that needs some
      // word: better refused twice than lost.
      response.resources.push_back(current);
    }
  };
  if (wildcard_) {
    for (const auto& [name, resource] : resources) add(name, resource);
  } else {
    for (const std::string& name : names_) {
      if (const auto it = resources.find(name); it != resources.end()) add(name, it->second);
    }
  }
  if (!removals) {
    // What is left out is gone for the client: what others may still refer to is repeated until they have moved.
    for (const auto& resource : client_) {
      const std::string& name = resource->name;
      if (Wants(name) && !resources.contains(name) && !resource->body.empty()) response.resources.push_back(resource);
    }
  }
}

Response Subscription::Make(const Resources& resources, bool removals, std::string nonce) {
  Response response;
  response.nonce = nonce;
  Flight flight;
  flight.nonce = std::move(nonce);
  const std::optional<std::string> alone = alone_.empty() ? std::nullopt : NextAlone(resources);
  for (auto it = dirty_.begin(); it != dirty_.end();) {
    if (alone && *it != *alone) {
      ++it;
      continue;
    }
    const auto resource = resources.find(*it);
    const bool exists = resource != resources.end() && Wants(*it);
    const bool gone = !exists && client_.contains(*it);
    if ((gone && !removals) || (exists && held_back_.contains(*it))) {
      ++it;
      continue;
    }
    if (delta_) {
      const bool asked = missing_.erase(*it) > 0;
      if (exists && (IsNew(*Seen(resource->second)) || asked)) {
        response.resources.push_back(Seen(resource->second));
      } else if (gone || (asked && !exists)) {
        response.removed.push_back(*it);
      }
    } else if (gone) {
      flight.removed.push_back(*it);
    }
    it = dirty_.erase(it);
  }
  if (delta_) {
    flight.removed = response.removed;
    response.version = VersionOf(response.resources);
  } else {
    FillState(resources, removals, response);
    missing_.clear();
    response.version = VersionOf(response.resources);
  }
  flight.sent = response.resources;
  answer_owed_ = false;
  flight_ = std::move(flight);
  return response;
}

std::vector<Ptr<Resource>> Subscription::Pending(const Resources& resources) const {
  std::vector<Ptr<Resource>> pending;
  for (const std::string& name : dirty_) {
    const auto resource = resources.find(name);
    if (resource != resources.end() && Wants(name) && !held_back_.contains(name) && IsNew(*Seen(resource->second)))
      pending.push_back(Seen(resource->second));
  }
  return pending;
}

std::optional<std::string> Subscription::NextAlone(const Resources& resources) {
  while (!alone_.empty()) {
    std::string name = std::move(alone_.extract(alone_.begin()).value());
    const auto resource = resources.find(name);
    if (resource != resources.end() && Wants(name) && dirty_.contains(name) && IsNew(*Seen(resource->second)))
      return name;
  }
  return std::nullopt;
}

std::vector<std::string> Subscription::NamesInFlight() const {
  std::vector<std::string> names;
  if (flight_) {
    for (const auto& resource : flight_->sent) names.push_back(resource->name);
  }
  return names;
}

}  // namespace k8sgw::xds
