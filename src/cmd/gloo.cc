// gloo: the control plane alone, fed by folders that Settings name, for Envoys that others start.

#include <fmt/core.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <optional>

#include "api/gloo/v1/settings.proto.h"
#include "src/cmd/commands.h"
#include "src/cmd/control_plane.h"
#include "src/cmd/folder.h"
#include "src/cmd/gloo_admin.h"
#include "src/cmd/gloo_ports.h"
#include "src/cmd/gloo_webhook.h"
#include "src/cmd/last_good.h"
#include "src/cmd/log.h"
#include "src/cmd/route_shards.h"
#include "src/cmd/wasm_modules.h"
#include "src/sources/file/directory_source.h"

namespace k8sgw {
namespace {

using Time = EventLoop::Time;

// How long the first world waits for modules that are being pulled: Envoys that have a listener with one would lose it.
constexpr std::chrono::seconds kModules(2);

// A folder that feeds the graph, and what it contributed: all of it is taken back when Settings name another.
struct Feed {
  explicit Feed(const std::string& path) : source(path, kDefaultNamespace) {}
  file::DirectorySource source;
  std::set<ResourceKey> objects;
};

class GlooServer {
 public:
  explicit GlooServer(const GlooOptions& options)
      : options_(options),
        control_(Control(options), loop_, [this](const Problem& problem) { return Locate(problem); }),
        keeper_(options.state_dir, control_),
        ports_(control_, loop_, options.xds_bind, [this](const std::string& field) { return SettingsPlace(field); }),
        wasm_(WithStateDir(options.wasm, options.state_dir), control_, loop_, [this] { OnModules(); }),
        webhook_(
            WebhookOf(options), control_.pipeline(),
            [this](std::function<void()> work) { loop_.Post(std::move(work)); },
            NamespacesOfFiles([this] { return Settings(); }, options.ns), [this] { return Settings(); }, LogOfWebhook),
        admin_(options.admin, control_, loop_, [this] { return AdminFacts(); }) {}

  int Run() {
    const std::string settings_folder = options_.directory + "/" + options_.ns;
    MakeFolder(settings_folder);
    settings_source_.emplace(settings_folder, options_.ns, FindKind("Settings"));
    std::vector<Change> changes = ReadSettings(settings_source_->Start());
    if (!settings_ && !settings_source_->problems().empty()) return RefuseSettings();
    loop_.Watch(settings_source_->fd(), [this] { Apply(ReadSettings(settings_source_->OnReadable())); });
    admin_.Open();
    ApplyFirst(std::move(changes));
    if (control_.port() == 0) return 1;
    control_.SetServing();
    admin_.SetReady();
    webhook_.SetReady();
    loop_.OnSignal([this](int signal) {
      if (signal != SIGCHLD) loop_.Quit();
    });
    loop_.SetDeadline([this] { return NextDeadline(); }, [this](Time now) { OnDeadline(now); });
    loop_.Run();
    admin_.Stop();
    webhook_.Stop();
    ports_.Stop();
    control_.Shutdown();
    return 0;
  }

 private:
  // What is faulty at the start is served as it was when it was good.
  void ApplyFirst(std::vector<Change> changes) {
    control_.Hold();
    Apply(std::move(changes));
    for (const auto& [path, feed] : feeds_) {
      for (const std::vector<Change>& step : feed->source.Revive(control_.ObjectsWithErrors())) {
        std::vector<Change> taken;
        Take(*feed, step, taken);
        Apply(std::move(taken));
      }
    }
    wasm_.Await(kModules);
    control_.Release();
    for (const auto& [path, feed] : feeds_) feed->source.ForgetLines();
    ports_.SetReady();
    Listen();
    wasm_.ListenInTime();
    control_.UpdateStatus();
  }

  std::optional<Time> NextDeadline() const {
    std::optional<Time> next;
    for (const std::optional<Time>& time :
         {ports_.deadline(), admin_.deadline(), control_.deadline(), keeper_.deadline(), wasm_.deadline()}) {
      if (time && (!next || *time < *next)) next = time;
    }
    return next;
  }

  void OnDeadline(Time now) {
    ports_.OnDeadline(now);
    admin_.OnDeadline(now);
    wasm_.OnDeadline(now);
    if (control_.deadline() && now >= *control_.deadline()) control_.UpdateStatus();
    if (!keeper_.deadline() || now < *keeper_.deadline()) return;
    std::set<file::DirectorySource*> sources;
    for (const auto& [path, feed] : feeds_) sources.insert(&feed->source);
    keeper_.Keep(sources);
  }

  GlooAdmin::Facts AdminFacts() const {
    GlooAdmin::Facts facts;
    facts.namespaces = settings_ ? static_cast<size_t>(settings_->spec.watch_namespaces_size()) : 0;
    facts.rest_requests = ports_.rest_requests();
    facts.webhook = &webhook_.counters();
    return facts;
  }

  ControlPlaneOptions Control(const GlooOptions& options) {
    ControlPlaneOptions control;
    control.pipeline.settings.write_namespace = options.ns;
    control.pipeline.clock = [] { return std::time(nullptr); };
    control.fallback_port = static_cast<uint32_t>(options.fallback_port);
    control.pipeline.header_secrets_match_upstreams = options.policy.header_secrets_match_upstreams;
    control.route_shards = RouteShards(options.route_shards);
    control.status_file = options.status_file;
    GlooAdmin::Observe(admin_, control);
    return control;
  }

  // Never fatal: a folder that cannot be made is watched for, and may come later.
  void MakeFolder(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) spdlog::warn("cannot make folder {}: {}", path, error.message());
  }

  // Whoever wrote Settings did not mean the defaults: nothing is served from the wrong folder or on the wrong port.
  int RefuseSettings() {
    for (const file::FileProblem& problem : settings_source_->problems()) {
      const std::string place = file::FormatPlace(settings_source_->root(), problem.place);
      std::cerr << "gloo: " << (place.empty() ? settings_source_->root() : place) << ": " << problem.problem.ToString()
                << "\n";
    }
    return 1;
  }

  // The Settings among the changes decide where objects come from and which ports are opened.
  std::vector<Change> ReadSettings(std::vector<Change> changes) {
    std::vector<Change> out;
    for (Change& change : changes) {
      if (change.key.kind != Kind::kSettings || change.key.name != options_.settings_name) continue;
      if (change.gone()) {
        // Their folders would go with them, and so would everything that is served.
        spdlog::warn("the {} are gone from {}; what they said stays in force", change.key.ToString(),
                     settings_source_->root());
        continue;
      }
      settings_ = change.As<gloov1::Settings>();
      out.push_back(std::move(change));
    }
    return out;
  }

  // Absolute paths are used as they are; others stand below DATA.
  std::string FolderPath(const std::string& path) const {
    return path.starts_with('/') ? path : options_.directory + "/" + path;
  }

  std::set<std::string> WantedFolders() const {
    std::set<std::string> wanted;
    const gloov1::Settings none;
    const gloov1::Settings& settings = settings_ ? settings_->spec : none;
    const auto add = [&](const std::string& path) {
      if (!path.empty()) wanted.insert(FolderPath(path));
    };
    if (settings.has_directory_config_source()) add(settings.directory_config_source().directory());
    if (settings.has_directory_secret_source()) add(settings.directory_secret_source().directory());
    if (settings.has_directory_artifact_source()) add(settings.directory_artifact_source().directory());
    for (const auto& source : settings.secret_options().sources()) add(source.directory().directory());
    // Without any Settings everything is read from DATA itself.
    if (wanted.empty()) wanted.insert(options_.directory);
    return wanted;
  }

  // nullptr when there are none.
  const gloov1::Settings* Settings() const { return settings_ ? &settings_->spec : nullptr; }

  void Listen() {
    ports_.Follow(Settings());
    webhook_.Follow(NamesWebhookFiles(Settings()) ? Settings() : nullptr);
  }

  // Where the Settings stand, for messages about them.
  std::string SettingsPlace(const std::string& field) const {
    const ResourceKey settings{Kind::kSettings, options_.ns, options_.settings_name};
    const std::string place = file::FormatPlace(settings_source_->root(), settings_source_->Locate(settings, field));
    return place.empty() ? settings.ToString() : place + ": " + settings.ToString();
  }

  // What all folders together say of an object: one may be inside of another, and the first by path counts.
  Change Current(const ResourceKey& key) const {
    Change change;
    change.key = key;
    for (const auto& [path, feed] : feeds_) {
      change = feed->source.Current(key);
      if (!change.gone()) break;
    }
    return change;
  }

  void Take(Feed& feed, const std::vector<Change>& changes, std::vector<Change>& out) {
    for (const Change& change : changes) {
      // Settings are read from their own folder only.
      if (change.key.kind == Kind::kSettings) continue;
      if (change.gone()) {
        feed.objects.erase(change.key);
      } else {
        feed.objects.insert(change.key);
      }
      out.push_back(Current(change.key));
    }
  }

  void SyncFolders(std::vector<Change>& changes) {
    const std::set<std::string> wanted = WantedFolders();
    for (auto it = feeds_.begin(); it != feeds_.end();) {
      if (wanted.contains(it->first)) {
        ++it;
        continue;
      }
      const std::unique_ptr<Feed> old = std::move(it->second);
      it = feeds_.erase(it);
      loop_.Unwatch(old->source.fd());
      for (const ResourceKey& key : old->objects) changes.push_back(Current(key));
    }
    for (const std::string& path : wanted) {
      if (feeds_.contains(path)) continue;
      MakeFolder(path);
      Feed* feed = feeds_.emplace(path, std::make_unique<Feed>(path)).first->second.get();
      keeper_.Attach(feed->source);
      Take(*feed, feed->source.Start(), changes);
      loop_.Watch(feed->source.fd(), [this, feed] {
        std::vector<Change> more;
        Take(*feed, feed->source.OnReadable(), more);
        Apply(std::move(more));
      });
    }
  }

  void Apply(std::vector<Change> changes) {
    SyncFolders(changes);
    places_.clear();
    Problems problems;
    const auto add = [&](const file::DirectorySource& source) {
      for (const file::FileProblem& problem : source.problems()) {
        places_[problem.problem] = file::FormatPlace(source.root(), problem.place);
        problems.push_back(problem.problem);
      }
    };
    add(*settings_source_);
    for (const auto& [path, feed] : feeds_) add(feed->source);
    control_.Apply(changes, problems);
    wasm_.AfterCommit();
    ports_.AfterCommit();
    keeper_.Touch();
    if (control_.held()) return;
    for (const auto& [path, feed] : feeds_) feed->source.ForgetLines();
    Listen();
    control_.UpdateStatus();
  }

  // Modules were pulled, or cannot be.
  void OnModules() {
    wasm_.Apply();
    wasm_.AfterCommit();
    ports_.AfterCommit();
    keeper_.Touch();
    if (!control_.held()) control_.UpdateStatus();
  }

  std::string Locate(const Problem& problem) const {
    if (const auto it = places_.find(problem); it != places_.end()) return it->second;
    if (problem.object.kind == Kind::kSettings && settings_source_) {
      return file::FormatPlace(settings_source_->root(), settings_source_->Locate(problem.object, problem.path));
    }
    for (const auto& [path, feed] : feeds_) {
      const std::string place = file::FormatPlace(path, feed->source.Locate(problem.object, problem.path));
      if (!place.empty()) return place;
    }
    return "";
  }

  const GlooOptions options_;
  EventLoop loop_;
  std::optional<file::DirectorySource> settings_source_;
  std::map<std::string, std::unique_ptr<Feed>> feeds_;
  ControlPlane control_;
  LastGoodKeeper keeper_;
  Ptr<Object<gloov1::Settings>> settings_;
  GlooPorts ports_;
  WasmModules wasm_;
  admission::Webhook webhook_;
  GlooAdmin admin_;
  std::map<Problem, std::string> places_;
};

}  // namespace

int Gloo(const GlooOptions& options) {
  SetUpLog(options.log);
  if (options.directory.empty()) return GlooInCluster(options);
  if (options.xds_auth.mode != kNoAuth) {
    std::cerr << "gloo: --xds-auth " << options.xds_auth.mode
              << " asks the API server about tokens, and --dir has none: leave one of them away\n";
    return 2;
  }
  return GlooServer(options).Run();
}

}  // namespace k8sgw
