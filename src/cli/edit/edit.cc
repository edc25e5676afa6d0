#include "src/cli/edit/edit.h"

#include <utility>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/cli/cluster/object.h"
#include "src/cli/edit/make.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr int kTries = 5;

int Fail(std::ostream& err, const std::string& command, const absl::Status& status) {
  err << command << ": " << Printable(std::string(status.message())) << "\n";
  return 1;
}

std::string Called(const Node& object) { return Cat(object.FindScalar("kind"), " ", PathOf(object)); }

Node NewTarget(const AddRouteOptions& options) {
  if (options.to_route_table) return MakeObject("gateway.solo.io/v1", "RouteTable", options.to.ns, options.to.name);
  return MakeVirtualService(options.to, options.domains, "");
}

// One try: Aborted when somebody else was quicker.
absl::Status TryAddRoute(Session& session, const AddRouteOptions& options, const Node& route, Node& object,
                         bool& made) {
  const CustomResource& kind = *KindCalled(options.to_route_table ? "routetable" : "virtualservice");
  const kube::Resource resource = ResourceOf(kind, options.to.ns);
  absl::StatusOr<Node> found = session.Read({resource, options.to.name});
  made = found.status().code() == absl::StatusCode::kNotFound;
  if (!found.ok() && !made) return found.status();
  object = made ? NewTarget(options) : *std::move(found);
  const std::vector<std::string> path = options.to_route_table
                                            ? std::vector<std::string>{"spec", "routes"}
                                            : std::vector<std::string>{"spec", "virtualHost", "routes"};
  InsertRoute(object, path, route, options.index);
  if (options.dry_run) return absl::OkStatus();
  const absl::StatusOr<Node> written = made ? session.Create(resource, object) : session.Replace(resource, object);
  return written.status().code() == absl::StatusCode::kAlreadyExists ? absl::AbortedError(written.status().message())
                                                                     : written.status();
}

}  // namespace

int CreateObject(Session& session, const kube::Resource& resource, const Node& object, std::ostream& out,
                 std::ostream& err) {
  const absl::StatusOr<Node> created = session.Create(resource, object);
  if (!created.ok()) return Fail(err, "create", created.status());
  out << Called(object) << " is created\n";
  return 0;
}

int AddRoute(Session& session, const AddRouteOptions& options, std::ostream& out, std::ostream& err) {
  const absl::StatusOr<Node> route = MakeRoute(options.route);
  if (!route.ok()) return Fail(err, "add route", route.status());
  Node object;
  bool made = false;
  absl::Status status;
  for (int i = 0; i < kTries; ++i) {
    status = TryAddRoute(session, options, *route, object, made);
    if (status.code() != absl::StatusCode::kAborted) break;
  }
  if (!status.ok()) return Fail(err, "add route", status);
  if (options.dry_run) {
    out << yaml::Emit(object);
  } else {
    out << Called(object) << (made ? " is created with the route\n" : " has the route\n");
  }
  return 0;
}

int DeleteObject(Session& session, const CustomResource& kind, const ObjectName& name, std::ostream& out,
                 std::ostream& err) {
  const absl::StatusOr<Node> deleted = session.Send(kube::DeleteObject({ResourceOf(kind, name.ns), name.name}));
  if (!deleted.ok()) return Fail(err, "delete", deleted.status());
  out << kind.kind << " " << name.ns << "/" << name.name << " is deleted\n";
  return 0;
}

}  // namespace k8sgw::cli
