#include "src/gateway/listener_defaults.h"

#include "api/enterprise/extauth.proto.h"
#include "api/enterprise/ratelimit.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/gateway/options_merge.h"

namespace k8sgw::gateway {

ListenerDefaults ReadListenerDefaults(const Object<gloov1::Settings>& settings) {
  auto options = std::make_shared<gloov1::HttpListenerOptions>();
  // The names of the fields are the same in both messages, and so are the paths below them.
  if (settings.spec.has_extauth()) *options->mutable_extauth() = settings.spec.extauth();
  if (settings.spec.has_ratelimit_server()) *options->mutable_ratelimit_server() = settings.spec.ratelimit_server();
  ListenerDefaults out;
  out.source = {KeyOf(settings.ref), ""};
  out.hash = Hash64(SerializeDeterministic(*options));
  out.options = std::move(options);
  return out;
}

void AddDefaults(const ListenerDefaults& defaults, gloov1::Listener& listener, proxy::OptionSources& sources) {
  if (!TakesOptions(listener.http_listener().options(), *defaults.options)) return;
  MergeOptions(*listener.mutable_http_listener()->mutable_options(), *defaults.options, defaults.source, {}, sources);
}

}  // namespace k8sgw::gateway
