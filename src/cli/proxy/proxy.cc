#include "src/cli/proxy/proxy.h"

#include <utility>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/cli/cluster/object.h"
#include "src/cli/cluster/pods.h"
#include "src/cli/forward/pod_http.h"
#include "src/cli/proxy/address.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

int Fail(std::ostream& err, const std::string& what) {
  err << "proxy: " << Printable(what) << "\n";
  return 1;
}

int Fail(std::ostream& err, const absl::Status& status) { return Fail(err, std::string(status.message())); }

// What may not be read is as if it were not there.
std::vector<Node> ListOrNone(Session& session, const kube::Resource& resource, const Selection& selection = {}) {
  absl::StatusOr<std::vector<Node>> found = session.List(resource, selection);
  return found.ok() ? *std::move(found) : std::vector<Node>();
}

// Hands on what comes, as it comes.
class Printing : public kube::HttpHandler {
 public:
  explicit Printing(std::ostream& out) : out_(out) {}

  void OnHead(int code, std::chrono::seconds) override { code_ = code; }
  bool OnBytes(std::string_view bytes) override {
    if (code_ == 200) {
      out_ << bytes << std::flush;
    } else {
      error_.append(bytes);
    }
    return true;
  }
  void OnEnd(const absl::Status& status) override {
    status_ = status.ok() && code_ != 200 ? kube::ToStatus(kube::ParseApiStatus(code_, error_)) : status;
    ended_ = true;
  }

  bool ended() const { return ended_; }
  const absl::Status& status() const { return status_; }

 private:
  std::ostream& out_;
  int code_ = 0;
  std::string error_;
  bool ended_ = false;
  absl::Status status_;
};

// The Service may have any name (gatewayProxies.*.service.name); its labels say whose it is.
absl::StatusOr<Node> FindService(Session& session, const ProxyChoice& proxy, const std::string& port) {
  const kube::Resource services{"", "v1", "services", proxy.ns};
  const std::vector<Node> labelled = ListOrNone(session, services, {.labels = LabelsOfProxy(proxy.name)});
  if (const Node* found = ServiceOf(labelled, proxy.name, port)) return *found;
  return session.Read({services, proxy.name});
}

}  // namespace

int PrintAddress(Session& session, const ProxyChoice& proxy, const std::string& port, bool as_url, std::ostream& out,
                 std::ostream& err) {
  const absl::StatusOr<Node> service = FindService(session, proxy, port);
  if (service.status().code() == absl::StatusCode::kNotFound) {
    return Fail(err, Cat("there is no Service for proxy ", proxy.ns, "/", proxy.name,
                         ": name the proxy with --name and its namespace with -n, or run `k8sgateway install`"));
  }
  if (!service.ok()) return Fail(err, service.status());
  const auto address =
      AddressOf(*service, ListOrNone(session, {"", "v1", "nodes", ""}),
                ListOrNone(session, {"", "v1", "pods", proxy.ns}, {.labels = LabelsOfProxy(proxy.name)}), port);
  if (!address.ok()) return Fail(err, address.status());
  if (!address->note.empty()) err << "note: " << address->note << "\n";
  out << (as_url ? SchemeOf(*service, port) + "://" : "") << address->HostAndPort() << "\n";
  return 0;
}

int PrintAdminPage(Session& session, const ProxyChoice& proxy, const std::string& target, std::ostream& out,
                   std::ostream& err) {
  const auto pod = FindPod(session, proxy.ns, LabelsOfProxy(proxy.name), "proxy " + proxy.name);
  if (!pod.ok()) return Fail(err, pod.status());
  const auto page =
      AskPod(session.caller().credentials(), {proxy.ns, *pod, kEnvoyAdminPort}, {.method = "GET", .target = target});
  if (!page.ok()) return Fail(err, page.status());
  out << *page << std::flush;
  return 0;
}

int PrintLogs(Session& session, const ProxyChoice& proxy, const LogOptions& options, std::ostream& out,
              std::ostream& err) {
  const auto pod = FindPod(session, proxy.ns, LabelsOfProxy(proxy.name), "proxy " + proxy.name);
  if (!pod.ok()) return Fail(err, pod.status());
  if (options.debug) {
    const auto raised = AskPod(session.caller().credentials(), {proxy.ns, *pod, kEnvoyAdminPort},
                               {.method = "POST", .target = "/logging?level=debug"});
    if (!raised.ok()) return Fail(err, raised.status());
    err << "note: Envoy logs at level debug from now on\n";
  }
  const kube::Target target{{"", "v1", "pods", proxy.ns}, *pod, "log"};
  std::string path = kube::ObjectPath(target.resource, target.name, target.subresource) +
                     Cat("?container=", kube::EscapeUrl(proxy.name));
  if (options.follow) path += "&follow=true";
  if (options.tail > 0) path += Cat("&tailLines=", options.tail);
  Printing printing(out);
  kube::Caller& caller = session.caller();
  caller.client().Start({.target = path, .accept = "*/*"}, &printing);
  while (!printing.ended()) caller.WaitFor([&] { return printing.ended(); }, std::chrono::hours(1));
  return printing.status().ok() ? 0 : Fail(err, printing.status());
}

}  // namespace k8sgw::cli
