#include "src/cli/get/rows.h"

#include <functional>
#include <utility>

#include "src/base/text.h"
#include "src/cli/cluster/object.h"
#include "src/cli/get/routes.h"
#include "src/cli/table/table.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;
using Cell = Table::Cell;

constexpr size_t kReasonWidth = 60;
constexpr size_t kMostLines = 25;

struct Column {
  std::string header;
  std::function<Cell(const Node& object)> cell;
  bool wide = false;
};

Cell Names(const std::vector<Node>& items) {
  Cell lines;
  for (const Node& item : items) lines.push_back(item.scalar);
  return lines;
}

Cell Detail(const std::string& name, const std::string& value) {
  if (value.empty()) return {};
  return {Cat(name, ": ", value)};
}

void Append(Cell& cell, Cell more) { cell.insert(cell.end(), more.begin(), more.end()); }

// The state, and why it is none of the good ones. Several control planes are told apart.
Cell StatusCell(const Node& object) {
  const auto statuses = StatusesOf(object);
  if (statuses.empty()) return {"Pending"};
  Cell lines;
  for (const auto& [ns, status] : statuses) {
    lines.push_back(statuses.size() > 1 ? Cat(ns, ": ", status.state) : status.state);
    if (status.state == "Rejected" || status.state == "Warning") Append(lines, Wrap(status.reason, kReasonWidth));
  }
  return lines;
}

std::string TypeOf(const Node& upstream) {
  static const std::pair<const char*, const char*> kTypes[] = {
      {"kube", "Kubernetes"}, {"static", "Static"},  {"pipe", "Pipe"}, {"aws", "AWS Lambda"}, {"azure", "Azure"},
      {"consul", "Consul"},   {"awsEc2", "AWS EC2"}, {"gcp", "GCP"},   {"ai", "AI"},          {"failover", "Failover"}};
  for (const auto& [field, name] : kTypes) {
    if (At(upstream, {"spec", field})) return name;
  }
  return "Unknown";
}

Cell UpstreamDetails(const Node& object) {
  Cell lines;
  const Node* spec = object.Find("spec");
  if (!spec) return lines;
  if (const Node* kube = spec->Find("kube")) {
    Append(lines, Detail("svc name", TextAt(*kube, {"serviceName"})));
    Append(lines, Detail("svc namespace", TextAt(*kube, {"serviceNamespace"})));
    Append(lines, Detail("port", TextAt(*kube, {"servicePort"})));
    if (const Node* selector = kube->Find("selector")) {
      for (const Node::Entry& entry : selector->entries)
        Append(lines, Detail("selector", Cat(entry.key, "=", entry.value.scalar)));
    }
  }
  for (const Node& host : ItemsAt(*spec, {"static", "hosts"}))
    Append(lines, Detail("host", Cat(host.FindScalar("addr"), ":", host.FindScalar("port"))));
  Append(lines, Detail("path", TextAt(*spec, {"pipe", "path"})));
  Append(lines, Detail("region", TextAt(*spec, {"aws", "region"})));
  for (const Node& function : ItemsAt(*spec, {"aws", "lambdaFunctions"}))
    Append(lines, Detail("function", TextAt(function, {"logicalName"})));
  Append(lines, Detail("service", TextAt(*spec, {"consul", "serviceName"})));
  if (spec->Find("sslConfig")) lines.emplace_back("tls: yes");
  return lines;
}

Cell SslCell(const Node& object) {
  const Node* ssl = At(object, {"spec", "sslConfig"});
  if (!ssl) return {"none"};
  if (const Node* secret = ssl->Find("secretRef"))
    return {Cat("secret: ", secret->FindScalar("namespace"), ".", secret->FindScalar("name"))};
  if (ssl->Find("sslFiles")) return {Cat("file: ", TextAt(*ssl, {"sslFiles", "tlsCert"}))};
  return {"sds"};
}

Cell ListenersCell(const Node& proxy) {
  Cell lines;
  for (const Node& listener : ItemsAt(proxy, {"spec", "listeners"}))
    lines.push_back(Cat(listener.FindScalar("bindAddress"), ":", listener.FindScalar("bindPort")));
  return lines;
}

size_t VirtualHostsIn(const Node& listener) {
  size_t hosts = ItemsAt(listener, {"httpListener", "virtualHosts"}).size();
  for (const Node& matched : ItemsAt(listener, {"hybridListener", "matchedListeners"}))
    hosts += ItemsAt(matched, {"httpListener", "virtualHosts"}).size();
  if (const Node* resources = At(listener, {"aggregateListener", "httpResources", "virtualHosts"}))
    hosts += resources->entries.size();
  return hosts;
}

Cell VirtualHostsCell(const Node& proxy) {
  Cell lines;
  for (const Node& listener : ItemsAt(proxy, {"spec", "listeners"}))
    lines.push_back(std::to_string(VirtualHostsIn(listener)));
  return lines;
}

Cell GroupCell(const Node& group) {
  Cell lines;
  for (const Node& one : ItemsAt(group, {"spec", "destinations"})) {
    const Node* destination = one.Find("destination");
    lines.push_back(Cat(one.FindScalar("weight"), " ", destination ? DescribeDestination(*destination) : "nothing"));
  }
  return lines;
}

Cell WeightCell(const Node& group) {
  long sum = 0;
  for (const Node& one : ItemsAt(group, {"spec", "destinations"})) sum += NumberAt(one, {"weight"});
  return {std::to_string(sum)};
}

Cell GatewayCell(const Node& gateway) {
  const std::string address = TextAt(gateway, {"spec", "bindAddress"});
  return {Cat(address, ":", TextAt(gateway, {"spec", "bindPort"}))};
}

std::vector<Column> ColumnsOf(std::string_view kind) {
  const Column status = {"STATUS", StatusCell};
  const Column created = {"CREATED", [](const Node& o) { return Cell{TextAt(o, {"metadata", "creationTimestamp"})}; },
                          true};
  if (kind == "Upstream")
    return {{"TYPE", [](const Node& o) { return Cell{TypeOf(o)}; }}, status, {"DETAILS", UpstreamDetails}, created};
  if (kind == "VirtualService") {
    return {{"DISPLAY NAME", [](const Node& o) { return Cell{TextAt(o, {"spec", "displayName"})}; }},
            {"DOMAINS", [](const Node& o) { return Names(ItemsAt(o, {"spec", "virtualHost", "domains"})); }},
            {"SSL", SslCell},
            status,
            {"ROUTES", [](const Node& o) { return DescribeRoutes(ItemsAt(o, {"spec", "virtualHost", "routes"})); }},
            created};
  }
  if (kind == "RouteTable")
    return {{"ROUTES", [](const Node& o) { return DescribeRoutes(ItemsAt(o, {"spec", "routes"})); }}, status, created};
  if (kind == "Proxy") return {{"LISTENERS", ListenersCell}, {"VIRTUAL HOSTS", VirtualHostsCell}, status, created};
  if (kind == "UpstreamGroup") return {status, {"TOTAL WEIGHT", WeightCell}, {"DETAILS", GroupCell}, created};
  if (kind == "Gateway") {
    return {{"ADDRESS", GatewayCell},
            {"SSL", [](const Node& o) { return Cell{IsTrueAt(o, {"spec", "ssl"}) ? "yes" : "none"}; }},
            {"PROXIES", [](const Node& o) { return Names(ItemsAt(o, {"spec", "proxyNames"})); }},
            status,
            created};
  }
  // Nobody writes statuses of these.
  if (kind == "GatewayParameters" || kind == "DirectResponse") return {created};
  return {status, created};
}

// "VIRTUAL SERVICE" for VirtualService.
std::string TitleOf(std::string_view kind) {
  std::string out;
  for (const char c : kind) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !out.empty()) out += ' ';
    out += upper ? c : static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

void Cut(Cell& cell) {
  if (cell.size() <= kMostLines) return;
  const size_t more = cell.size() - kMostLines;
  cell.resize(kMostLines);
  cell.push_back(Cat("... and ", more, " more: -o wide shows them"));
}

}  // namespace

std::string RenderTable(const CustomResource& kind, const std::vector<Node>& objects, const TableOptions& options) {
  std::vector<Column> columns = ColumnsOf(kind.kind);
  std::erase_if(columns, [&](const Column& column) { return column.wide && !options.wide; });
  std::vector<std::string> headers = {TitleOf(kind.kind)};
  if (options.namespaces) headers.emplace_back("NAMESPACE");
  for (const Column& column : columns) headers.push_back(column.header);
  Table table(headers);
  for (const Node& object : objects) {
    std::vector<Cell> row = {{NameOf(object)}};
    if (options.namespaces) row.push_back({NamespaceOf(object)});
    for (const Column& column : columns) {
      row.push_back(column.cell(object));
      if (!options.wide) Cut(row.back());
    }
    table.Add(std::move(row));
  }
  return table.Render();
}

}  // namespace k8sgw::cli
