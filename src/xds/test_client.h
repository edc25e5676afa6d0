// For tests: the other end of a stream.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/xds/engine.h"

namespace k8sgw::xds {

// An Envoy that remembers what it was sent, and answers when it is told to.
struct Client {
  Client(Engine& e, bool delta, std::string role = "a~b") : engine(e), is_delta(delta), name(std::move(role)) {
    id = engine.Open({.delta = delta, .single_type = std::nullopt},
                     [this](Response r) { inbox.push_back(std::move(r)); });
  }
  ~Client() { engine.Close(id); }

  Request Base(Type type) {
    Request request;
    if (!said_role) request.role = name;
    said_role = true;
    request.node_id = "envoy";
    request.type_url = TypeUrl(type);
    return request;
  }
  void Subscribe(Type type, std::vector<std::string> names = {}, std::map<std::string, std::string> has = {}) {
    Request request = Base(type);
    (is_delta ? request.subscribe : request.names) = names;
    request.initial_versions = std::move(has);
    wanted[type] = std::move(names);
    engine.Receive(id, request, now);
  }
  // Takes the oldest response and answers it.
  Response Answer(std::optional<std::string> error = std::nullopt) {
    Response response = std::move(inbox.front());
    inbox.erase(inbox.begin());
    Request request = Base(response.type);
    request.nonce = response.nonce;
    request.error = error;
    request.version = response.version;
    if (!is_delta) request.names = wanted[response.type];
    if (!error) Book(response);
    engine.Receive(id, request, now);
    return response;
  }
  void Book(const Response& response) {
    if (!is_delta && (response.type == Type::kCluster || response.type == Type::kListener)) has[response.type].clear();
    for (const auto& resource : response.resources) has[response.type][resource->name] = *resource->body.front();
    for (const std::string& gone : response.removed) has[response.type].erase(gone);
  }
  void AnswerAll() {
    while (!inbox.empty()) Answer();
  }

  Engine& engine;
  const bool is_delta;
  const std::string name;
  bool said_role = false;
  StreamId id = 0;
  Time now{};
  std::vector<Response> inbox;
  std::map<Type, std::vector<std::string>> wanted;
  std::map<Type, std::map<std::string, std::string>> has;
};

}  // namespace k8sgw::xds
