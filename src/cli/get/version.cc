#include "src/cli/get/version.h"

#include <map>
#include <utility>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/cli/cluster/object.h"
#include "src/cli/table/table.h"

namespace k8sgw::cli {
namespace {

using yaml::Node;

std::map<std::string, std::vector<Image>> ImagesOf(const std::vector<Node>& deployments) {
  std::map<std::string, std::vector<Image>> out;
  for (const Node& deployment : deployments) {
    for (const Node& container : ItemsAt(deployment, {"spec", "template", "spec", "containers"}))
      out[NamespaceOf(deployment)].push_back(ParseImage(std::string(container.FindScalar("image"))));
  }
  return out;
}

}  // namespace

Image ParseImage(const std::string& text) {
  Image image;
  std::string rest = text;
  if (const size_t at = rest.find('@'); at != std::string::npos) {
    image.tag = rest.substr(at + 1);
    rest.resize(at);
  }
  const size_t slash = rest.rfind('/');
  // A colon before the last slash is that of a registry's port.
  if (const size_t colon = rest.rfind(':');
      colon != std::string::npos && (slash == std::string::npos || colon > slash)) {
    if (image.tag.empty()) image.tag = rest.substr(colon + 1);
    rest.resize(colon);
  }
  if (slash != std::string::npos) image.registry = rest.substr(0, slash);
  image.name = slash == std::string::npos ? rest : rest.substr(slash + 1);
  return image;
}

Node VersionTree(const std::string& client, const std::vector<Node>& deployments) {
  Node out = MakeMap();
  PutText(Put(out, "client", MakeMap()), "version", client);
  Node servers = MakeList();
  for (const auto& [ns, images] : ImagesOf(deployments)) {
    Node containers = MakeList();
    for (const Image& image : images) {
      Node one = MakeMap();
      PutText(one, "Tag", image.tag);
      PutText(one, "Name", image.name);
      PutText(one, "Registry", image.registry);
      containers.items.push_back(std::move(one));
    }
    Node server = MakeMap();
    PutText(server, "type", "Gateway");
    Node& kubernetes = Put(server, "kubernetes", MakeMap());
    Put(kubernetes, "containers", std::move(containers));
    PutText(kubernetes, "namespace", ns);
    servers.items.push_back(std::move(server));
  }
  Put(out, "server", std::move(servers));
  return out;
}

std::string RenderVersion(const std::string& client, const std::vector<Node>& deployments) {
  std::string out = Cat("Client version: ", client, "\n");
  const auto images = ImagesOf(deployments);
  if (images.empty()) return out + "Server: none was found\n";
  Table table({"NAMESPACE", "DEPLOYMENT-TYPE", "CONTAINERS"});
  for (const auto& [ns, its] : images) {
    Table::Cell lines;
    for (const Image& image : its) lines.push_back(Cat(image.name, ": ", image.tag));
    table.Add({{ns}, {"Gateway"}, std::move(lines)});
  }
  return out + "Server:\n" + table.Render();
}

int Version(Session* session, const std::string& client, const std::string& ns, const std::string& output,
            std::ostream& out, std::ostream& err) {
  std::vector<Node> deployments;
  if (session) {
    absl::StatusOr<std::vector<Node>> found = session->List({"apps", "v1", "deployments", ns}, {.labels = "app=gloo"});
    if (found.ok()) {
      deployments = *std::move(found);
    } else {
      err << "version: the cluster cannot be asked: " << Printable(std::string(found.status().message())) << "\n";
    }
  }
  if (output == "json") {
    out << yaml::EmitJson(VersionTree(client, deployments)) << "\n";
  } else if (output == "yaml") {
    out << yaml::Emit(VersionTree(client, deployments));
  } else {
    out << RenderVersion(client, deployments);
  }
  return 0;
}

}  // namespace k8sgw::cli
