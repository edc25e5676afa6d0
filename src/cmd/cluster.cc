// gloo in a cluster: the control plane, fed by the API server of Kubernetes. Any replica serves and judges; the leader
// alone writes.

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <ctime>
#include <iostream>
#include <optional>
#include <random>

#include "api/gloo/v1/settings.proto.h"
#include "src/cmd/cluster_accounts.h"
#include "src/cmd/cluster_discovery.h"
#include "src/cmd/cluster_health.h"
#include "src/cmd/cluster_memory.h"
#include "src/cmd/commands.h"
#include "src/cmd/control_plane.h"
#include "src/cmd/gloo_admin.h"
#include "src/cmd/gloo_ports.h"
#include "src/cmd/gloo_webhook.h"
#include "src/cmd/leadership.h"
#include "src/cmd/log.h"
#include "src/cmd/route_shards.h"
#include "src/cmd/wasm_modules.h"
#include "src/replicas/nack_exchange.h"
#include "src/sources/cluster/cluster_source.h"
#include "src/sources/kube/http.h"
#include "src/sources/kube/kubeconfig.h"
#include "src/sources/kube/list_watch.h"
#include "src/status/status_writer.h"
#include "src/status/verdicts.h"

namespace k8sgw {
namespace {

using Time = EventLoop::Time;

// How often the log says what is still waited for, and how long no answer is no reason to serve what is known from
// earlier.
constexpr std::chrono::seconds kPatience(10);
// The same after a first fault.
constexpr std::chrono::seconds kOutage(1);
// What changes at a start is told when all lists are there, or so long after its own list.
constexpr std::chrono::seconds kFirstWatches(2);
// At the end: for statuses that are due, and for all of it.
constexpr std::chrono::milliseconds kFlush(500);
constexpr std::chrono::seconds kFarewell(2);
// How long statuses wait at a start.
constexpr std::chrono::milliseconds kEnvoysFirst(100);
// How long the first world is held for modules that are being pulled: Envoys that have a listener with one would lose
// it.
constexpr std::chrono::seconds kModules(10);
// The published name of the Lease.
constexpr char kLease[] = "gloo";

class ClusterServer {
 public:
  ClusterServer(const GlooOptions& options, kube::ClientConfig config)
      : options_(options),
        memory_(options, config.server),
        accounts_(MakeClusterAccounts(options.xds_auth, options.ns, config)),
        credentials_(std::move(config), kube::RealEnvironment(), kube::RealExecRunner(), {}),
        client_(kube_loop_, credentials_, {}),
        writer_(client_),
        leadership_(kube_loop_, writer_, options.leader, options.ns, kLease),
        control_(Control(), loop_, [](const Problem&) { return std::string(); }),
        ports_(
            control_, loop_, options.xds_bind, [this](const std::string&) { return SettingsKeyOf().ToString(); },
            ReadersOf(options.xds_auth, accounts_.get())),
        wasm_(WithStateDir(options.wasm, options.state_dir), control_, loop_, [this] { OnModules(); }),
        verdicts_(control_.pipeline(), options.long_statuses ? status::kWidestLimits : status::Limits()),
        statuses_(
            kube_loop_, writer_,
            {.ns = options.ns,
             .sync = {},
             .counts = [this](const ResourceKey& key) { return source_->Counts(key.ns.str()); },
             .leads = [this] { return leadership_.IsLeader(); },
             .tell = [](const std::string& message) { spdlog::warn("{}", message); }},
            [this] { return Random(); }, [this](const ResourceKey& key) { return verdicts_.Of(key); }),
        exchange_(
            kube_loop_, writer_,
            {options.ns, leadership_.identity(), [](const std::string& message) { spdlog::warn("{}", message); }},
            [this] { return Random(); },
            [this](const std::string& replica, std::vector<NackInForce> nacks) {
              control_.TakeNacksOf(replica, std::move(nacks));
            }),
        discovery_(DiscoveryEnvironment(
                       kube_loop_, writer_, [this] { return Random(); }, [this] { return leadership_.IsLeader(); }),
                   discovery::ReadOptions({}, options.ns), {}),
        webhook_(
            WebhookOf(options), control_.pipeline(),
            [this](std::function<void()> work) { loop_.Post(std::move(work)); },
            {[this](const std::string& ns) { return source_->Counts(ns); },
             [this](const std::string& ns, const Labels& labels) { return source_->CountsWith(ns, labels); }},
            [this] { return Settings(); }, LogOfWebhook),
        admin_(options.admin, control_, loop_, [this] { return AdminFacts(); }) {}

  int Run() {
    loop_.Watch(kube_loop_.fd(), [this] {
      kube_loop_.Process();
      Take();
    });
    source_.emplace(
        Follow(),
        cluster::ClusterSource::Options{
            options_.ns, options_.settings_name, Following(options_.lists), {}, !options_.wasm.pull_secret.empty()},
        cluster::ClusterSource::Consumer{
            [this](const cluster::WatchedKind& kind, const kube::Event& event) { Observe(kind, event); },
            [this](const cluster::WatchedKind& kind, const std::string& ns, const kube::Health& health) {
              OnHealth(kind, ns, health);
            },
            [this](const cluster::WatchedKind& kind, const std::string& ns) {
              health_.Drop(kind, ns);
              NoteAway();
              discovery_.SetHeard(kind.info->plural, ns, true);
            }});
    admin_.Open();
    Recall();
    loop_.OnSignal([this](int signal) {
      if (signal != SIGCHLD) End();
    });
    say_again_ = EventLoop::Now() + kPatience;
    loop_.SetDeadline([this] { return NextDeadline(); }, [this](Time now) { OnDeadline(now); });
    loop_.Run();
    admin_.Stop();
    webhook_.Stop();
    ports_.Stop();
    // Nobody waits to be known any more, which the end of the server would wait for.
    if (accounts_) accounts_->Stop();
    control_.Shutdown();
    return 0;
  }

 private:
  ControlPlaneOptions Control() {
    ControlPlaneOptions control;
    control.pipeline.settings = {options_.ns, Origin::kCluster};
    control.pipeline.clock = [] { return std::time(nullptr); };
    control.fallback_port = static_cast<uint32_t>(options_.fallback_port);
    control.pipeline.header_secrets_match_upstreams = options_.policy.header_secrets_match_upstreams;
    control.route_shards = RouteShards(options_.route_shards);
    control.status_file = options_.status_file;
    control.authenticator = accounts_ ? &accounts_->authenticator() : nullptr;
    GlooAdmin::Observe(admin_, control);
    control.on_problems = [this] {
      SayNacks();
      statuses_.Committed(verdicts_.TakeChanged());
    };
    return control;
  }

  GlooAdmin::Facts AdminFacts() const {
    GlooAdmin::Facts facts;
    facts.leads = leadership_.IsLeader();
    if (const auto since = recalled_from_ ? recalled_from_ : away_since_) {
      facts.world_age = std::chrono::duration_cast<std::chrono::seconds>(EventLoop::Now() - *since);
    }
    facts.absent_kinds = health_.absent_kinds();
    facts.discovery_problems = discovery_.problems();
    facts.namespaces = Settings() ? static_cast<size_t>(Settings()->watch_namespaces_size()) : 0;
    facts.rest_requests = ports_.rest_requests();
    facts.webhook = &webhook_.counters();
    return facts;
  }

  // A start waits for nothing but the server, and a list of everything is what that is quickest at.
  static kube::ReflectorOptions Following(std::string_view lists) {
    kube::ReflectorOptions options;
    options.watch_list = lists == "stream";
    if (lists == "whole") options.page_limit = 0;
    options.first_watch_after = kFirstWatches;
    return options;
  }

  kube::Follow Follow() {
    return [this](const kube::Resource& resource, kube::ReflectorOptions options, kube::Watch::Consumer consumer) {
      return std::make_unique<kube::ListWatch>(
          client_, resource, std::move(options), [this] { return Random(); }, std::move(consumer));
    };
  }

  double Random() { return random_(engine_); }
  ResourceKey SettingsKeyOf() const { return {Kind::kSettings, options_.ns, options_.settings_name}; }
  const gloov1::Settings* Settings() const { return source_->settings() ? &source_->settings()->spec : nullptr; }

  std::optional<Time> NextDeadline() const {
    std::optional<Time> next;
    for (const std::optional<Time>& time :
         {ports_.deadline(), admin_.deadline(), control_.deadline(), memory_.deadline(), wasm_.deadline(), say_again_,
          serve_recalled_, end_by_, modules_by_}) {
      if (time && (!next || *time < *next)) next = time;
    }
    return next;
  }

  void OnDeadline(Time now) {
    if (end_by_ && now >= *end_by_) return loop_.Quit();
    ports_.OnDeadline(now);
    admin_.OnDeadline(now);
    wasm_.OnDeadline(now);
    if (modules_by_ && now >= *modules_by_) ServeComplete();
    if (control_.deadline() && now >= *control_.deadline()) control_.UpdateStatus();
    if (memory_.deadline() && now >= *memory_.deadline()) memory_.OnDeadline(control_, !health_.away());
    if (serve_recalled_ && now >= *serve_recalled_) ServeRecalled();
    if (say_again_ && now >= *say_again_) {
      say_again_ = now + kPatience;
      if (!modules_by_) spdlog::warn("still waiting for the cluster: {}", fmt::join(source_->awaited(), ", "));
    }
  }

  void Observe(const cluster::WatchedKind& kind, const kube::Event& event) {
    const ResourceKey key{kind.info->kind, event.object.meta.namespace_, event.object.meta.name};
    const bool gone = event.kind == kube::Event::Kind::kDelete;
    gone ? statuses_.Gone(key) : statuses_.Observe(key, event.object);
    if (key.kind == Kind::kUpstream) discovery_.Observe(event);
    if (key.kind == Kind::kSettings && gone && key.name == options_.settings_name) {
      spdlog::warn(
          "the {} are gone; what they said stays in force here, but the next process begins with the defaults: "
          "apply them again, or restart this one",
          key.ToString());
    }
    memory_.Observe(kind, event);
  }

  void OnHealth(const cluster::WatchedKind& kind, const std::string& ns, const kube::Health& health) {
    if (health_.Tell(kind, ns, health, EventLoop::Now())) {
      // The others need not wait either.
      loop_.Post([this] { source_->Poke(); });
    }
    NoteAway();
    discovery_.SetHeard(kind.info->plural, ns, health.synced);
    if (serve_recalled_ && health_.away()) {
      serve_recalled_ = std::min(*serve_recalled_, EventLoop::Now() + kOutage);
    }
  }

  void NoteAway() {
    if (!health_.away()) return away_since_.reset();
    // At a start, what is forbidden is known from an earlier process alone.
    const bool recalled = health_.has_old() && !source_->complete();
    const Time since = EventLoop::Now() - (recalled ? memory_.Age() : std::chrono::seconds(0));
    away_since_ = std::min(away_since_.value_or(since), since);
  }

  // What was known at the end of an earlier process is not served while the cluster may answer at any moment, since it
  // may be older than what Envoys have; but it is the last good version of what is faulty now.
  void Recall() {
    memory_.Recall(*source_);
    const std::vector<Change> recalled = source_->TakeRecalled();
    if (recalled.empty()) return;
    control_.Hold();
    Apply(recalled);
    serve_recalled_ = EventLoop::Now() + kPatience;
  }

  void ServeRecalled() {
    serve_recalled_.reset();
    recalled_from_ = EventLoop::Now() - memory_.Age();
    spdlog::warn("the cluster does not answer: {} objects are served as they were known at {}", source_->store().size(),
                 memory_.AsOf());
    control_.Release();
    control_.SetServing();
    admin_.SetReady();
    ports_.Follow(Settings());
    wasm_.ListenInTime();
    control_.UpdateStatus();
  }

  discovery::Options DiscoveryOptions() const {
    const gloov1::Settings none;
    discovery::Options options = discovery::ReadOptions(source_ && Settings() ? *Settings() : none, options_.ns);
    options.enabled = options.enabled && options_.discovery;
    return options;
  }

  // Whatever came since the last call becomes one revision.
  void Take() {
    if (const std::vector<Change> early = source_->TakeEarly(); !early.empty()) {
      // Nobody sees anything of it before the rest is there.
      control_.Hold();
      Apply(early);
    }
    const std::optional<std::vector<Change>> changes = source_->Take();
    if (!changes) {
      // What was observed is perhaps a status that somebody changed.
      if (!source_->complete() || modules_by_) return;
      statuses_.Committed({});
      discovery_.Flush();
      return;
    }
    // Envoys are not told of a world without the listeners that wait for a module.
    if (say_again_ && control_.port() == 0) control_.Hold();
    Apply(*changes);
    for (const Change& change : *changes) applied_.push_back(change.key);
    if (!control_.held() || wasm_.settled()) return ServeComplete();
    serve_recalled_.reset();
    if (!modules_by_) modules_by_ = EventLoop::Now() + kModules;
  }

  // All objects are known, and what was applied is to be served.
  void ServeComplete() {
    modules_by_.reset();
    if (control_.held()) control_.Release();
    discovery_.SetOptions(DiscoveryOptions());
    discovery_.SetRate(ReadRate(Settings(), {}));
    statuses_.SetRate(ReadRate(Settings(), status::SyncOptions().rate));
    const bool begins = say_again_.has_value();
    if (begins) Begin();
    discovery_.Flush();
    // Nobody is answered before there is something to answer with.
    ports_.Follow(Settings());
    webhook_.Follow(Settings());
    wasm_.ListenInTime();
    control_.UpdateStatus();
    if (begins) {
      // Envoys connect now, and have waited for long enough.
      kube_loop_.At(kube::Loop::Now() + kEnvoysFirst, [this] { TellStatuses(); });
    } else {
      TellStatuses();
    }
  }

  void TellStatuses() {
    std::vector<ResourceKey> changed = verdicts_.TakeChanged();
    changed.insert(changed.end(), applied_.begin(), applied_.end());
    applied_.clear();
    statuses_.Committed(changed);
  }

  // Modules were pulled, or cannot be.
  void OnModules() {
    wasm_.Apply();
    AfterCommit();
    if (modules_by_ && wasm_.settled()) return ServeComplete();
    if (modules_by_ || control_.held() || !source_->complete()) return;
    statuses_.Committed(verdicts_.TakeChanged());
    control_.UpdateStatus();
  }

  void Apply(const std::vector<Change>& changes) {
    control_.Apply(changes, source_->problems());
    AfterCommit();
    for (const Change& change : changes) {
      if (change.key.kind != Kind::kService) continue;
      discovery_.SetService({change.key.ns, change.key.name}, change.As<core::Service>());
    }
  }

  // Each time it is made into a text, so only when it is another.
  void SayNacks() {
    const Nacks& nacks = control_.pipeline().nacks();
    if (std::exchange(nacks_said_, nacks.own_changes()) != nacks.own_changes()) exchange_.Say(nacks.Own());
  }

  void AfterCommit() {
    wasm_.AfterCommit();
    verdicts_.AfterCommit();
    ports_.AfterCommit();
    SayNacks();
  }

  // The first complete world is there.
  void Begin() {
    say_again_.reset();
    serve_recalled_.reset();
    recalled_from_.reset();
    memory_.Complete(*source_);
    spdlog::info("{} objects of the cluster are there", source_->store().size());
    if (health_.has_old()) {
      spdlog::warn("of kinds that cannot be followed they are as they were known at {}", memory_.AsOf());
    }
    control_.SetServing();
    admin_.SetReady();
    webhook_.SetReady();
    ports_.SetReady();
    discovery_.Complete();
    if (options_.discovery) TellDiscoverySwitches(Settings() ? *Settings() : gloov1::Settings());
    // Who is about to end would die with the Lease.
    if (end_by_) return;
    exchange_.Begin(Follow());
    leadership_.Begin([this] { return Random(); },
                      [this](bool leading) {
                        spdlog::info(leading ? "leads: writes statuses and discovered Upstreams"
                                             : "does not lead: writes no statuses");
                        statuses_.SetLeading(leading);
                        exchange_.SetLeading(leading);
                        discovery_.SetLeading(leading);
                      });
  }

  // The first time: what is due is written, and another may lead at once; the ports stay open for as long as callers
  // may not have heard of it. The second time: at once.
  void End() {
    if (end_by_) return loop_.Quit();
    const Time open_until = EventLoop::Now() + std::chrono::seconds(options_.drain_seconds);
    end_by_ = std::max(open_until, EventLoop::Now() + kFarewell);
    webhook_.Drain();
    const auto done = [this, open_until] {
      if (EventLoop::Now() >= open_until) return loop_.Quit();
      end_by_ = open_until;
    };
    if (!leadership_.begun()) return done();
    // Who leads next is to know it before Envoys come to him.
    exchange_.SetLeading(false);
    statuses_.Flush(kFlush, [this, done] { exchange_.Flush(kFlush, [this, done] { leadership_.Release(done); }); });
  }

  const GlooOptions options_;
  // First of all: it blocks signals in the threads that others start.
  EventLoop loop_;
  ClusterMemory memory_;
  std::unique_ptr<xds_auth::ClusterAccounts> accounts_;
  std::minstd_rand engine_{std::random_device()()};
  std::uniform_real_distribution<double> random_{0.0, 1.0};
  kube::Loop kube_loop_;
  kube::Credentials credentials_;
  kube::HttpClient client_;
  kube::Writer writer_;
  Leadership leadership_;
  ClusterHealth health_{
      [this](const cluster::WatchedKind& kind, const std::string& ns) { return source_->Knows(kind, ns); }};
  ControlPlane control_;
  GlooPorts ports_;
  WasmModules wasm_;
  status::Verdicts verdicts_;
  status::StatusWriter statuses_;
  replicas::NackExchange exchange_;
  uint64_t nacks_said_ = 0;
  std::optional<cluster::ClusterSource> source_;
  discovery::UpstreamDiscovery discovery_;
  admission::Webhook webhook_;
  GlooAdmin admin_;
  // Since when something of the cluster is not heard.
  std::optional<Time> away_since_;
  // When an earlier process heard what is served, while nothing newer is there.
  std::optional<Time> recalled_from_;
  std::optional<Time> say_again_;
  // When what is known from earlier is served, if nothing newer has come by then.
  std::optional<Time> serve_recalled_;
  // When the first world is served, if modules are being pulled until then.
  std::optional<Time> modules_by_;
  // Objects that were applied, and that nobody was told of yet.
  std::vector<ResourceKey> applied_;
  std::optional<Time> end_by_;
};

}  // namespace

int GlooInCluster(const GlooOptions& options) {
  absl::StatusOr<kube::ClientConfig> config =
      kube::LoadClientConfig(kube::RealEnvironment(), {options.kubeconfig, options.context});
  if (!config.ok()) {
    std::cerr << "gloo: " << std::string(config.status().message())
              << "\ngive --kubeconfig FILE for a cluster, or --dir DATA for folders of YAML\n";
    return 1;
  }
  spdlog::info("cluster {} ({})", config->server, config->origin);
  if (options.xds_auth.mode == kServiceAccountAuth) {
    spdlog::info("xDS: only for proxies with a token of their ServiceAccount for the audience {}",
                 options.xds_auth.audience);
  }
  return ClusterServer(options, std::move(*config)).Run();
}

}  // namespace k8sgw
