// What matchers of a delegated route take from the route that delegates to it, and what they must have in common.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <optional>
#include <string>

namespace matchers::core::gloo::solo::io {
class Matcher;
}

namespace k8sgw::gateway {

namespace matchersv1 = ::matchers::core::gloo::solo::io;
using Matchers = google::protobuf::RepeatedPtrField<matchersv1::Matcher>;

// The matcher of a route that gives none.
const matchersv1::Matcher& DefaultMatcher();

// The path as text, of whatever kind; "" when there is none.
const std::string& PathText(const matchersv1::Matcher& matcher);

// Replaces the path and case sensitivity of each matcher by the parent's; without matchers, adds one.
void InheritPath(const matchersv1::Matcher& parent, Matchers& matchers);
// Puts the parent's headers, methods and query parameters before each matcher's own.
void InheritConditions(const matchersv1::Matcher& parent, Matchers& matchers);

// What is wrong with a matcher, and how to mend it. `field` is within the matcher; "" is the matcher itself.
struct MatcherProblem {
  int index = 0;
  std::string field;
  std::string message;
  std::string fix;
};

// The first way in which a child's matcher could match what the parent's does not: the path must begin with the
// parent's prefix, the case sensitivity must be the same, and headers, query parameters and methods must hold the
// parent's.
std::optional<MatcherProblem> FindMismatch(const matchersv1::Matcher& parent, const Matchers& child);

// A delegating route has one matcher at most, with a prefix or no path at all.
std::optional<MatcherProblem> CheckDelegating(const Matchers& matchers);
// What children have to match, for matchers that CheckDelegating accepts: the matcher, or "/" when it has no path.
const matchersv1::Matcher& DelegatingMatcher(const Matchers& matchers);
// Whether DelegatingMatcher leaves out conditions that the user wrote.
bool DropsConditions(const Matchers& matchers);

}  // namespace k8sgw::gateway
