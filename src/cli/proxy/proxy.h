// `k8sgateway proxy url|address|dump|stats|logs`: what a user wants from a running proxy.
#pragma once

#include <ostream>
#include <string>

#include "src/cli/cluster/session.h"

namespace k8sgw::cli {

struct ProxyChoice {
  std::string ns = "gloo-system";
  std::string name = "gateway-proxy";
};

// All return the exit code, and print what is wrong on `err`.

// "http://203.0.113.7:80", or without the scheme. `port` is the name of a port of the proxy's Service, or its number.
int PrintAddress(Session& session, const ProxyChoice& proxy, const std::string& port, bool as_url, std::ostream& out,
                 std::ostream& err);

// A page of Envoy's admin port, of one of the proxy's pods.
int PrintAdminPage(Session& session, const ProxyChoice& proxy, const std::string& target, std::ostream& out,
                   std::ostream& err);

struct LogOptions {
  // Until Ctrl-C.
  bool follow = false;
  // Raises Envoy's own level before.
  bool debug = false;
  // The last lines only; 0 for all.
  int tail = 0;
};
int PrintLogs(Session& session, const ProxyChoice& proxy, const LogOptions& options, std::ostream& out,
              std::ostream& err);

}  // namespace k8sgw::cli
