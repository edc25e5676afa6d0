#include "tests/simulation/edits.h"

#include <utility>
#include <vector>

namespace k8sgw::sim {

std::string EditOneWord(Random& random, std::string text) {
  static const std::vector<std::pair<std::string, std::string>> kEdits = {
      {"name: s0", "name: s1"},
      {"name: s1", "name: s0"},
      {"u0", "u1"},
      {"ready: true", "ready: false"},
      {"ready: false", "ready: true"},
      {"10.0.0.1", "10.0.0.2"},
      {"name: http", "name: h2"},
      {"u1", "u2"},
      {"u2", "u10"},
      {"a.com", "b.com"},
      {"b.com", "a.com"},
      {"app: x", "app: y"},
      {"app: y", "app: x"},
      {"8080", "8081"},
      {"8081", "8080"},
      {"t0", "t1"},
      {"t1", "t2"},
      {"t2", "t0"},
      {"ssl: true", "ssl: false"},
      {"prefix: /a", "prefix: /b"},
      {"namespace: default", "namespace: other"},
      {"namespace: other", "namespace: default"},
      {"port: 80", "port: 8"},
      {"/a.*", "/a("},
      {"/a(", "/a.*"},
      {"[gateway-proxy]", "[gateway-proxy, p2]"},
      {"[gateway-proxy, p2]", "[p2]"},
      {"  sslConfig: {", "  sslConfig: {sniDomains: [z.com], "}};
  for (int tries = 0; tries < 20; ++tries) {
    const auto& [from, to] = random.Pick(kEdits);
    const size_t at = text.find(from);
    if (at != std::string::npos) return text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace k8sgw::sim
