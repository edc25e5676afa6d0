// The published tree of reports about a Proxy: one node for each of its parts, in their order.
#pragma once

#include "src/proxy_validation/findings.h"

namespace gloo::solo::io {
class Proxy;
class ProxyReport;
}  // namespace gloo::solo::io

namespace k8sgw::proxy_validation {

// The object, the field, what is wrong and how to mend it.
std::string Reason(const Problem& problem);

// Problems stand at the narrowest part that they are about. Where the published enums have no word for one, an error is
// a ProcessingError, and a warning an UnknownWarning of the HTTP listener: routes have no warnings but those of
// destinations, virtual hosts have none.
gloov1::ProxyReport MakeReport(const gloov1::Proxy& proxy, const ProxyFindings& findings);

}  // namespace k8sgw::proxy_validation
