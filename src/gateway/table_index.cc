#include "src/gateway/table_index.h"

namespace k8sgw::gateway {

std::vector<TableBucket> TableBuckets(const RouteTableRef& ref, const TableHead& head) {
  std::vector<TableBucket> buckets = {{"", "", ""}, {ref.ns, "", ""}};
  for (const auto& [key, value] : head.labels) {
    buckets.push_back({"", key, value});
    buckets.push_back({ref.ns, key, value});
  }
  return buckets;
}

std::vector<RouteTableRef> FindTables(flow::Reader& reader, const TableIndex& index,
                                      const RouteTableSelection& selection) {
  TableBucket bucket;
  if (!selection.labels.empty()) {
    bucket.key = selection.labels.begin()->first;
    bucket.value = selection.labels.begin()->second;
  }
  std::vector<RouteTableRef> found;
  const auto search = [&](const std::string& ns) {
    bucket.ns = ns;
    for (const auto& [ref, head] : reader.Find(index, bucket)) {
      if (HasLabels(head->labels, selection.labels) && MatchesAll(selection.requirements, head->labels)) {
        found.push_back(ref);
      }
    }
  };
  if (selection.namespaces.empty()) search("");
  for (const std::string& ns : selection.namespaces) search(ns);
  return found;
}

}  // namespace k8sgw::gateway
