// The entry of an object, from what is wrong with it.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "src/model/objects.h"
#include "src/pipeline/problem_table.h"
#include "src/status/entry.h"

namespace k8sgw::status {

// What an entry may hold: an object has one MiB in all, and everybody who watches it reads that. The default is as
// published.
struct Limits {
  // Of a reason, in bytes; and of those of subresources.
  size_t reason = 1024;
  size_t subresource_reason = 512;
  size_t subresources = 100;
};
// For those who switch off that texts are cut: as much as an object can bear.
inline constexpr Limits kWidestLimits = {256 << 10, 4 << 10, 100};

// Who speaks about objects of this kind: "gateway" about what becomes a part of a proxy, "gloo" about the others; ""
// for kinds without status.
std::string_view ReporterOf(Kind kind);
Form FormOf(Kind kind);

// `findings` are all that is wrong with the object, in order; `proxies` are those that it is a part of, in order,
// without repetitions.
//
// - Errors make it Rejected, else warnings Warning, else it is Accepted. The reason is in the published form, each
//   problem as `field path: what is wrong: how to mend it`.
// - What only has no effect here (a notice) is a Warning, too. Not of AuthConfigs and RateLimitConfigs: as published,
//   they are Accepted when they can be read, and the reason says the rest.
// - Each proxy has an entry of its own, with the findings that were made in that proxy.
// - A reason that is too long is cut between characters and ends with "…". Its beginning says how many errors there
// are.
Entry MakeEntry(Kind kind, const std::vector<ProblemTable::Finding>& findings, const std::vector<ProxyRef>& proxies,
                const Limits& limits);

}  // namespace k8sgw::status
