// An API server made of models, and the watches of one client: each a Reflector whose answers come from its model in
// pieces, until they are cut. It drives them as ListWatch does, on the clock of the test.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "src/sources/kube/test_api_server.h"
#include "src/sources/kube/watch.h"

namespace k8sgw::kube::testing {

class ModelWatch;

class ModelApiServer {
 public:
  using Time = Reflector::Time;
  // A whole number from 0 to n - 1: all that is left to chance.
  using Below = std::function<int(int n)>;
  // By plural and namespace; "" for all namespaces.
  using Path = std::pair<std::string, std::string>;

  ModelApiServer(TestApiServer::Write write, Below below, Time begin)
      : now(begin), write_(std::move(write)), below_(std::move(below)) {}

  // A model answers one watch, so there are as many of a collection as there were watches at once.
  std::list<TestApiServer>& ServersOf(const std::string& plural, const std::string& ns) {
    std::list<TestApiServer>& servers = servers_[{plural, ns}];
    if (servers.empty()) servers.emplace_back(write_, sequence_);
    return servers;
  }
  // Objects stand in the collection of their namespace, and in that of all; in both with the same version.
  template <class Change>
  void Everywhere(const std::string& plural, const std::string& ns, const Change& change) {
    ++sequence_->last;
    sequence_->shared = true;
    for (const std::string& scope : std::set<std::string>{"", ns}) {
      for (TestApiServer& server : ServersOf(plural, scope)) change(server);
    }
    sequence_->shared = false;
  }
  template <class Visit>
  void ForEach(const Visit& visit) {
    for (auto& [path, servers] : servers_) {
      for (TestApiServer& server : servers) visit(path, server);
    }
  }

  // What a source follows with; this outlives its watches.
  Follow Followed();
  // All that is due at `now`.
  void Turn();
  // Nothing is on its way: every watch has told what its collection is.
  bool IsCaughtUp() const;

  Time now;
  // No answer is cut any more.
  bool calm = false;
  // Nobody answers.
  bool away = false;
  int cuts = 0;
  int refusals = 0;
  int asked_what_is_served = 0;

 private:
  friend class ModelWatch;

  bool OneIn(int n) { return below_(n) == 0; }
  TestApiServer& Free(const Resource& resource) {
    std::list<TestApiServer>& servers = ServersOf(resource.plural, resource.namespace_);
    for (TestApiServer& server : servers) {
      if (used_.insert(&server).second) return server;
    }
    servers.push_back(TestApiServer(servers.front()));
    used_.insert(&servers.back());
    return servers.back();
  }

  const TestApiServer::Write write_;
  const std::shared_ptr<Sequence> sequence_ = std::make_shared<Sequence>();
  const Below below_;
  std::map<Path, std::list<TestApiServer>> servers_;
  std::set<const TestApiServer*> used_;
  // In the order in which they began, so that lives repeat.
  std::map<int, ModelWatch*> watches_;
  int last_watch_ = 0;
};

class ModelWatch : public Watch {
 public:
  ModelWatch(ModelApiServer& all, const Resource& resource, ReflectorOptions options, Consumer consumer)
      : all_(all),
        id_(++all.last_watch_),
        resource_(resource),
        server_(all.Free(resource)),
        consumer_(std::move(consumer)),
        reflector_(
            resource,
            [&] {
              options.page_limit = all.below_(5);
              return options;
            }(),
            [&all] { return all.below_(1000) / 1000.; }) {
    all_.watches_.emplace(id_, this);
    server_.Close();
    Apply(reflector_.Start(all_.now));
  }
  ~ModelWatch() override {
    all_.watches_.erase(id_);
    all_.used_.erase(&server_);
  }

  void Poke() override { Apply(reflector_.Poke(all_.now)); }
  const std::string& version() const override { return reflector_.resource_version(); }
  void OnTime() {
    if (reflector_.deadline() && *reflector_.deadline() <= all_.now) Apply(reflector_.OnTimer(all_.now));
  }
  void Serve() {
    if (!fetch_open_) return;
    if (all_.away) return Cut(absl::UnavailableError("nobody answers"));
    if (!head_sent_) {
      head_sent_ = true;
      if (server_.code() != 200) ++all_.refusals;
      return Apply(reflector_.OnHead(all_.now, server_.code(), std::chrono::seconds(all_.OneIn(5) ? 2 : 0)));
    }
    if (!server_.open() || (!all_.calm && all_.OneIn(60))) {
      return Cut(all_.OneIn(2) ? absl::OkStatus() : absl::UnavailableError("cut"));
    }
    const std::string bytes = server_.Read(all_.OneIn(2) ? 100'000 : 1 + static_cast<size_t>(all_.below_(400)));
    if (!bytes.empty()) Apply(reflector_.OnBytes(all_.now, bytes));
    if (fetch_open_ && server_.Finished()) {
      fetch_open_ = false;
      Apply(reflector_.OnEnd(all_.now, absl::OkStatus()));
    }
  }
  bool IsCaughtUp() const {
    return reflector_.health().phase == Health::Phase::kWatching && fetch_open_ && head_sent_ && server_.open() &&
           server_.code() == 200 && !server_.HasBytes();
  }

 private:
  void Cut(const absl::Status& status) {
    ++all_.cuts;
    fetch_open_ = false;
    Apply(reflector_.OnEnd(all_.now, status));
  }
  void Apply(const Actions& actions) {
    for (const Batch& batch : actions.batches) consumer_.on_batch(batch);
    if (actions.cancel) fetch_open_ = false;
    if (actions.fetch) {
      fetch_open_ = true;
      head_sent_ = false;
      Open(actions.fetch->target);
    }
    if (reflector_.health() == told_) return;
    told_ = reflector_.health();
    consumer_.on_health(told_);
  }

  // Who refuses a kind may refuse to say what is served, or say it as it is; but nobody says what is not so.
  void Open(const std::string& target) {
    if (!TestApiServer::AsksWhatIsServed(target, resource_)) return server_.Open(target);
    const int number = all_.asked_what_is_served++;
    if (server_.refuse_with != 0 && number % 3 == 0) return server_.Open(target);
    if (target != kGroupsPath) server_.only_kind = number % 2 == 0;
    server_.OpenServed(target, resource_);
  }

  ModelApiServer& all_;
  const int id_;
  const Resource resource_;
  TestApiServer& server_;
  const Consumer consumer_;
  Reflector reflector_;
  bool fetch_open_ = false;
  bool head_sent_ = false;
  Health told_;
};

inline Follow ModelApiServer::Followed() {
  return [this](const Resource& resource, ReflectorOptions options, Watch::Consumer consumer) {
    return std::make_unique<ModelWatch>(*this, resource, std::move(options), std::move(consumer));
  };
}

inline void ModelApiServer::Turn() {
  for (const auto& [id, watch] : std::map<int, ModelWatch*>(watches_)) {
    if (watches_.contains(id)) watch->Serve();
    if (watches_.contains(id)) watch->OnTime();
  }
}

inline bool ModelApiServer::IsCaughtUp() const {
  return std::ranges::all_of(watches_, [](const auto& entry) { return entry.second->IsCaughtUp(); });
}

}  // namespace k8sgw::kube::testing
