// A coordination.k8s.io/v1 Lease as text.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace k8sgw::kube {

// What candidates write into a Lease for each other.
struct LeaseRecord {
  std::string holder;  // "" when nobody holds it
  int64_t duration_seconds = 0;
  // By the clock of who wrote them: shown to people, never compared with ours.
  std::string acquire_time;
  std::string renew_time;
  int64_t transitions = 0;

  bool operator==(const LeaseRecord&) const = default;
};

struct Lease {
  LeaseRecord record;
  // The metadata with its resourceVersion, and those fields of the spec that are not ours, as JSON: kept as they are.
  std::string metadata;
  std::string other_fields;  // "" or `,"strategy":"x"`
};

absl::StatusOr<Lease> ParseLease(std::string_view json);
std::string LeaseJson(const Lease& lease);
// The metadata of a Lease that is to be created.
std::string NewLeaseMetadata(std::string_view ns, std::string_view name);
// 2026-01-02T03:04:05.678901Z
std::string MicroTime(std::chrono::system_clock::time_point time);

}  // namespace k8sgw::kube
