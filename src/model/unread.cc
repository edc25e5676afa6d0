#include "src/model/unread.h"

namespace k8sgw {
namespace {

struct Words {
  const char* message = nullptr;
  const char* fix = nullptr;
};

// Without words for kinds that are read.
Words WordsOf(Kind kind) {
  switch (kind) {
    case Kind::kMatchableHttpGateway:
    case Kind::kMatchableTcpGateway:
    case Kind::kListenerOption:
    case Kind::kHttpListenerOption:
      return {"objects of this kind are not translated yet, so it has no effect", "remove it until they are"};
    case Kind::kAuthConfig:
      return {"has no effect, because only the authorization server of the Enterprise edition reads it",
              "ask a server of your own with extauth.customAuth"};
    case Kind::kRateLimitConfig:
      return {"has no effect, because only the rate-limit server of the Enterprise edition reads it",
              "use ratelimit.rateLimits with a rate-limit server of your own"};
    case Kind::kGatewayParameters:
    case Kind::kDirectResponse:
      return {"is for the Gateway API of Kubernetes, which is not translated yet, so it has no effect",
              "nothing needs to be done"};
    case Kind::kProxy:
      return {"has no effect, because Proxies are made from Gateways and VirtualServices",
              "write those, and remove it"};
    case Kind::kSettings:
    case Kind::kGateway:
    case Kind::kVirtualService:
    case Kind::kRouteTable:
    case Kind::kVirtualHostOption:
    case Kind::kRouteOption:
    case Kind::kUpstream:
    case Kind::kUpstreamGroup:
    case Kind::kSecret:
    case Kind::kArtifact:
    case Kind::kService:
    case Kind::kEndpointSlice:
    case Kind::kPod:
    case Kind::kNode:
    case Kind::kDocument: return {};
  }
  return {};
}

}  // namespace

bool IsRead(Kind kind) { return !WordsOf(kind).message; }

Problems UnreadNotices(const Change& change) {
  const Words words = WordsOf(change.key.kind);
  if (!words.message || change.gone()) return {};
  return {{change.key, Severity::kNotice, "", words.message, words.fix}};
}

}  // namespace k8sgw
