// Makes an authority and a certificate that it has signed. The authority's key is forgotten: nobody can sign with it
// later, so each new certificate comes with a new authority.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace k8sgw::certgen {

// A Service of a cluster, whose names the certificate bears.
struct Subject {
  std::string service;
  std::string ns;
  std::string cluster_domain = "cluster.local";

  // "svc", "svc.ns", "svc.ns.svc", "svc.ns.svc.cluster.local".
  std::vector<std::string> Names() const;
  // The one that API servers call: "svc.ns.svc".
  std::string Main() const { return service + "." + ns + ".svc"; }
};

// PEM texts.
struct Issued {
  std::string certificate;
  std::string key;
  std::string authority;
};

// On the curve P-256, whose handshakes cost a server far less than RSA; for servers and clients; valid
// from a little before `now` (for clocks that are behind) until `valid_for` seconds after it. Errors: OpenSSL's.
absl::StatusOr<Issued> Issue(const Subject& subject, int64_t now, int64_t valid_for);

}  // namespace k8sgw::certgen
