// For tests: stored material, and what a client makes of it.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "src/certgen/issue.h"
#include "src/certgen/rotation.h"
#include "src/pem/pem.h"

namespace k8sgw::certgen {

// 2026-07-01, and a year.
inline constexpr int64_t kNow = 1'782'864'000;
inline constexpr int64_t kDay = 24 * 3600;

inline Demand TestDemand() {
  return {.subject = {.service = "gloo", .ns = "gloo-system"},
          .valid_for = 365 * kDay,
          .renew_before = 90 * kDay,
          .distance = 65};
}

// Whether a client that trusts the authorities of one version takes the certificate of another one.
inline absl::Status Connects(const Material& client, const Material& server, int64_t now) {
  const auto pair = pem::ReadPair(server.certificate, server.key);
  if (!pair.ok()) return pair.status();
  const auto authorities = pem::ReadCertificates(client.authorities);
  if (!authorities.ok()) return authorities.status();
  return pem::Verify(pair->chain, *authorities, now);
}

inline size_t AuthorityCount(const Material& material) {
  const auto authorities = pem::ReadCertificates(material.authorities);
  return authorities.ok() ? authorities->size() : 0;
}

// What a first run makes.
inline Material Fresh(int64_t now = kNow) {
  const auto plan = PlanStep(std::nullopt, TestDemand(), false, now);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? plan->material : Material();
}

}  // namespace k8sgw::certgen
