// Which objects are to blame when an Envoy refuses a resource.
#pragma once

#include "src/envoy/translation.h"
#include "src/model/report.h"
#include "src/xds/engine.h"

namespace k8sgw {

// Errors on the objects that `refused`, one of the resources of `nack`, came from: the Upstream of a cluster, the
// Secret, the Gateway of a listener. Of a route configuration, those virtual hosts are blamed that are not in the
// version before it, and of these only the ones that Envoy names, if it names any; its Gateway when none can be
// singled out. Empty when nothing of what is served now was refused.
Problems ReportNack(const xds::Nack& nack, const xds::Refused& refused, const envoy::Translation& envoy);

}  // namespace k8sgw
