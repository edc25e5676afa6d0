// The subcommands. Each returns the exit code of the process: 0, 1 for what is wrong with the input or the machine, 2
// for what is wrong with the command line.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "src/base/address.h"

namespace k8sgw {

struct LogOptions {
  std::string level = "info";
  std::string format = "text";  // or "json": one object a line
};

// The cache of WebAssembly modules.
struct WasmOptions {
  // HOST:PORT where Envoys get modules.
  std::string bind{};
  // "" for a folder that ends with the process.
  std::string cache_dir{};
  int cache_mib = 1024;
  int max_module_mib = 64;
  int recheck_seconds = 300;
  // HOST:PORT
  std::vector<std::string> plain_http{};
  // Empty for all.
  std::vector<std::string> registries{};
  // NAMESPACE/NAME, or "".
  std::string pull_secret{};
  // PEM
  std::string ca_file{};
};

// What holds for every translation.
struct PolicyOptions {
  bool header_secrets_match_upstreams = false;
};

struct RunOptions {
  std::string directory;
  // HOST:PORT: send everything there; needs no directory.
  std::string to;
  std::string bind = "127.0.0.1";
  int http_port = 8080;
  int https_port = 8443;
  int admin_port = 19000;
  int xds_port = 9977;
  std::string envoy;
  int concurrency = 0;
  int drain_seconds = 5;
  std::string status_file;
  // Where last good versions outlive a restart; "" for nowhere.
  std::string state_dir;
  std::string route_shards = "auto";
  WasmOptions wasm{.bind = "127.0.0.1:0"};
  PolicyOptions policy;
  LogOptions log;
};

// Who gets configuration over xDS: whoever asks, or proxies that show a token of their ServiceAccount.
inline constexpr char kNoAuth[] = "none";
inline constexpr char kServiceAccountAuth[] = "service-account";

struct XdsAuthOptions {
  std::string mode = kNoAuth;
  std::string audience = "k8sgateway-xds";
  // NAMESPACE/ACCOUNT=NAMESPACE~PROXY
  std::vector<std::string> allow;
  int recheck_seconds = 300;
  // Validation and proxy debug answer anybody all the same.
  bool open_services = false;
};

// The ports for those who run it; "" for none.
struct AdminOptions {
  std::string health_bind = AnyAddress(8765);
  // Opens stats_bind.
  bool stats = false;
  std::string stats_bind = AnyAddress(9091);
  std::string admin_bind = "127.0.0.1:9095";
  // Of the certificate of mTLS, without its key; "" for none.
  std::string mtls_dir;
  // Of this program, and the namespace of its installation; for metrics.
  std::string version;
  std::string installation;
};

// Who of several replicas writes.
struct LeaderOptions {
  // Every replica leads. For installations of one.
  bool disabled = false;
  std::chrono::milliseconds lease_duration{15'000};
  std::chrono::milliseconds renew_period{10'000};
  std::chrono::milliseconds retry_period{2'000};
};

// HOST:PORT in the place of what Settings say; "" for what these say.
struct XdsBindOptions {
  std::string grpc;
  std::string rest;
};

struct GlooOptions {
  // "" for objects of a cluster.
  std::string directory;
  // Of the cluster; "" for what kubectl would take, and the service account of a pod.
  std::string kubeconfig;
  std::string context;
  // POD_NAMESPACE of the original: where Settings stand and Proxies are written.
  std::string ns = "gloo-system";
  std::string settings_name = "default";
  // How objects of a cluster are listed: whole, pages or stream.
  std::string lists = "whole";
  // Reasons in statuses are not cut.
  bool long_statuses = false;
  // Where Envoys without a known role are told to listen.
  int fallback_port = 8080;
  // The Envoy that fullEnvoyValidation asks, as in RunOptions.
  std::string envoy;
  // HOST:PORT of the validating webhook.
  std::string webhook_bind = AnyAddress(8443);
  XdsBindOptions xds_bind;
  std::string status_file;
  // As in RunOptions.
  std::string state_dir;
  XdsAuthOptions xds_auth;
  WasmOptions wasm{.bind = AnyAddress(9979)};
  AdminOptions admin;
  std::string route_shards = "auto";
  PolicyOptions policy;
  // In a cluster: Services get Upstreams by themselves.
  bool discovery = true;
  // In a cluster: for so long everything is served on after SIGTERM, for those who have not heard of it.
  int drain_seconds = 0;
  LeaderOptions leader;
  LogOptions log;
};

struct TranslateOptions {
  std::string directory;
  std::string what = "envoy";   // proxy, envoy or reports
  std::string output = "yaml";  // or json
  PolicyOptions policy;
};

struct ValidateOptions {
  std::string directory;
  bool ask_envoy = false;
  std::string envoy;
  PolicyOptions policy;
};

struct ExplainOptions {
  std::string directory;
  std::string request;
  std::vector<std::string> headers;
  PolicyOptions policy;
};

struct CrdsOptions {
  // Where the files go; empty: all to stdout.
  std::string directory;
  bool no_descriptions = false;
};

int Run(const RunOptions& options);
int Gloo(const GlooOptions& options);
// The same, fed by a cluster.
int GlooInCluster(const GlooOptions& options);
int Translate(const TranslateOptions& options);
int Validate(const ValidateOptions& options);
int ExplainRequest(const ExplainOptions& options);
int Crds(const CrdsOptions& options);

}  // namespace k8sgw
