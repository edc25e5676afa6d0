#include "src/cli/cluster/session.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/cli/cluster/object.h"
#include "src/json/tree.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

constexpr int kPage = 250;
constexpr char kManager[] = "k8sgateway-cli";

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string Query(const Selection& selection, const std::string& continue_token) {
  std::string query = Cat("?limit=", kPage);
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) query += Cat("&", name, "=", kube::EscapeUrl(value));
  };
  add("labelSelector", selection.labels);
  add("fieldSelector", selection.fields);
  add("continue", continue_token);
  return query;
}

// Items of lists say nothing of their kind.
void SetKind(Node& item, const std::string& api_version, const std::string& kind) {
  if (item.Find("kind")) return;
  item.entries.insert(item.entries.begin(), {{"apiVersion", {}, MakeText(api_version)}, {"kind", {}, MakeText(kind)}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const kube::ConfigChoice& choice) {
  absl::StatusOr<kube::ClientConfig> config = kube::LoadClientConfig(kube::RealEnvironment(), choice);
  if (!config.ok()) return config.status();
  return std::unique_ptr<Session>(new Session(*std::move(config)));
}

Session::Session(kube::ClientConfig config)
    : caller_(std::move(config), {.patience = std::chrono::seconds(0), .timeout = std::chrono::seconds(30)}) {}

absl::StatusOr<std::vector<Node>> Session::List(const kube::Resource& resource, const Selection& selection) {
  std::vector<Node> out;
  std::string next;
  do {
    absl::StatusOr<Node> page = Get(kube::CollectionPath(resource) + Query(selection, next));
    if (!page.ok()) return page.status();
    next = TextAt(*page, {"metadata", "continue"});
    const std::string api_version(page->FindScalar("apiVersion"));
    std::string kind(page->FindScalar("kind"));
    if (kind.ends_with("List")) kind.resize(kind.size() - 4);
    for (Node::Entry& entry : page->entries) {
      if (entry.key != "items") continue;
      for (Node& item : entry.value.items) {
        SetKind(item, api_version, kind);
        out.push_back(std::move(item));
      }
    }
  } while (!next.empty());
  return out;
}

absl::StatusOr<Node> Session::Read(const kube::Target& target) { return Send(kube::ReadObject(target)); }
absl::StatusOr<Node> Session::Get(const std::string& target) { return Send({"GET", target, "", ""}); }

absl::StatusOr<Node> Session::Send(const kube::WriteRequest& request) {
  kube::WriteResult result = caller_.Call(request);
  if (!result.status.ok()) return result.status;
  const yaml::Padded text(std::move(result.body));
  return yaml::FromJson(text.view());
}

absl::StatusOr<Node> Session::Create(const kube::Resource& resource, const Node& object) {
  return Send(kube::CreateObject(resource, yaml::EmitJson(object, 0), kManager));
}

absl::StatusOr<Node> Session::Replace(const kube::Resource& resource, const Node& object) {
  return Send(kube::ReplaceObject({resource, NameOf(object)}, yaml::EmitJson(object, 0), kManager));
}

kube::Resource ResourceOf(const CustomResource& kind, const std::string& ns) {
  return {std::string(kind.group()), std::string(kind.version()), std::string(kind.plural), ns};
}

const CustomResource* KindCalled(std::string_view word) {
  const std::string name = Lower(word);
  for (const CustomResource& kind : AllCustomResources()) {
    const auto& shorts = kind.short_names;
    if (name == kind.plural || name == kind.singular || std::find(shorts.begin(), shorts.end(), name) != shorts.end())
      return &kind;
  }
  return nullptr;
}

}  // namespace k8sgw::cli
