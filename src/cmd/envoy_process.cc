#include "src/cmd/envoy_process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "src/cmd/admin_page.h"
#include "src/cmd/child.h"
#include "src/cmd/envoy_module.h"

namespace k8sgw {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstBackoff = 100ms;
constexpr auto kLongestBackoff = 30s;
// A process that lived this long was healthy: the back-off starts anew.
constexpr auto kHealthyAfter = 10s;
constexpr auto kAdminPatience = 200ms;
constexpr int kLogPipeBytes = 1 << 20;

}  // namespace

EnvoyProcess::EnvoyProcess(EnvoyOptions options) : options_(std::move(options)), backoff_(kFirstBackoff) {
  if (pipe2(log_pipe_.data(), O_CLOEXEC) != 0) return;
  fcntl(log_pipe_[0], F_SETFL, O_NONBLOCK);
  // Envoy waits for us when the pipe is full, so it holds what Envoy says while we are busy.
  fcntl(log_pipe_[1], F_SETPIPE_SZ, kLogPipeBytes);
}

EnvoyProcess::~EnvoyProcess() {
  if (pid_ > 0) Stop(0ms);
  for (int fd : log_pipe_) {
    if (fd >= 0) close(fd);
  }
}

std::string EnvoyProcess::Bootstrap() const {
  // Delta ADS: what changed is sent, and nothing else. The cluster of the xDS server speaks HTTP/2 with keep-alive, so
  // a control plane that is gone without a word is noticed.
  return fmt::format(R"({{
  "node": {{"id": "k8sgateway-run", "cluster": "k8sgateway", "metadata": {{"role": "{}"{}}}}},
  "admin": {{"address": {{"socket_address": {{"address": "127.0.0.1", "port_value": {}}}}}}},
  "overload_manager": {{"resource_monitors": [{{
    "name": "envoy.resource_monitors.global_downstream_max_connections",
    "typed_config": {{
      "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
      "max_active_downstream_connections": "250000"}}}}]}},
  "dynamic_resources": {{
    "ads_config": {{"api_type": "DELTA_GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": true,
                   "grpc_services": [{{"envoy_grpc": {{"cluster_name": "xds_cluster"}}}}]}},
    "lds_config": {{"ads": {{}}, "resource_api_version": "V3"}},
    "cds_config": {{"ads": {{}}, "resource_api_version": "V3"}}
  }},
  "static_resources": {{"clusters": [{{
    "name": "xds_cluster", "type": "STATIC", "connect_timeout": "1s",
    "typed_extension_protocol_options": {{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {{
      "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
      "explicit_http_config": {{"http2_protocol_options": {{"connection_keepalive": {{"interval": "30s", "timeout": "5s"}}}}}}}}}},
    "load_assignment": {{"cluster_name": "xds_cluster", "endpoints": [{{"lb_endpoints": [{{"endpoint": {{
      "address": {{"socket_address": {{"address": "127.0.0.1", "port_value": {}}}}}}}}}]}}]}}
  }}, {{
    "name": "wasm-cache", "type": "STATIC", "connect_timeout": "1s",
    "load_assignment": {{"cluster_name": "wasm-cache", "endpoints": [{{"lb_endpoints": [{{"endpoint": {{
      "address": {{"socket_address": {{"address": "127.0.0.1", "port_value": {}}}}}}}}}]}}]}}
  }}]}}
}}
)",
                     options_.role, ModuleMetadata(options_.module_folder), options_.admin_port, options_.xds_port,
                     options_.wasm_port);
}

absl::Status EnvoyProcess::Start(Time now) {
  restart_at_.reset();
  if (access(options_.path.c_str(), X_OK) != 0) {
    return absl::NotFoundError(
        fmt::format("there is no Envoy at {}: put one beside this program, or name it with --envoy or K8SGATEWAY_ENVOY",
                    options_.path));
  }
  // The bootstrap is an argument, not a file: nothing is left behind, however we end. JSON is YAML.
  std::vector<std::string> args = {options_.path,           "--config-yaml",  Bootstrap(),
                                   "--disable-hot-restart", "--drain-time-s", std::to_string(kEnvoyDrainSeconds)};
  args.insert(args.end(), {"--log-format", "%l %n %v", "--log-format-escaped", "-l", options_.log_level});
  // Who watches the access log on a terminal does not wait for Envoy's 10 seconds.
  args.insert(args.end(), {"--file-flush-interval-msec", "200"});
  if (!options_.component_log_level.empty())
    args.insert(args.end(), {"--component-log-level", options_.component_log_level});
  if (options_.concurrency > 0) args.insert(args.end(), {"--concurrency", std::to_string(options_.concurrency)});
  std::vector<std::string> variables;
  if (!options_.module_folder.empty())
    variables.push_back(std::string(kModuleFolderVariable) + "=" + options_.module_folder);
  const absl::StatusOr<pid_t> pid = StartChild(args, log_pipe_[1], -1, variables);
  if (!pid.ok()) return pid.status();
  pid_ = *pid;
  started_ = now;
  return absl::OkStatus();
}

std::vector<std::string> EnvoyProcess::ReadLog() {
  std::vector<std::string> lines;
  char buffer[16 * 1024];
  for (ssize_t n; (n = read(log_pipe_[0], buffer, sizeof(buffer))) > 0;) {
    for (const char c : std::string_view(buffer, static_cast<size_t>(n))) {
      if (c != '\n') {
        log_line_ += c;
      } else {
        lines.push_back(std::exchange(log_line_, ""));
      }
    }
  }
  return lines;
}

std::string EnvoyProcess::OnChildExit(Time now) {
  int status = 0;
  if (pid_ <= 0 || waitpid(pid_, &status, WNOHANG) != pid_) return "";
  pid_ = -1;
  std::string how = HowItEnded(status);
  if (stopping_) return "Envoy " + how;
  if (now - started_ >= kHealthyAfter) backoff_ = kFirstBackoff;
  restart_at_ = now + backoff_;
  how = fmt::format("Envoy {}; it is started again in {} ms", how, backoff_.count());
  backoff_ = std::min<std::chrono::milliseconds>(backoff_ * 2, kLongestBackoff);
  return how;
}

absl::Status EnvoyProcess::OnTimer(Time now) {
  if (!restart_at_ || now < *restart_at_) return absl::OkStatus();
  ++restarts_;
  const absl::Status status = Start(now);
  if (!status.ok()) restart_at_ = now + kLongestBackoff;
  return status;
}

std::optional<AdminAnswer> EnvoyProcess::AskAdmin(const std::string& method, const std::string& path) const {
  return AdminPage({"127.0.0.1", options_.admin_port, ""}, kAdminPatience).Ask(method, path);
}

bool EnvoyProcess::Ready() const {
  const std::optional<AdminAnswer> answer = pid_ > 0 ? AskAdmin("GET", "/ready") : std::nullopt;
  return answer && answer->status == 200;
}

void EnvoyProcess::BeginDrain() {
  stopping_ = true;
  restart_at_.reset();
  if (pid_ <= 0) return;
  // First the connections that there are: their next answers say that they are the last. Then nobody new is let in.
  AskAdmin("POST", "/drain_listeners?graceful&skip_exit");
  AskAdmin("POST", "/drain_listeners");
}

bool EnvoyProcess::Idle() const {
  if (pid_ <= 0) return true;
  const std::optional<AdminAnswer> answer = AskAdmin("GET", "/stats?filter=downstream_rq_active$");
  const std::string stats = answer ? answer->body : "";
  // Lines such as `http.http.downstream_rq_active: 0`; the admin page's own request is one.
  std::string_view rest = stats;
  bool found = false;
  for (size_t at; (at = rest.find("downstream_rq_active: ")) != std::string_view::npos;) {
    const size_t line = rest.rfind('\n', at) + 1;
    const bool admin = rest.substr(line, at - line).find("http.admin.") != std::string_view::npos;
    rest.remove_prefix(at + 22);
    if (!admin && !rest.starts_with("0")) return false;
    found = true;
  }
  return found;
}

void EnvoyProcess::Stop(std::chrono::milliseconds patience) {
  stopping_ = true;
  restart_at_.reset();
  if (pid_ <= 0) return;
  EndChild(pid_, patience);
  pid_ = -1;
}

}  // namespace k8sgw
