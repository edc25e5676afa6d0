#include "src/xds/stream.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

namespace k8sgw::xds {

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

ClientState ClientStream::Describe(const Snapshot* snapshot) {
  ClientState state{node_id, role.value_or(""), serving.value_or(""), {}, {}, answers};
  if (!snapshot) return state;
  state.behind = BehindOf(*snapshot);
  for (int i = 0; i < kTypeCount; ++i) {
    const Type type = static_cast<Type>(i);
    for (std::string& name : Of(type).Refusing((*snapshot)[IndexOf(type)]))
      state.refused.emplace_back(type, std::move(name));
  }
  return state;
}

}  // namespace k8sgw::xds
