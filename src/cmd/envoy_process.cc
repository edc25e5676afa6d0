#include "src/cmd/envoy_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "src/cmd/envoy_module.h"

namespace k8sgw {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstBackoff = 100ms;
constexpr auto kLongestBackoff = 30s;
// A process that lived this long was healthy: the back-off starts anew.
constexpr auto kHealthyAfter = 10s;
constexpr int kAdminTimeoutMs = 200;
constexpr int kLogPipeBytes = 1 << 20;

bool WriteAll(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void BecomeEnvoy(pid_t parent, const char* path, char* const* argv, char* const* envp, int log_fd) {
  // It must not outlive us, even when we are killed.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(0);
  // Ctrl-C on the terminal is for us; we drain Envoy ourselves.
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (log_fd >= 0) dup2(log_fd, STDERR_FILENO);
  execve(path, argv, envp);
  _exit(127);
}

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
  }}]}}
}}
)",
                     options_.role, ModuleMetadata(options_.module_folder), options_.admin_port, options_.xds_port);
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
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  std::string modules = std::string(kModuleFolderVariable) + "=" + options_.module_folder;
  std::vector<char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (options_.module_folder.empty() || !text.starts_with(kModuleFolderVariable)) variables.push_back(*variable);
  }
  if (!options_.module_folder.empty()) variables.push_back(modules.data());
  variables.push_back(nullptr);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) BecomeEnvoy(parent, options_.path.c_str(), argv.data(), variables.data(), log_pipe_[1]);
  if (pid_ < 0) return absl::UnavailableError("cannot start a process for Envoy");
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
  std::string how = WIFSIGNALED(status) ? fmt::format("was ended by signal {}", WTERMSIG(status))
                                        : fmt::format("ended with status {}", WEXITSTATUS(status));
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

std::string EnvoyProcess::AskAdmin(const std::string& method, const std::string& path) const {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return "";
  const timeval timeout{0, kAdminTimeoutMs * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(options_.admin_port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      WriteAll(fd,
               method + " " + path + " HTTP/1.1\r\nhost: admin\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")) {
    char buffer[4096];
    for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;) answer.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  return answer;
}

bool EnvoyProcess::Ready() const { return pid_ > 0 && AskAdmin("GET", "/ready").starts_with("HTTP/1.1 200"); }

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
  const std::string stats = AskAdmin("GET", "/stats?filter=downstream_rq_active$");
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
  kill(pid_, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= until) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      break;
    }
    poll(nullptr, 0, 2);
  }
  pid_ = -1;
}

}  // namespace k8sgw
