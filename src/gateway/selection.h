// Which VirtualServices the listener of a Gateway takes.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "src/gateway/places.h"
#include "src/model/label_selector.h"
#include "src/model/objects.h"

namespace k8sgw::gateway {

struct Selection {
  enum class By {
    kNothing,  // the Gateway's expressions are invalid
    kAll,
    kRefs,
    kLabels,
    kExpressions,
  };

  By by = By::kNothing;
  // Takes VirtualServices with an sslConfig, and only those; otherwise only those without.
  bool ssl = false;
  // Domains need to be unique per distinct sslConfig only.
  bool isolate_by_ssl_config = false;
  std::set<VirtualServiceRef> refs;
  Labels labels;
  std::vector<Requirement> requirements;
  // Empty means all. Does not restrict `refs`.
  std::set<std::string> namespaces;

  bool operator==(const Selection&) const = default;
};

// `at` is the Gateway. Expressions win over labels, labels over refs; fields that lose are reported as having no
// effect.
Selection ReadSelection(const gatewayv1::Gateway& gateway, bool isolate_by_ssl_config, const Source& at,
                        Problems& problems);

bool Selects(const Selection& selection, const VirtualServiceRef& ref, const Labels& labels, bool ssl);

}  // namespace k8sgw::gateway
