// RouteTables by label and namespace, so that a selector reads only what may match, and the edit of a RouteTable's
// routes re-runs nobody who merely might have selected it.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "src/flow/flow.h"
#include "src/gateway/route_lookups.h"

namespace k8sgw::gateway {

// What selectors look at.
struct TableHead {
  Labels labels;

  bool operator==(const TableHead&) const = default;
};

// The tables with label `key`=`value` in namespace `ns`. An empty key stands for any labels, an empty ns for all.
struct TableBucket {
  std::string ns;
  std::string key;
  std::string value;

  auto operator<=>(const TableBucket&) const = default;
  template <class H>
  friend H AbslHashValue(H state, const TableBucket& key) {
    return H::combine(std::move(state), key.ns, key.key, key.value);
  }
  std::string ToString() const { return ns + " " + key + "=" + value; }
};

using TableIndex = flow::Index<TableBucket, RouteTableRef, TableHead>;

std::vector<TableBucket> TableBuckets(const RouteTableRef& ref, const TableHead& head);
// In the order of namespace and name.
std::vector<RouteTableRef> FindTables(flow::Reader& reader, const TableIndex& index,
                                      const RouteTableSelection& selection);

}  // namespace k8sgw::gateway
