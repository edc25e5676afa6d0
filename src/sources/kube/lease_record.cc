#include "src/sources/kube/lease_record.h"

#include <simdjson.h>

#include <algorithm>

#include "absl/time/time.h"
#include "src/base/text.h"
#include "src/base/yaml.h"

namespace k8sgw::kube {
namespace {

namespace dom = simdjson::dom;

std::string Quote(std::string_view text) {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = text;
  return yaml::EmitJson(node, 0);
}

// What no candidate writes must not overflow our times either.
constexpr int64_t kMaxNumber = 1'000'000'000;

void Read(const dom::element& value, int64_t& field) {
  int64_t number = 0;
  if (value.get(number) == simdjson::SUCCESS) field = std::clamp<int64_t>(number, 0, kMaxNumber);
}

void Read(const dom::element& value, std::string& field) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) field = text;
}

}  // namespace

absl::StatusOr<Lease> ParseLease(std::string_view json) {
  dom::parser parser;
  dom::object root;
  dom::object metadata;
  const simdjson::padded_string padded(json);
  if (parser.parse(padded).get(root) != simdjson::SUCCESS || root["metadata"].get(metadata) != simdjson::SUCCESS)
    return absl::DataLossError("the API server's answer is no Lease");
  Lease lease;
  lease.metadata = simdjson::minify(metadata);
  dom::object spec;
  if (root["spec"].get(spec) != simdjson::SUCCESS) return lease;
  LeaseRecord& record = lease.record;
  for (const auto& [key, value] : spec) {
    if (key == "holderIdentity")
      Read(value, record.holder);
    else if (key == "leaseDurationSeconds")
      Read(value, record.duration_seconds);
    else if (key == "acquireTime")
      Read(value, record.acquire_time);
    else if (key == "renewTime")
      Read(value, record.renew_time);
    else if (key == "leaseTransitions")
      Read(value, record.transitions);
    else
      lease.other_fields += Cat(",", Quote(key), ":", simdjson::minify(value));
  }
  return lease;
}

std::string LeaseJson(const Lease& lease) {
  const LeaseRecord& record = lease.record;
  return Cat(R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":)", lease.metadata,
             R"(,"spec":{"holderIdentity":)", Quote(record.holder), R"(,"leaseDurationSeconds":)",
             record.duration_seconds, R"(,"acquireTime":)", Quote(record.acquire_time), R"(,"renewTime":)",
             Quote(record.renew_time), R"(,"leaseTransitions":)", record.transitions, lease.other_fields, "}}");
}

std::string NewLeaseMetadata(std::string_view ns, std::string_view name) {
  return Cat(R"({"namespace":)", Quote(ns), R"(,"name":)", Quote(name), "}");
}

std::string MicroTime(std::chrono::system_clock::time_point time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

}  // namespace k8sgw::kube
