// Which namespaces count, by Settings: those that are named; else those whose labels fit; else all. The one that
// Settings stand in always does.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/model/label_selector.h"
#include "src/model/resource.h"

namespace gloo::solo::io {
class Settings;
}

namespace k8sgw::cluster {

struct NamespacePolicy {
  // Of Settings; `own` is the namespace that they stand in, and discoveryNamespace counts too.
  static NamespacePolicy Read(const ::gloo::solo::io::Settings& settings, const std::string& own);

  // The namespaces to follow one by one; empty when all are followed, since labels decide or everything counts.
  std::set<std::string> named;
  // Always there, whatever labels say.
  std::set<std::string> always;
  struct Selector {
    Labels labels;
    std::vector<Requirement> expressions;
    bool operator==(const Selector&) const = default;
  };
  // One must fit. Only looked at when no namespaces are named.
  std::vector<Selector> selectors;

  bool Counts(const std::string& ns, const Labels& labels) const;
  bool operator==(const NamespacePolicy&) const = default;
};

}  // namespace k8sgw::cluster
