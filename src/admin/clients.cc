#include "src/admin/clients.h"

#include "src/admin/tree.h"

namespace k8sgw::admin {
namespace {

using yaml::Node;

Node TextOf(xds::Type type) { return Text(std::string(xds::TypeWord(type))); }

Node ShowClient(const xds::ClientState& client) {
  Node node = Mapping();
  Add(node, "node", Text(client.node_id));
  Add(node, "role", Text(client.role));
  Add(node, "serving", Text(client.serving));
  Node behind = List();
  for (const xds::Type type : client.behind) behind.items.push_back(TextOf(type));
  Add(node, "behind", std::move(behind));
  Node refused = List();
  for (const auto& [type, name] : client.refused) {
    Node one = Mapping();
    Add(one, "type", TextOf(type));
    Add(one, "name", Text(name));
    refused.items.push_back(std::move(one));
  }
  Add(node, "refused", std::move(refused));
  Node held_back = List();
  for (const std::string& name : client.held_back) held_back.items.push_back(Text(name));
  Add(node, "heldBack", std::move(held_back));
  Add(node, "answers", Plain(std::to_string(client.answers)));
  return node;
}

}  // namespace

std::string WriteClients(const Served& served) {
  Node data = Mapping();
  Add(data, "ready", Plain(served.ready));
  Add(data, "leads", Plain(served.leads));
  Add(data, "worldAgeSeconds", Plain(std::to_string(served.world_age_seconds)));
  Node roles = List();
  for (const std::string& role : served.roles) roles.items.push_back(Text(role));
  Add(data, "roles", std::move(roles));
  Node clients = List();
  for (const xds::ClientState& client : served.clients) clients.items.push_back(ShowClient(client));
  Add(data, "clients", std::move(clients));
  Node page = Mapping();
  Add(page, "data", std::move(data));
  Add(page, "error", Text(""));
  return yaml::EmitJson(page) + "\n";
}

}  // namespace k8sgw::admin
