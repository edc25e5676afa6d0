// What one stream wants of one type, what its client has, and what is on the way.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_set.h"
#include "src/xds/engine.h"

namespace k8sgw::xds {

// The resources of one type in a snapshot.
using Resources = std::map<std::string, Ptr<Resource>, std::less<>>;

// Resources by their names, in little memory: each stream has as many as its snapshot.
class HeldResources {
 public:
  // nullptr when there is none.
  const Ptr<Resource>& Find(std::string_view name) const;
  bool contains(std::string_view name) const { return by_name_.contains(name); }
  void Put(const Ptr<Resource>& resource);
  void Erase(std::string_view name);
  template <class Pred>
  void EraseIf(const Pred& pred) {
    for (auto it = by_name_.begin(); it != by_name_.end();) it = pred((*it)->name) ? by_name_.erase(it) : std::next(it);
  }
  auto begin() const { return by_name_.begin(); }
  auto end() const { return by_name_.end(); }

 private:
  struct ByName {
    using is_transparent = void;
    static std::string_view NameOf(const Ptr<Resource>& resource) { return resource->name; }
    static std::string_view NameOf(std::string_view name) { return name; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return NameOf(a) < NameOf(b);
    }
  };
  absl::btree_set<Ptr<Resource>, ByName> by_name_;
};

class Subscription {
 public:
  explicit Subscription(bool delta) : delta_(delta) {}

  bool active() const { return active_; }
  bool in_flight() const { return flight_.has_value(); }
  // Whether the client wants whatever there is.
  bool wants_all() const { return active_ && wildcard_; }
  // The client has the module.
  void UseModule() { module_ = true; }
  bool Wants(std::string_view name) const { return wildcard_ || names_.contains(name); }
  // The resource in the form that this client gets.
  const Ptr<Resource>& Seen(const Ptr<Resource>& resource) const {
    const bool with_module = module_ && resource->with_module && !HasDeclined(*resource->with_module);
    return with_module && !whole_.contains(resource->name) ? resource->with_module : resource;
  }
  // What the client has of this name; nullptr when it has nothing.
  const Ptr<Resource>& Has(std::string_view name) const { return client_.Find(name); }
  const HeldResources& held() const { return client_; }
  // Of listeners: whether the client has one that looks into parts of tables; or one of which only the version is
  // known.
  bool HasTables() const;
  bool HasUnknown() const;
  // Whether the client has this, in some version, or has refused it.
  bool IsSettled(std::string_view name) const { return client_.contains(name) || refused_.contains(name); }
  // Whether it has refused this and has no version of it.
  bool IsLost(std::string_view name) const { return !client_.contains(name) && refused_.contains(name); }
  std::vector<std::string_view> Lost() const;
  // Whether its last word about this, if any, was a refusal.
  bool HasRefused(std::string_view name) const { return refused_.contains(name); }

  // --- what the client says. Each may leave names to be looked at again.
  void SubscribeAll(const Resources& resources);
  // Of a delta stream. One that resumes is not owed what it has from a stream before.
  void Subscribe(const std::vector<std::string>& names, bool resumes = false);
  void Unsubscribe(const std::vector<std::string>& names);
  // State of the world: exactly these names from now on.
  void SetNames(const std::vector<std::string>& names);
  // What a reconnecting client says that it has.
  void ClientHas(const std::map<std::string, std::string>& versions, const Resources& resources);
  // State of the world: the client has everything of this version.
  void ClientHasVersion(const std::string& version, const Resources& resources);
  // Answers the response in flight; false when the nonce is stale.
  bool Answer(const std::string& nonce);
  void Ack();
  // What became of those of a refused response that nobody blames.
  enum class Innocent {
    kTaken,
    kUnknown,  // they are sent again, and words about them are heard then
  };
  // `blamed` are the names that the client's words blame; empty blames all. With `one_by_one`, when nothing is named,
  // each is sent again alone, and nothing is refused yet.
  std::vector<Refused> Nack(const std::vector<std::string>& blamed, Innocent innocent, bool one_by_one);

  // The client has forgotten all of them, without a word.
  void SendAgain(const Resources& resources);

  // --- what changes here
  void Changed(const std::string& name);
  // There is this now. True when the client has it and it was known by its version alone before.
  bool Recognize(const Ptr<Resource>& resource);
  // The client is to be told of this again, if it wants it, although it has it.
  void Repeat(const std::string& name);
  // Another snapshot is in force: everything must be compared anew.
  void Reset(const Resources& resources);

  // Listeners that look into parts of tables, as they would leave: the client does not have them. None is held back,
  // nor in its plain form, until this is said again.
  std::vector<Ptr<Resource>> Divided(const Resources& resources);
  // Leaves in its plain form.
  void StayWhole(const std::string& name) { whole_.insert(name); }
  // Does not leave.
  void HoldBack(const std::string& name) { held_back_.insert(name); }
  std::vector<std::string> HeldBack() const;
  // What is gone but in use does not leave as a removal, until Reconsider.
  void Retain(const Resources& resources, const std::set<std::string_view>& in_use);
  void Reconsider();

  // --- what is to be sent
  // Whether something new or changed is to be sent, as far as `resources` go.
  bool HasPuts(const Resources& resources);
  bool HasRemovals(const Resources& resources) const;
  // What Make would put into a response, of a delta stream.
  std::vector<Ptr<Resource>> Pending(const Resources& resources) const;
  // Whether the resource differs from what the client is known to have, and was not refused.
  bool IsNew(const Resource& resource) const;
  // The same of one that was refused, too.
  bool Lacks(const Resource& resource) const;
  // The next response; call only when nothing is in flight. With `removals` gone resources are taken back; without,
  // they are left alone (and, in a state-of-the-world response, repeated).
  Response Make(const Resources& resources, bool removals, std::string nonce);
  std::vector<std::string> NamesInFlight() const;
  // Of what there is, that whose newest version the client has refused.
  std::vector<std::string> Refusing(const Resources& resources) const;

 private:
  using Names = absl::btree_set<std::string, std::less<>>;
  struct Flight {
    std::string nonce;
    std::vector<Ptr<Resource>> sent;
    std::vector<std::string> removed;
  };

  bool HasDeclined(const Resource& form) const {
    const auto it = declined_.find(form.name);
    return it != declined_.end() && it->second == form.version;
  }
  // The next of those that are to be sent alone.
  std::optional<std::string> NextAlone(const Resources& resources);
  void FillState(const Resources& resources, bool removals, Response& response);
  void LookAgainAtFlight();
  // The client may have either what it had of this name or what was sent last.
  void Doubt(const std::string& name);

  const bool delta_;
  bool module_ = false;
  bool active_ = false;
  bool wildcard_ = false;
  // State of the world: the client came with a version, so it may have resources from an earlier connection.
  bool has_past_ = false;
  // A first answer is owed even if it is empty.
  bool answer_owed_ = false;
  Names names_;
  // What the client has accepted. A resource known by its version alone has no body. One without a version may be
  // another than this: whatever there is is new.
  HeldResources client_;
  // Versions that the client has refused.
  std::map<std::string, std::string, std::less<>> refused_;
  // Versions of forms that need the module, and were refused by a client that has no other such form: it may not be
  // able to load it, whatever it says, and would have nothing.
  std::map<std::string, std::string, std::less<>> declined_;
  // Names that may differ from what the client has.
  Names dirty_;
  // Names that are gone, which the client keeps for now.
  Names retained_;
  // Listeners that the client gets in their plain form for now, and those that wait; they are dirty.
  Names whole_;
  Names held_back_;
  // Names that were refused with others, nobody knows which: the next responses have one of them each.
  Names alone_;
  // Names that the client needs some word of, whatever it has: those it asks for, and those of Repeat.
  Names missing_;
  std::optional<Flight> flight_;
};

}  // namespace k8sgw::xds
