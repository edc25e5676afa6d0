// An Envoy of our own: started with a bootstrap that points to our xDS server, restarted with back-off when it dies,
// drained when we end. Never with hot restart: there is one, and its listeners are ours to move.
//
// Driven by its owner's event loop: poll log_fd() and call ReadLog; call OnChildExit on SIGCHLD, and OnTimer when
// deadline() has passed.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "src/cmd/admin_page.h"

namespace k8sgw {

// How long connections of a listener that was replaced may stay.
inline constexpr int kEnvoyDrainSeconds = 2;

struct EnvoyOptions {
  std::string path;
  // Loopback ports of our xDS server and of Envoy's admin pages.
  int xds_port = 0;
  int admin_port = 0;
  // Of our cache of WebAssembly modules.
  int wasm_port = 0;
  // 0: one worker per core.
  int concurrency = 0;
  std::string log_level = "warning";
  // Exceptions, such as "main:error,config:error".
  std::string component_log_level;
  // node.metadata.role.
  std::string role;
  // Where our module is; "" for nowhere.
  std::string module_folder;
};

class EnvoyProcess {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit EnvoyProcess(EnvoyOptions options);
  // Kills the process if it is still there.
  ~EnvoyProcess();
  EnvoyProcess(const EnvoyProcess&) = delete;
  EnvoyProcess& operator=(const EnvoyProcess&) = delete;

  // Errors: no such program (the text says how to name another), no more processes.
  absl::Status Start(Time now);
  // What Envoy writes to its log, to be polled for reading; then ReadLog has the new whole lines, such as
  // "warning main message" (level, component, words).
  int log_fd() const { return log_pipe_[0]; }
  std::vector<std::string> ReadLog();
  // The process has ended, or not: call on SIGCHLD. Schedules a restart; returns the words for the log, "" when it
  // still runs.
  std::string OnChildExit(Time now);
  // When OnTimer wants to be called: a restart is due.
  std::optional<Time> deadline() const { return restart_at_; }
  absl::Status OnTimer(Time now);

  // True when Envoy says that it is initialised: its first configuration is loaded. Asks its admin page, briefly.
  bool Ready() const;
  // Tells Envoy to stop taking connections and to finish those that it has.
  void BeginDrain();
  // True when no request is in flight, as when there is no Envoy.
  bool Idle() const;
  // Ends it: SIGTERM, then after `patience` SIGKILL. No restart after this.
  void Stop(std::chrono::milliseconds patience);
  bool running() const { return pid_ > 0; }
  int restarts() const { return restarts_; }

 private:
  std::string Bootstrap() const;
  std::optional<AdminAnswer> AskAdmin(const std::string& method, const std::string& path) const;

  const EnvoyOptions options_;
  std::array<int, 2> log_pipe_{-1, -1};  // read, write
  std::string log_line_;
  pid_t pid_ = -1;
  Time started_;
  std::optional<Time> restart_at_;
  std::chrono::milliseconds backoff_;
  int restarts_ = 0;
  bool stopping_ = false;
};

}  // namespace k8sgw
