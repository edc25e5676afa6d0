#include "src/cmd/wasm_modules.h"

#include <google/protobuf/struct.pb.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/extensions.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "plugins/wasm/wasm.proto.h"
#include "src/model/inputs.h"
#include "src/model/kubernetes_secret.h"
#include "src/wasm_cache/answer.h"

namespace k8sgw {
namespace {

constexpr std::chrono::milliseconds kAwaitStep(5);

wasm_cache::CacheOptions CacheOptionsOf(const WasmOptions& options) {
  wasm_cache::CacheOptions out;
  out.pull.fetch.ca_file = options.ca_file;
  out.pull.fetch.plain_http = {options.plain_http.begin(), options.plain_http.end()};
  out.pull.max_module_bytes = static_cast<size_t>(options.max_module_mib) << 20;
  out.store.folder = options.cache_dir;
  out.store.max_bytes = static_cast<uint64_t>(options.cache_mib) << 20;
  out.registries = {options.registries.begin(), options.registries.end()};
  out.recheck = std::chrono::seconds(options.recheck_seconds);
  out.random = [engine = std::make_shared<std::minstd_rand>(std::random_device()())] {
    return std::uniform_real_distribution<double>(0, 1)(*engine);
  };
  return out;
}

void AddImages(const proxy::Listener& listener, std::set<std::string>& images) {
  for (const auto& filter : listener.spec->http_listener().options().wasm().filters()) {
    if (!filter.image().empty()) images.insert(filter.image());
  }
}

// "" when it has none.
std::string UsersIn(const gloov1::Secret& secret) {
  const auto& configs = secret.extensions().configs();
  const auto config = configs.find(kRegistryUsers);
  if (config == configs.end()) return "";
  const auto value = config->second.fields().find(kRegistryUsersKey);
  return value == config->second.fields().end() ? "" : value->second.string_value();
}

// "NAMESPACE/NAME", which the flag has checked.
SecretRef RefOf(const std::string& text) {
  const size_t slash = text.find('/');
  return {text.substr(0, slash), text.substr(slash + 1)};
}

}  // namespace

WasmOptions WithStateDir(WasmOptions wasm, const std::string& state_dir) {
  if (wasm.cache_dir.empty() && !state_dir.empty()) wasm.cache_dir = state_dir + "/wasm";
  return wasm;
}

WasmModules::WasmModules(const WasmOptions& options, ControlPlane& control, EventLoop& loop,
                         std::function<void()> on_change)
    : options_(options),
      control_(control),
      loop_(loop),
      on_change_(std::move(on_change)),
      cache_(std::make_unique<wasm_cache::Cache>(CacheOptionsOf(options_), [this] { loop_.Post(on_change_); })),
      port_({"WASM cache", "--wasm-bind", [this](const std::string& address) { return ListenOn(address); },
             [this] { server_.reset(); }, [this] { return port(); }},
            [](const std::string&) { return "WASM cache"; }) {}

WasmModules::~WasmModules() = default;

absl::Status WasmModules::ListenOn(const std::string& address) {
  http::ServerOptions server;
  server.address = address;
  // Requests have none.
  server.most_body_bytes = 1024;
  auto opened = http::Server::Open(
      std::move(server),
      {[cache = cache_.get()](const http::Request& request, const http::Reply& reply) {
         reply(wasm_cache::AnswerFor(request, [&](const std::string& sha256) { return cache->Read(sha256); }));
       },
       [](const std::string& message, bool is_error) {
         is_error ? spdlog::error("WASM cache: {}", message) : spdlog::info("WASM cache: {}", message);
       }},
      counters_);
  if (!opened.ok()) return opened.status();
  server_ = std::move(*opened);
  return absl::OkStatus();
}

void WasmModules::AfterCommit() {
  FollowSecret();
  FollowImages();
}

void WasmModules::FollowImages() {
  Pipeline& pipeline = control_.pipeline();
  if (pipeline.gateway().listeners().changed_slots().empty() &&
      pipeline.envoy().served_listeners().changed_slots().empty()) {
    return;
  }
  std::set<std::string> images;
  pipeline.gateway().listeners().ForEach(
      [&](const proxy::ListenerKey&, const Ptr<proxy::Listener>& listener) { AddImages(*listener, images); });
  std::set<std::string> in_use;
  // The last good version of a listener is served with what it was good with.
  pipeline.envoy().served_listeners().ForEach([&](const proxy::ListenerKey&, const Ptr<proxy::Listener>& listener) {
    for (const auto& [image, sha256] : listener->wasm_modules) {
      images.insert(image);
      in_use.insert(sha256);
    }
  });
  cache_->Want(images, std::move(in_use));
}

void WasmModules::FollowSecret() {
  if (options_.pull_secret.empty()) return;
  const SecretRef ref = RefOf(options_.pull_secret);
  Ptr<Object<gloov1::Secret>> secret = control_.pipeline().inputs().secrets.Get(ref);
  if (secret == secret_) return;
  secret_ = std::move(secret);
  const auto warn = [&](std::string_view what) {
    spdlog::warn(
        "WASM cache: Secret {}: data[\"{}\"] {}, so modules are pulled without a user and password: make it with "
        "kubectl create secret docker-registry",
        options_.pull_secret, kRegistryUsersKey, what);
  };
  wasm_cache::Logins logins;
  if (secret_) {
    const std::string users = UsersIn(secret_->spec);
    if (users.empty()) {
      warn("is missing, or the Secret is of another type than kubernetes.io/dockerconfigjson");
    } else if (auto parsed = wasm_cache::ParseDockerConfig(users); parsed.ok()) {
      logins = std::move(*parsed);
    } else {
      warn(std::string(parsed.status().message()));
    }
  }
  cache_->SetLogins(std::move(logins));
}

void WasmModules::Await(std::chrono::milliseconds patience) {
  const EventLoop::Time end = EventLoop::Now() + patience;
  while (!settled() && EventLoop::Now() < end) {
    std::this_thread::sleep_for(kAwaitStep);
    Apply();
    AfterCommit();
  }
}

void WasmModules::Apply() { control_.ApplyWasmModules(cache_->TakeChanged()); }

}  // namespace k8sgw
