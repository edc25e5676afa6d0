// Proxies that others hand in. There is no translation of them here: only of users' objects, part by part. A part that
// is like ours has our findings; any other has one error that says so.
#pragma once

#include "src/proxy_validation/findings.h"

namespace gloo::solo::io {
class Proxy;
}

namespace k8sgw::proxy_validation {

// What is to be said of `given`. `own` is our Proxy of that name, or nullptr, and `findings` are those of `own`. What
// only tells where a part came from (metadata), and the order of parts, make no difference.
ProxyFindings CompareWithOwn(const gloov1::Proxy& given, const gloov1::Proxy* own, ProxyFindings findings);

}  // namespace k8sgw::proxy_validation
