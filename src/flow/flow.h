// Typed collections over the graph: Input, Derived, Index and LastGood, all of them.
//
//   flow::Graph graph;
//   flow::Input<UpstreamRef, Upstream> upstreams(graph, "upstreams");
//   flow::Derived<UpstreamRef, Upstream, std::string, Cluster> clusters(
//       graph, "clusters", upstreams, {},
//       [](flow::Reader&, const UpstreamRef& ref, const Upstream& upstream, auto& out) {
//         out.Emit(ClusterName(ref), MakeCluster(upstream));
//       });
//   upstreams.Put(ref, upstream);
//   graph.Commit();
//   clusters.ForEachChanged([](const std::string& name, const Ptr<Cluster>& now) { … });
#pragma once

#include "src/flow/collection.h"
#include "src/flow/derived.h"
#include "src/flow/index.h"
#include "src/flow/last_good.h"
