// What the control plane has in its hands, as JSON: objects, what they became, Proxies, what Envoys get. Redacted.
//
// Each is taken on the pipeline's thread, which is cheap, and written on another one.
#pragma once

#include <functional>
#include <string>

#include "src/pipeline/pipeline.h"

namespace k8sgw::admin {

// Makes the JSON; may be called once, on any thread.
using Write = std::function<std::string()>;

// {"data": [objects as in Kubernetes, by kind and name], "error": ""}. Of Kubernetes' own kinds, Secrets and
// ConfigMaps.
Write TakeInput(const Pipeline& pipeline);
// {"data": {"revision", "listeners", "virtualHosts", "problems"}, "error": ""}: the translation's own view.
Write TakeEdge(const Pipeline& pipeline);
// {"data": [Proxies], "error": ""}.
Write TakeProxies(const Pipeline& pipeline);
// {"data": {role: {"Clusters" and others: {"Version", "Items": {name: resource}}}}, "error": ""}, all messages written
// out.
Write TakeXds(const Pipeline& pipeline);
// {"data": {"revision", "collections": [{"name", "inputs": [names], "runs"}]}, "error": ""}: the steps of the
// translation in their order, what each one reads, and how often a part of it was made anew. Without contents.
Write TakeGraph(const Pipeline& pipeline);

}  // namespace k8sgw::admin
