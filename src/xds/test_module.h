// For tests: a role with a divided table, and clients that have the module.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/xds/engine.h"
#include "src/xds/test_client.h"
#include "src/xds/test_resource.h"

namespace k8sgw::xds {

inline constexpr char kRole[] = "a~b";

inline Ptr<Resource> Divided(const std::string& content, const std::vector<std::string>& tables) {
  auto with_module = std::make_shared<Resource>(*Make(Type::kListener, "l", content + " divided"));
  with_module->tables = tables;
  with_module->plain_tables = {"r"};
  auto listener = std::make_shared<Resource>(*Make(Type::kListener, "l", content));
  listener->with_module = std::move(with_module);
  return listener;
}

inline Ptr<Resource> Part(const std::string& name, const std::string& content) {
  auto part = std::make_shared<Resource>(*Make(Type::kRoute, name, content));
  part->only_with_module = true;
  return part;
}

struct ModuleTest : testing::Test {
  ModuleTest()
      : engine({.unknown_role_grace = std::chrono::milliseconds(5000),
                .fallback_role = "fallback",
                .on_nack = [this](const Nack& nack) { nacks.push_back(nack); },
                .module = "1",
                .on_module = [this](const std::string& role) { asked_for.push_back(role); },
                .drain = std::chrono::seconds(60)}) {
    Put({Divided("old", {"g1/0", "g1/1"}), Make(Type::kRoute, "r", "all"), Make(Type::kScope, "g1/0", "s"),
         Make(Type::kScope, "g1/1", "s"), Part("g1/0", "p0"), Part("g1/1", "p1")});
  }

  void Put(std::vector<Ptr<Resource>> resources, std::vector<std::pair<Type, std::string>> removed = {}) {
    engine.Apply(kRole, {std::move(resources), std::move(removed)}, now);
  }

  // Subscribes as an Envoy does that reports this version.
  void Connect(Client& client, const std::string& module) {
    Request request = client.Base(Type::kListener);
    request.module = module;
    engine.Receive(client.id, request, now);
  }

  // The same, of one that comes back with listeners.
  void Resume(Client& client, const std::map<std::string, std::string>& listeners, const std::string& module = "1") {
    Request request = client.Base(Type::kListener);
    request.module = module;
    request.initial_versions = listeners;
    engine.Receive(client.id, request, now);
  }

  // From the first response to the tables.
  void Settle(Client& client) {
    client.AnswerAll();
    client.Subscribe(Type::kScope);
    client.AnswerAll();
    client.Subscribe(Type::kRoute, {"g1/0", "g1/1"});
    client.AnswerAll();
  }

  // An Envoy with the module, which has all.
  void Begin(Client& client) {
    engine.ModuleReady(kRole, now);
    Connect(client, "1");
    Settle(client);
  }

  // The listener is divided again, and the client has forgotten its scopes.
  void ExpectAllScopesAfterTheListener(Client& client) {
    ASSERT_EQ(client.inbox.size(), 1u);
    EXPECT_EQ(client.Answer().type, Type::kListener) << "which warms until it has scopes";
    ASSERT_EQ(client.inbox.size(), 1u);
    EXPECT_EQ(client.inbox[0].type, Type::kScope);
    EXPECT_EQ(client.inbox[0].resources.size(), 2u);
  }

  void Reshard() { Put({Divided("new", {"g2/0"}), Make(Type::kScope, "g2/0", "s"), Part("g2/0", "p")}); }

  std::vector<Nack> nacks;
  std::vector<std::string> asked_for;
  Time now{};
  Engine engine;
};

}  // namespace k8sgw::xds
