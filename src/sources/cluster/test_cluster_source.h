// A ClusterSource in tests, beside watches that a test speaks for.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/gloo/v1/settings.proto.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/model/kubernetes.h"
#include "src/sources/cluster/cluster_source.h"

namespace k8sgw::cluster::testing {

inline constexpr char kOwn[] = "gloo-system";
using Phase = kube::Health::Phase;

class ClusterSourceTest : public ::testing::Test {
 protected:
  struct Watch : kube::Watch {
    explicit Watch(ClusterSourceTest& its_test) : test(its_test) { test.watches.push_back(this); }
    ~Watch() override { std::erase(test.watches, this); }
    void Poke() override { ++pokes; }
    const std::string& version() const override { return is_at; }
    ClusterSourceTest& test;
    int pokes = 0;
    std::string is_at;
    kube::Resource resource;
    kube::ReflectorOptions options;
    Consumer consumer;
  };

  ClusterSourceTest() {
    source.emplace(
        [this](const kube::Resource& resource, kube::ReflectorOptions options, kube::Watch::Consumer consumer) {
          auto watch = std::make_unique<Watch>(*this);
          watch->resource = resource;
          watch->options = std::move(options);
          watch->consumer = std::move(consumer);
          return watch;
        },
        ClusterSource::Options{},
        ClusterSource::Consumer{[this](const WatchedKind& kind, const kube::Event& event) {
                                  const auto& meta = event.object.meta;
                                  const std::string what = Cat(kind.info->plural, " ", meta.namespace_, "/", meta.name);
                                  if (event.kind == kube::Event::Kind::kDelete) {
                                    told_gone.push_back(what);
                                  } else {
                                    told.push_back(Cat(what, " ", meta.resource_version));
                                  }
                                },
                                [this](const WatchedKind& kind, const std::string& ns, const kube::Health& health) {
                                  const std::string what = Cat(kind.info->plural, " in ", ns);
                                  health.synced ? void(unheard.erase(what)) : void(unheard.insert(what));
                                },
                                [this](const WatchedKind& kind, const std::string& ns) {
                                  unheard.erase(Cat(kind.info->plural, " in ", ns));
                                }});
  }

  static std::string Json(const std::string& name, const std::string& rest) {
    const size_t slash = name.find('/');
    return Cat(R"({"metadata": {"namespace": ")", name.substr(0, slash), R"(", "name": ")", name.substr(slash + 1),
               "\"", rest, "}");
  }
  static std::string Labelled(const std::string& name, const std::string& label = "1") {
    return Json(name, Cat(R"(, "labels": {"n": ")", label, R"("}}, "spec": {})"));
  }
  static std::string Settings(const std::string& spec) {
    return Json("gloo-system/default", Cat(R"(}, "spec": )", spec));
  }

  std::vector<Watch*> Find(const std::string& plural, const std::string& ns) {
    std::vector<Watch*> out;
    for (Watch* watch : watches) {
      if (watch->resource.plural == plural && watch->resource.namespace_ == ns) out.push_back(watch);
    }
    return out;
  }
  Watch& At(const std::string& plural, const std::string& ns) {
    const std::vector<Watch*> found = Find(plural, ns);
    EXPECT_EQ(found.size(), 1U) << plural << " in " << ns;
    return *found.at(0);
  }
  static void Tell(Watch& watch, const std::vector<std::string>& objects, bool sync, const std::string& version = "") {
    if (!version.empty()) watch.is_at = version;
    kube::Batch batch;
    batch.sync = sync;
    std::vector<yaml::Padded> texts;
    for (const std::string& json : objects) texts.emplace_back(json);
    for (const yaml::Padded& text : texts) {
      kube::Event event;
      const auto object = yaml::FromJson(text.view());
      event.object.meta.namespace_ = object->Find("metadata")->FindScalar("namespace");
      event.object.meta.name = object->Find("metadata")->FindScalar("name");
      event.object.meta.resource_version = version;
      event.object.json = text.view();
      batch.events.push_back(std::move(event));
    }
    watch.consumer.on_batch(batch);
  }
  static void Delete(Watch& watch, const std::string& name) {
    const size_t slash = name.find('/');
    kube::Event event{kube::Event::Kind::kDelete, {}};
    event.object.meta.namespace_ = name.substr(0, slash);
    event.object.meta.name = name.substr(slash + 1);
    kube::Batch batch;
    batch.events.push_back(std::move(event));
    watch.consumer.on_batch(batch);
  }
  // A complete set.
  static void Sync(Watch& watch, const std::vector<std::string>& objects) {
    Tell(watch, objects, true);
    watch.consumer.on_health({Phase::kWatching, true, absl::OkStatus()});
  }
  static void Refuse(Watch& watch, Phase phase = Phase::kAbsent) {
    watch.consumer.on_health({phase, false, absl::PermissionDeniedError("no")});
  }
  // All that have said nothing yet, in this namespace or of the cluster.
  void RefuseAll(const std::string& ns) {
    for (Watch* watch : std::vector<Watch*>(watches)) {
      if (watch->resource.namespace_ == ns && watch->resource.plural != "settings") Refuse(*watch);
    }
  }
  void SyncAllEmpty(const std::string& ns) {
    for (Watch* watch : std::vector<Watch*>(watches)) {
      if (watch->resource.namespace_ == ns && watch->resource.plural != "settings") Sync(*watch, {});
    }
  }
  // "upstreams shop/a=1", or "-upstreams shop/a" of one that is gone; but nothing of Settings.
  std::vector<std::string> Take() {
    std::vector<std::string> out;
    for (const Change& change : source->Take().value_or(std::vector<Change>())) {
      if (change.key.kind == Kind::kSettings) continue;
      const std::string name = Cat(change.key.ns.str(), "/", change.key.name.str());
      out.push_back(change.gone() ? Cat("-", name) : Cat(name, "=", change.As<core::Service>()->labels.at("n")));
    }
    return out;
  }

  std::vector<Watch*> watches;
  std::vector<std::string> told;
  std::vector<std::string> told_gone;
  // What a consumer thinks that it cannot hear.
  std::set<std::string> unheard;
  std::optional<ClusterSource> source;
};

class WithOneNamespace : public ClusterSourceTest {
 protected:
  WithOneNamespace() {
    SyncAllEmpty("");
    Sync(At("settings", kOwn), {Settings(R"({"watchNamespaces": ["shop"]})")});
    SyncAllEmpty("");
    SyncAllEmpty(kOwn);
    SyncAllEmpty("shop");
    Tell(At("services", "shop"), {Labelled("shop/a"), Labelled("shop/b")}, false);
    EXPECT_THAT(Take(), ::testing::ElementsAre("shop/a=1", "shop/b=1"));
  }
  void WatchAll() { Tell(At("settings", kOwn), {Settings(R"({"watchNamespaces": ["*"]})")}, false); }
  // All have listed for the next policy; then one in force tells something newer than the list of this version.
  void FallBehind(const std::string& list_version) {
    WatchAll();
    SyncAllEmpty("");
    Tell(At("services", ""), {Labelled("shop/a"), Labelled("shop/b")}, true, list_version);
    Tell(At("services", "shop"), {Labelled("shop/a", "2")}, false, "99");
  }
};

}  // namespace k8sgw::cluster::testing
