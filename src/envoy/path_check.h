// The rules for paths in matchers, rewrites and redirects.
#pragma once

#include <string>
#include <string_view>

namespace k8sgw::envoy {

// "" when `path` is fine, else what is wrong with it. Paths must consist of RFC 3986 pchars, `/` and percent escapes,
// and must not hold sequences that servers normalise in different ways: `//`, `/./`, `/../`, an escaped slash, a
// fragment, a trailing `/.` or `/..`. As published. An empty path is fine.
std::string CheckPath(std::string_view path);

// The same without the rule on `//` at the start; a query is allowed, as rewrites may add one.
std::string CheckPrefixRewrite(std::string_view rewrite);

}  // namespace k8sgw::envoy
