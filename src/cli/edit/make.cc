#include "src/cli/edit/make.h"

#include <charconv>
#include <utility>

#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/cli/cluster/object.h"
#include "src/pem/pem.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr char kGloo[] = "gloo.solo.io/v1";

// -1 for what is no number of a port.
int ReadPort(std::string_view text) {
  int port = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port < 65536 ? port : -1;
}

absl::StatusOr<Node> MakeHost(const std::string& text) {
  const size_t bracket = text.rfind(']');
  const size_t colon = text.rfind(':');
  const bool has_port = colon != std::string::npos && (bracket == std::string::npos || colon > bracket);
  std::string host = text.substr(0, has_port ? colon : std::string::npos);
  const int port = has_port ? ReadPort(std::string_view(text).substr(colon + 1)) : 80;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty() || port < 0)
    return absl::InvalidArgumentError(Cat("\"", text, "\" is no HOST:PORT, such as example.com:443 or [::1]:80"));
  Node out = MakeMap();
  PutText(out, "addr", host);
  Put(out, "port", MakePlain(std::to_string(port)));
  return out;
}

}  // namespace

absl::StatusOr<Node> MakeStaticUpstream(const ObjectName& name, const std::vector<std::string>& hosts, bool tls) {
  if (hosts.empty()) return absl::InvalidArgumentError("give --static-hosts HOST:PORT");
  Node list = MakeList();
  for (const std::string& text : hosts) {
    absl::StatusOr<Node> host = MakeHost(text);
    if (!host.ok()) return host.status();
    list.items.push_back(*std::move(host));
  }
  Node object = MakeObject(kGloo, "Upstream", name.ns, name.name);
  Node& of = Put(Put(object, "spec", MakeMap()), "static", MakeMap());
  Put(of, "hosts", std::move(list));
  if (tls) Put(of, "useTls", MakePlain("true"));
  return object;
}

absl::StatusOr<Node> MakeKubeUpstream(const ObjectName& name, const ServicePort& service) {
  if (service.service.empty() || service.port == 0)
    return absl::InvalidArgumentError("give --kube-service NAME and --kube-service-port PORT");
  Node object = MakeObject(kGloo, "Upstream", name.ns, name.name);
  Node& kube = Put(Put(object, "spec", MakeMap()), "kube", MakeMap());
  PutText(kube, "serviceName", service.service);
  PutText(kube, "serviceNamespace", service.ns);
  Put(kube, "servicePort", MakePlain(std::to_string(service.port)));
  if (service.labels.empty()) return object;
  Node& selector = Put(kube, "selector", MakeMap());
  for (const std::string& label : service.labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0)
      return absl::InvalidArgumentError(Cat("\"", label, "\" is no label KEY=VALUE"));
    Put(selector, label.substr(0, equals), MakeText(label.substr(equals + 1)));
  }
  return object;
}

Node MakeVirtualService(const ObjectName& name, const std::vector<std::string>& domains,
                        const std::string& display_name) {
  Node object = MakeObject("gateway.solo.io/v1", "VirtualService", name.ns, name.name);
  Node& spec = Put(object, "spec", MakeMap());
  PutText(spec, "displayName", display_name);
  Node list = MakeList();
  for (const std::string& domain : domains) list.items.push_back(MakeText(domain));
  if (list.items.empty()) list.items.push_back(MakeText("*"));
  Put(Put(spec, "virtualHost", MakeMap()), "domains", std::move(list));
  return object;
}

absl::StatusOr<Node> MakeUpstreamGroup(const ObjectName& name, const std::vector<std::string>& weighted) {
  if (weighted.empty()) return absl::InvalidArgumentError("give --weighted-upstreams NAMESPACE.NAME=WEIGHT");
  Node list = MakeList();
  for (const std::string& text : weighted) {
    const size_t dot = text.find('.');
    const size_t equals = text.rfind('=');
    uint32_t weight = 0;
    const char* end = text.data() + text.size();
    const bool good = dot != std::string::npos && equals != std::string::npos && dot > 0 && equals > dot + 1 &&
                      std::from_chars(text.data() + equals + 1, end, weight).ptr == end && equals + 1 < text.size();
    if (!good) return absl::InvalidArgumentError(Cat("\"", text, "\" is no NAMESPACE.NAME=WEIGHT"));
    Node one = MakeMap();
    Node& ref = Put(Put(one, "destination", MakeMap()), "upstream", MakeMap());
    PutText(ref, "name", text.substr(dot + 1, equals - dot - 1));
    PutText(ref, "namespace", text.substr(0, dot));
    Put(one, "weight", MakePlain(std::to_string(weight)));
    list.items.push_back(std::move(one));
  }
  Node object = MakeObject(kGloo, "UpstreamGroup", name.ns, name.name);
  Put(Put(object, "spec", MakeMap()), "destinations", std::move(list));
  return object;
}

absl::StatusOr<Node> MakeTlsSecret(const ObjectName& name, const std::string& chain, const std::string& key,
                                   const std::string& authorities) {
  if (const auto pair = pem::ReadPair(chain, key); !pair.ok()) return pair.status();
  if (!authorities.empty()) {
    if (const auto read = pem::ReadCertificates(authorities); !read.ok()) return read.status();
  }
  Node object = MakeObject("v1", "Secret", name.ns, name.name);
  PutText(object, "type", "kubernetes.io/tls");
  Node& data = Put(object, "data", MakeMap());
  PutText(data, "tls.crt", EncodeBase64(chain));
  PutText(data, "tls.key", EncodeBase64(key));
  PutText(data, "ca.crt", EncodeBase64(authorities));
  return object;
}

}  // namespace k8sgw::cli
