#include "tests/simulation/options.h"

#include <vector>

namespace k8sgw::sim {
namespace {

// None, one, or two different fields. Each list begins with what is right; the last `wrong` are refused or doubtful,
// and rare, so that most objects are accepted now and then.
std::string Some(Random& random, const std::vector<const char*>& fields, int wrong) {
  if (random.OneIn(3)) return "";
  const int right = static_cast<int>(fields.size()) - wrong;
  const auto pick = [&] { return random.OneIn(12) ? right + random.Below(wrong) : random.Below(right); };
  const int first = pick();
  const int second = random.OneIn(3) ? pick() : first;
  const std::string text = fields[static_cast<size_t>(first)];
  return first == second ? text : text + ", " + fields[static_cast<size_t>(second)];
}

}  // namespace

std::string RandomRouteOptions(Random& random) {
  return Some(random,
              {"timeout: 3s", "idleTimeout: 60s", "maxStreamDuration: {maxStreamDuration: 3600s}",
               "retries: {retryOn: 5xx, numRetries: 2}", "prefixRewrite: /x", "hostRewrite: h.example.com",
               "autoHostRewrite: true", "appendXForwardedHost: true",
               "headerManipulation: {responseHeadersToAdd: [{header: {key: a, value: b}}]}",
               "headerManipulation: {requestHeadersToAdd: [{headerSecretRef: {name: h0, namespace: default}}]}",
               "cors: {allowOrigin: ['https://a.com']}", "faults: {abort: {httpStatus: 503, percentage: 5}}",
               "shadowing: {upstream: {name: u1, namespace: default}, percentage: 10}",
               "shadowing: {upstream: {name: u2, namespace: other}, percentage: 20}",
               "csrf: {filterEnabled: {defaultValue: {numerator: 100}}}", "upgrades: [{websocket: {}}]",
               "bufferPerRoute: {buffer: {maxRequestBytes: 100}}", "bufferPerRoute: {disabled: true}",
               "lbHash: {hashPolicies: [{header: x-user, terminal: true}]}", "envoyMetadata: {a.b: {c: d}}",
               "ratelimit: {localRatelimit: {maxTokens: 3, tokensPerFill: 1, fillInterval: 1s}}",
               "ratelimit: {includeVhRateLimits: true, rateLimits: [{actions: [{remoteAddress: {}}]}]}",
               "extauth: {disable: true}", "extauth: {customAuth: {contextExtensions: {a: b}}}",
               // From here on wrong.
               "headerManipulation: {requestHeadersToAdd: [{header: {key: a, value: '%REQ('}}]}", "timeout: -1s",
               "regexRewrite: {pattern: {regex: '('}, substitution: x}", "cors: {}", "statik: 1"},
              5);
}

std::string RandomVirtualHostOptions(Random& random) {
  return Some(
      random,
      {"includeRequestAttemptCount: true", "stats: {virtualClusters: [{name: v.c, pattern: /a}]}",
       "retries: {retryOn: 5xx}", "cors: {allowOrigin: ['*']}",
       "headerManipulation: {requestHeadersToRemove: [x-gone]}",
       "headerManipulation: {requestHeadersToAdd: [{headerSecretRef: {name: h0, namespace: default}}]}",
       "csrf: {filterEnabled: {defaultValue: {numerator: 100}}}", "bufferPerRoute: {buffer: {maxRequestBytes: 16}}",
       "ratelimit: {localRatelimit: {maxTokens: 10, tokensPerFill: 1, fillInterval: 1s}}",
       "ratelimit: {rateLimits: [{actions: [{genericKey: {descriptorValue: all}}]}]}", "extauth: {customAuth: {}}",
       // From here on wrong.
       "bufferPerRoute: {}", "jwt: {}", "stats: {virtualClusters: [{}]}"},
      3);
}

std::string RandomHttpListenerOptions(Random& random) {
  return Some(random,
              {"buffer: {maxRequestBytes: 1000}", "csrf: {filterEnabled: {defaultValue: {numerator: 50}}}",
               "grpcWeb: {disable: true}", "gzip: {}", "healthCheck: {path: /ok}",
               "httpConnectionManagerSettings: {idleTimeout: 9s}",
               "httpLocalRatelimit: {defaultLimit: {maxTokens: 10, tokensPerFill: 2, fillInterval: 1s}}",
               "router: {suppressEnvoyHeaders: true}", "router: {}",
               "extauth: {extauthzServerRef: {name: u0, namespace: default}, httpService: {}}",
               "extauth: {extauthzServerRef: {name: u1, namespace: default}}",
               "ratelimitServer: {ratelimitServerRef: {name: u2, namespace: default}, rateLimitBeforeAuth: true}",
               "grpcJsonTranscoder: {services: [s.S], protoDescriptorConfigMap: {configMapRef: {name: a0, namespace: "
               "default}, key: a}}",
               // From here on wrong.
               "healthCheck: {path: ''}", "buffer: {}"},
              2);
}

std::string RandomListenerOptions(Random& random) {
  return Some(random,
              {"perConnectionBufferLimitBytes: 65536", "tcpStats: true", "connectionBalanceConfig: {exactBalance: {}}",
               "socketOptions: [{level: 1, name: 9, intValue: 1, state: STATE_PREBIND}]",
               "accessLoggingService: {accessLog: [{fileSink: {path: /dev/stdout, stringFormat: x}}]}",
               // From here on wrong.
               "connectionBalanceConfig: {}", "socketOptions: [{level: 1, name: 9}]"},
              2);
}

std::string RandomUpstreamOptions(Random& random) {
  return Some(
      random,
      {"connectionConfig: {connectTimeout: 2s}", "useHttp2: true", "loadBalancerConfig: {healthyPanicThreshold: 0}",
       "circuitBreakers: {maxConnections: 10}", "outlierDetection: {consecutive5xx: 3, interval: 2s}",
       "healthChecks: [{timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, "
       "httpHealthCheck: {path: /}}]",
       "sslConfig: {secretRef: {name: s0, namespace: default}}",
       "sslConfig: {secretRef: {name: s1, namespace: default}, sni: a.com}",
       "sslConfig: {secretRef: {name: ca, namespace: default}, verifySubjectAltName: [a.com]}",
       "proxyProtocolVersion: '2'", "maxConcurrentStreams: 100",
       // From here on wrong.
       "outlierDetection: {}", "healthChecks: [{}]"},
      2);
}

}  // namespace k8sgw::sim
