#include "src/xds/stream.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace k8sgw::xds {
namespace {

// Listeners that drain at once, the parts of each of which Envoy has.
constexpr size_t kMostDrained = 4;
// Where edits never end, an Envoy never has the newest version of a large table when the next one is made.
constexpr std::chrono::seconds kLongestDoubt{10};

}  // namespace

ClientStream::ClientStream(StreamId i, StreamOptions o, std::function<void(Response)> s)
    : id(i), options(o), send(std::move(s)), subscriptions{Subscription(o.delta), Subscription(o.delta),
                                                           Subscription(o.delta), Subscription(o.delta),
                                                           Subscription(o.delta), Subscription(o.delta)} {}

bool ClientStream::WantsTables(const Snapshot& snapshot) {
  std::vector<const Resource*> unwanted;
  for (const auto& [name, table] : snapshot[IndexOf(Type::kRoute)]) {
    if (!Of(Type::kRoute).Wants(name)) unwanted.push_back(table.get());
  }
  // Nearly always; it is asked of every client in turn.
  if (unwanted.empty()) return true;
  std::set<std::string_view> others;
  std::set<std::string_view> parts;
  for (const auto& [name, listener] : snapshot[IndexOf(Type::kListener)]) {
    const Resource& form = *Of(Type::kListener).Seen(listener);
    others.insert(form.plain_tables.begin(), form.plain_tables.end());
    parts.insert(form.tables.begin(), form.tables.end());
  }
  return std::all_of(unwanted.begin(), unwanted.end(), [&](const Resource* table) {
    return others.contains(table->name) || (table->only_with_module && !parts.contains(table->name));
  });
}

bool ClientStream::HearsOfScopes() {
  // Those of one that came with others, and cannot use these, stay with them.
  if (!module) return !keeps_until;
  const Subscription& listeners = Of(Type::kListener);
  return listeners.HasTables() || listeners.HasUnknown();
}

std::vector<Type> ClientStream::BehindOf(const Snapshot& snapshot) {
  std::vector<Type> types;
  for (int i = 0; i < kTypeCount; ++i) {
    const Type type = static_cast<Type>(i);
    Subscription& subscription = Of(type);
    const Resources& resources = snapshot[IndexOf(type)];
    // Every route configuration belongs to a listener: one that nobody has asked for yet is on its way.
    const bool will_ask = type == Type::kRoute && !options.single_type && !WantsTables(snapshot);
    const bool waits = Follows(type) && (subscription.in_flight() || subscription.HasPuts(resources) ||
                                         (subscription.HasRemovals(resources) && !Keeps(type)));
    if (will_ask || waits) types.push_back(type);
  }
  return types;
}

void ClientStream::RetainParts(const Snapshot& snapshot) {
  std::set<std::string_view> in_use;
  for (const Type type : {Type::kScope, Type::kRoute}) {
    const Resources& resources = snapshot[IndexOf(type)];
    // Nearly always; it is asked of every client in turn.
    if (!Of(type).HasRemovals(resources)) continue;
    if (in_use.empty()) {
      for (const auto& listener : Of(Type::kListener).held())
        in_use.insert(listener->tables.begin(), listener->tables.end());
      for (const Drained& old : drained) in_use.insert(old.listener->tables.begin(), old.listener->tables.end());
    }
    Of(type).Retain(resources, in_use);
  }
}

void ClientStream::FollowDivided(Time drained_at) {
  const Subscription& listeners = Of(Type::kListener);
  std::vector<Ptr<Resource>> before = std::exchange(divided, {});
  for (const auto& listener : listeners.held()) {
    if (!listener->tables.empty()) divided.push_back(listener);
  }
  if (before == divided) return;
  for (auto& old : before) {
    const Ptr<Resource>& now = listeners.Has(old->name);
    if (now && now->tables == old->tables) continue;
    drained.push_back({std::move(old), drained_at});
  }
  if (drained.size() > kMostDrained) drained.erase(drained.begin(), drained.end() - kMostDrained);
  for (const Type type : {Type::kScope, Type::kRoute}) Of(type).Reconsider();
}

bool ClientStream::EndDrains(Time now) {
  if (std::erase_if(drained, [&](const Drained& old) { return old.until <= now; }) == 0) return false;
  for (const Type type : {Type::kScope, Type::kRoute}) Of(type).Reconsider();
  return true;
}

void ClientStream::HoldListeners(const Snapshot& snapshot, Time now) {
  if (!module) return;
  Subscription& listeners = Of(Type::kListener);
  const Subscription& routes = Of(Type::kRoute);
  const Resources& tables = snapshot[IndexOf(Type::kRoute)];
  const std::vector<Ptr<Resource>> forms = listeners.Divided(snapshot[IndexOf(Type::kListener)]);
  // There are few that are refused, and many parts; it is asked with each edit for as long as a listener waits.
  std::vector<std::string_view> lost = forms.empty() ? std::vector<std::string_view>() : routes.Lost();
  std::erase_if(lost, [&](std::string_view table) { return !tables.contains(table); });
  // The client uses the whole table, and has refused it, or has yet to answer its newest version. One without any has
  // nothing to lose.
  bool awaits = false;
  const auto is_doubtful = [&](const std::string& table) {
    const auto newest = tables.find(table);
    if (newest == tables.end() || !routes.Wants(table) || routes.IsLost(table)) return false;
    const Ptr<Resource>& had = routes.Has(table);
    if (had && had->version == newest->second->version) return false;
    if (routes.HasRefused(table)) return true;
    awaits = true;
    if (!doubts_until) doubts_until = now + kLongestDoubt;
    return now < *doubts_until;
  };
  // The client has a part that none of the newest listeners uses: so does one of before.
  const auto has_other_parts = [&] {
    std::set<std::string_view> parts;
    for (const auto& [name, listener] : snapshot[IndexOf(Type::kListener)]) {
      if (listener->with_module)
        parts.insert(listener->with_module->tables.begin(), listener->with_module->tables.end());
    }
    return std::any_of(routes.held().begin(), routes.held().end(), [&](const Ptr<Resource>& table) {
      const auto newest = tables.find(table->name);
      return newest == tables.end() || (newest->second->only_with_module && !parts.contains(table->name));
    });
  };
  const auto uses = [](const Resource& listener, std::string_view table) {
    return std::find(listener.tables.begin(), listener.tables.end(), table) != listener.tables.end();
  };
  for (const auto& form : forms) {
    const Ptr<Resource>& had = listeners.Has(form->name);
    if (!had) continue;
    const auto loses = [&](std::string_view table) { return uses(*form, table) && !uses(*had, table); };
    const bool is_divided = !had->tables.empty();
    if (!is_divided && std::any_of(form->plain_tables.begin(), form->plain_tables.end(), is_doubtful)) {
      listeners.StayWhole(form->name);
    } else if (std::any_of(lost.begin(), lost.end(), loses) &&
               (is_divided || (had->body.empty() && has_other_parts()))) {
      listeners.HoldBack(form->name);
    }
  }
  if (!awaits) doubts_until.reset();
}

ClientState ClientStream::Describe(const Snapshot* snapshot) {
  ClientState state{node_id, role.value_or(""), serving.value_or(""), {}, {}, {}, answers};
  if (!snapshot) return state;
  state.behind = BehindOf(*snapshot);
  state.held_back = Of(Type::kListener).HeldBack();
  for (int i = 0; i < kTypeCount; ++i) {
    const Type type = static_cast<Type>(i);
    for (std::string& name : Of(type).Refusing((*snapshot)[IndexOf(type)]))
      state.refused.emplace_back(type, std::move(name));
  }
  return state;
}

}  // namespace k8sgw::xds
