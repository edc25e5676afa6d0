#include "src/gateway/delegation.h"

#include <google/protobuf/wrappers.pb.h>

#include <map>
#include <utility>

#include "api/core/v1/ref.proto.h"
#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/matchers.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/route_options.proto.h"
#include "api/gloo/v1/virtual_host_options.proto.h"
#include "api/options/transformation.proto.h"
#include "src/gateway/matchers.h"
#include "src/gateway/options_merge.h"
#include "src/gateway/route_sort.h"

namespace k8sgw::gateway {
namespace {

using Table = Object<gatewayv1::RouteTable>;

// An object with routes.
struct Owner {
  Source place;  // of the message that holds the list `routes`
  int64_t generation;
  const google::protobuf::RepeatedPtrField<gatewayv1::Route>& routes;
};

// A route under way, with the chain of routes that delegate to it.
struct Step {
  const Step* parent;
  const Owner& owner;
  const gatewayv1::Route& route;
  int index;
  Source at;
  int depth;
  bool named;  // the route, or one above it, has a name
  bool inherit_path;
  bool inherit_conditions;
  // Of a route that delegates: what its children inherit. The options are nullptr when there are none.
  const matchersv1::Matcher* matcher = nullptr;
  const gloov1::RouteOptions* options = nullptr;
  proxy::OptionSources option_sources;
};

// An unset flag is that of the route above.
bool Inherits(bool has, bool value, const Step* parent, bool Step::*flag) {
  if (has) return value;
  return parent && parent->*flag;
}

std::string RouteName(const Step& step, const RouteNames& names) {
  const ResourceKey& owner = step.owner.place.object;
  std::string name =
      step.parent ? RouteName(*step.parent, names) + "_rt:" : "vs:" + names.gateway + "_" + names.proxy + "_";
  name += owner.ns + "_" + owner.name + "_route:";
  return name + (step.route.name().empty() ? "<unnamed-" + std::to_string(step.index) + ">" : step.route.name());
}

std::string Describe(const Step& step) {
  std::string text = step.at.object.ToString() + ", " + step.at.path;
  if (!step.route.name().empty()) text += ", named \"" + step.route.name() + "\"";
  return text;
}

void SetUpstreamNamespace(gloov1::Destination& destination, const std::string& ns) {
  if (destination.has_upstream() && destination.upstream().namespace_().empty()) {
    destination.mutable_upstream()->set_namespace_(ns);
  }
}

// Upstreams without a namespace are in that of the object which holds the route. As published, this holds for nothing
// else: neither for UpstreamGroups nor for Kubernetes services.
void SetNamespaces(gloov1::RouteAction& action, const std::string& ns) {
  if (action.has_single()) SetUpstreamNamespace(*action.mutable_single(), ns);
  if (!action.has_multi()) return;
  for (auto& weighted : *action.mutable_multi()->mutable_destinations()) {
    SetUpstreamNamespace(*weighted.mutable_destination(), ns);
  }
}

void CopyAction(const gatewayv1::Route& in, const std::string& ns, gloov1::Route& out) {
  if (in.has_route_action()) {
    *out.mutable_route_action() = in.route_action();
    SetNamespaces(*out.mutable_route_action(), ns);
  } else if (in.has_redirect_action()) {
    *out.mutable_redirect_action() = in.redirect_action();
  } else {
    *out.mutable_direct_response_action() = in.direct_response_action();
  }
}

class Flattener {
 public:
  Flattener(const gloov1::VirtualHostOptions& options, const RouteNames& names, const RouteLookups& lookups)
      : virtual_host_options_(options), names_(names), lookups_(lookups) {}

  void Visit(const Owner& owner, const Step* parent, std::vector<FlatRoute>& out);
  FlatRoutes Take() { return std::move(result_); }

 private:
  void VisitRoute(Step step, std::vector<FlatRoute>& out);
  bool InheritMatchers(const Step& step, Matchers& matchers);
  void EmitLeaf(Step& step, Matchers& matchers, std::vector<FlatRoute>& out);
  void Delegate(Step& step, Matchers& matchers, std::vector<FlatRoute>& out);
  void VisitTables(const Step& step, const std::vector<Ptr<Table>>& tables, std::vector<FlatRoute>& out);
  std::vector<Ptr<Table>> FindTables(const Step& step);
  std::vector<Ptr<Table>> SelectTables(const Step& step, const gatewayv1::RouteTableSelector& selector);
  bool ClosesCycle(const Step& step, const Table& table);
  bool AddsOptions(const Step& step) const;
  void AddOptions(const Step& step, gloov1::RouteOptions& options, proxy::OptionSources& sources);
  bool MayVisit(const Step* from);
  void IncludeProblems(const ResourceKey& object);

  void Fail(const Source& at, std::string message, std::string fix) {
    if (at.object.kind != Kind::kVirtualService) result_.broken.insert(at.object);
    result_.problems.push_back(Error(at, std::move(message), std::move(fix)));
  }
  void Warn(const Source& at, std::string message, std::string fix) {
    result_.problems.push_back(Warning(at, std::move(message), std::move(fix)));
  }

  const gloov1::VirtualHostOptions& virtual_host_options_;
  const RouteNames& names_;
  const RouteLookups& lookups_;
  FlatRoutes result_;
  std::set<ResourceKey> included_;
  int visits_ = 0;
};

// False when the bound is reached; the first time this is reported on the VirtualService, at the route where it began.
bool Flattener::MayVisit(const Step* from) {
  if (visits_ > kMaxVisits) return false;
  if (++visits_ <= kMaxVisits) return true;
  if (!from) return false;
  while (from->parent) from = from->parent;
  Fail(from->at, "delegation leads to more than " + std::to_string(kMaxVisits) + " routes and RouteTables",
       "delegate to fewer RouteTables, or split the VirtualService");
  return false;
}

// Puts the problems of an included object beside those of the includer, once.
void Flattener::IncludeProblems(const ResourceKey& object) {
  if (!included_.insert(object).second) return;
  const Ptr<Problems> problems = lookups_.content_problems(object);
  if (!problems) return;
  result_.problems.insert(result_.problems.end(), problems->begin(), problems->end());
  if (HasErrors(*problems)) result_.broken.insert(object);
}

void Flattener::Visit(const Owner& owner, const Step* parent, std::vector<FlatRoute>& out) {
  for (int i = 0; i < owner.routes.size(); ++i) {
    const gatewayv1::Route& route = owner.routes[i];
    // A route without action is an error of the owner's content.
    if (route.action_case() == gatewayv1::Route::ACTION_NOT_SET) continue;
    VisitRoute({.parent = parent,
                .owner = owner,
                .route = route,
                .index = i,
                .at = Element(owner.place, "routes", i),
                .depth = parent ? parent->depth + 1 : 0,
                .named = !route.name().empty() || (parent && parent->named),
                .inherit_path = Inherits(route.has_inheritable_path_matchers(),
                                         route.inheritable_path_matchers().value(), parent, &Step::inherit_path),
                .inherit_conditions = Inherits(route.has_inheritable_matchers(), route.inheritable_matchers().value(),
                                               parent, &Step::inherit_conditions),
                .option_sources = {}},
               out);
  }
}

void Flattener::VisitRoute(Step step, std::vector<FlatRoute>& out) {
  if (!MayVisit(&step)) return;
  Matchers matchers = step.route.matchers();
  if (step.parent && !InheritMatchers(step, matchers)) return;
  if (step.route.has_delegate_action()) {
    Delegate(step, matchers, out);
  } else {
    EmitLeaf(step, matchers, out);
  }
}

// False when the route does not fit the one that delegates to it. That is a warning, and only this route is left out:
// as published, one team's bad route must not stop the others.
bool Flattener::InheritMatchers(const Step& step, Matchers& matchers) {
  const matchersv1::Matcher& parent = *step.parent->matcher;
  if (step.inherit_path) InheritPath(parent, matchers);
  if (matchers.empty()) *matchers.Add() = DefaultMatcher();
  if (step.inherit_conditions) InheritConditions(parent, matchers);
  const auto problem = FindMismatch(parent, matchers);
  if (!problem) return true;
  Source at = step.route.matchers_size() > problem->index ? Element(step.at, "matchers", problem->index)
                                                          : Field(step.at, "matchers");
  if (step.route.matchers_size() > problem->index && !problem->field.empty()) at = Field(at, problem->field);
  Warn(at,
       problem->message + ", as the route that delegates here (" + Describe(*step.parent) +
           ") demands, so this route is left out",
       problem->fix);
  return false;
}

bool Flattener::AddsOptions(const Step& step) const {
  return step.route.options_config_refs().delegate_options_size() > 0 || (step.parent && step.parent->options) ||
         step.route.options().staged_transformations().inherit_transformation();
}

// Joins to a copy of the route's own options those that it refers to, in order, and then those of the route above. The
// nearest place wins: a child's options over its parent's.
void Flattener::AddOptions(const Step& step, gloov1::RouteOptions& options, proxy::OptionSources& sources) {
  const auto& refs = step.route.options_config_refs().delegate_options();
  for (int i = 0; i < refs.size(); ++i) {
    const RouteOptionRef ref{refs[i].namespace_(), refs[i].name()};
    const auto option = lookups_.route_option(ref);
    if (!option) {
      Warn(Element(step.at, "optionsConfigRefs.delegateOptions", i), "there is no RouteOption " + ref.ToString(),
           ref.ns.empty() ? "add its namespace" : "create it, or correct name and namespace");
      continue;
    }
    IncludeProblems(KeyOf(ref));
    MergeOptions(options, option->spec.options(), {KeyOf(ref), "options"}, {}, sources);
  }
  if (options.staged_transformations().inherit_transformation()) {
    const auto* above = step.parent ? (step.parent->options ? &step.parent->options->staged_transformations() : nullptr)
                                    : &virtual_host_options_.staged_transformations();
    if (above) InheritTransformations(*above, *options.mutable_staged_transformations());
  }
  if (step.parent && step.parent->options) {
    MergeOptions(options, *step.parent->options, Field(step.parent->at, "options"), step.parent->option_sources,
                 sources);
  }
}

void Flattener::EmitLeaf(Step& step, Matchers& matchers, std::vector<FlatRoute>& out) {
  for (int i = 0; i < matchers.size(); ++i) {
    if (matchers[i].path_specifier_case() != matchersv1::Matcher::PATH_SPECIFIER_NOT_SET) continue;
    Fail(Element(step.at, "matchers", i), "the matcher has no path", "add prefix, exact, regex or connectMatcher");
  }
  FlatRoute& flat = out.emplace_back();
  flat.route = std::make_unique<gloov1::Route>();
  if (matchers.empty()) *matchers.Add() = DefaultMatcher();
  flat.route->mutable_matchers()->Swap(&matchers);
  CopyAction(step.route, step.owner.place.object.ns, *flat.route);
  if (step.route.has_options()) *flat.route->mutable_options() = step.route.options();
  if (AddsOptions(step)) {
    AddOptions(step, *flat.route->mutable_options(), flat.source.options);
    if (!step.route.has_options() && flat.source.options.empty()) flat.route->clear_options();
  }
  // As published, a name is shown only where a user gave one on the way.
  if (step.named) flat.route->set_name(RouteName(step, names_));
  for (const Step* at = &step; at; at = at->parent) {
    flat.source.origins.push_back({at->owner.place.object, at->owner.generation});
  }
  flat.source.route = std::move(step.at);
}

void Flattener::Delegate(Step& step, Matchers& matchers, std::vector<FlatRoute>& out) {
  if (const auto problem = CheckDelegating(matchers)) {
    const Source at = Element(step.at, "matchers", problem->index);
    Fail(problem->field.empty() ? at : Field(at, problem->field), problem->message, problem->fix);
    return;
  }
  if (DropsConditions(matchers)) {
    Warn(Element(step.at, "matchers", 0),
         "has no path, so its other conditions have no effect on a route that delegates", "add prefix: /");
  }
  if (step.depth >= kMaxDelegationDepth) {
    Fail(Field(step.at, "delegateAction"),
         "delegation is more than " + std::to_string(kMaxDelegationDepth) + " RouteTables deep", "delegate less deep");
    return;
  }
  step.matcher = &DelegatingMatcher(matchers);
  gloov1::RouteOptions merged;
  if (AddsOptions(step)) {
    merged = step.route.options();
    AddOptions(step, merged, step.option_sources);
    step.options = &merged;
  } else if (step.route.has_options()) {
    step.options = &step.route.options();  // nothing to merge: no copy
  }
  std::map<int32_t, std::vector<Ptr<Table>>> by_weight;
  for (Ptr<Table>& table : FindTables(step)) by_weight[table->spec.weight().value()].push_back(std::move(table));
  for (const auto& [weight, tables] : by_weight) VisitTables(step, tables, out);
}

void Flattener::VisitTables(const Step& step, const std::vector<Ptr<Table>>& tables, std::vector<FlatRoute>& out) {
  std::vector<FlatRoute> routes;
  for (const Ptr<Table>& table : tables) {
    if (ClosesCycle(step, *table) || !MayVisit(&step)) continue;
    IncludeProblems(KeyOf(table->ref));
    Visit({{KeyOf(table->ref), ""}, table->generation, table->spec.routes()}, &step, routes);
  }
  // Nobody chose an order among them, so the most specific comes first.
  if (tables.size() > 1) SortRoutes(routes);
  out.insert(out.end(), std::make_move_iterator(routes.begin()), std::make_move_iterator(routes.end()));
}

// As published, the error stands on the table that would be visited again, not on the one that leads back to it.
bool Flattener::ClosesCycle(const Step& step, const Table& table) {
  const ResourceKey key = KeyOf(table.ref);
  const Step* again = &step;
  std::string path = table.ref.ToString();
  while (again && again->owner.place.object != key) {
    const ResourceKey& object = again->owner.place.object;
    path = object.ns + "/" + object.name + " -> " + path;
    again = again->parent;
  }
  if (!again) return false;
  Fail(Field(again->at, "delegateAction"), "delegation goes in a circle: " + table.ref.ToString() + " -> " + path,
       "remove one of these delegations");
  return true;
}

std::vector<Ptr<Table>> Flattener::FindTables(const Step& step) {
  const auto& action = step.route.delegate_action();
  const bool by_name = !action.name().empty() || !action.namespace_().empty();
  if (!by_name && action.has_selector()) return SelectTables(step, action.selector());
  if (!by_name && !action.has_ref()) return {};  // a warning of the owner's content
  const RouteTableRef ref = by_name ? RouteTableRef{action.namespace_(), action.name()}
                                    : RouteTableRef{action.ref().namespace_(), action.ref().name()};
  if (auto table = lookups_.route_table(ref)) return {std::move(table)};
  Warn(Field(step.at, by_name ? "delegateAction" : "delegateAction.ref"), "there is no RouteTable " + ref.ToString(),
       ref.ns.empty() ? "add its namespace" : "create it, or correct name and namespace");
  return {};
}

std::vector<Ptr<Table>> Flattener::SelectTables(const Step& step, const gatewayv1::RouteTableSelector& selector) {
  RouteTableSelection selection;
  selection.namespaces.insert(selector.namespaces().begin(), selector.namespaces().end());
  if (selection.namespaces.empty()) selection.namespaces.insert(step.owner.place.object.ns);
  if (selection.namespaces.contains("*")) selection.namespaces.clear();
  selection.labels.insert(selector.labels().begin(), selector.labels().end());
  selection.requirements = ReadRequirements(selector.expressions());
  // What makes no sense is a warning of the owner's content, and selects nothing.
  if (!selection.labels.empty() && !selection.requirements.empty()) return {};
  for (const Requirement& requirement : selection.requirements) {
    if (!CheckRequirement(requirement).empty()) return {};
  }
  std::vector<Ptr<Table>> tables;
  for (const RouteTableRef& ref : lookups_.select(selection)) {
    if (auto table = lookups_.route_table(ref)) tables.push_back(std::move(table));
  }
  if (tables.empty()) {
    Warn(Field(step.at, "delegateAction.selector"), "selects no RouteTable",
         selector.namespaces().empty()
             ? "correct the labels, or list namespaces: only " + step.owner.place.object.ns + " is searched without"
             : "correct the labels and namespaces");
  }
  return tables;
}

}  // namespace

FlatRoutes FlattenRoutes(const Object<gatewayv1::VirtualService>& service, const gloov1::VirtualHostOptions& options,
                         const RouteNames& names, const RouteLookups& lookups) {
  Flattener flattener(options, names, lookups);
  std::vector<FlatRoute> routes;
  flattener.Visit({{KeyOf(service.ref), "virtualHost"}, service.generation, service.spec.virtual_host().routes()},
                  nullptr, routes);
  FlatRoutes result = flattener.Take();
  result.routes = std::move(routes);
  return result;
}

}  // namespace k8sgw::gateway
