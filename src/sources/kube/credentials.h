// Who we are, as of now: reads the files that a ClientConfig names again when they may have been rotated, and runs its
// exec plugin when what that gave has expired. What cannot be read, or is being written, leaves the last good version.
//
// Get waits for the plugin. Who must not wait asks MustRun before, runs what it gives on another thread, and hands the
// result to Take; then Get has nothing to wait for.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/ptr.h"
#include "src/sources/kube/client_config.h"

namespace k8sgw::kube {

// What one request needs.
struct Identity {
  std::string ca_pem;  // "" means the system's authorities
  std::string certificate_pem;
  std::string key_pem;
  // Whole lines, such as "Authorization: Bearer x".
  std::vector<std::string> headers;

  bool operator==(const Identity&) const = default;
};

// Runs a plugin with KUBERNETES_EXEC_INFO in its environment; returns what it printed.
using ExecRunner = std::function<absl::StatusOr<std::string>(const ExecPlugin& plugin, const std::string& exec_info)>;

// The real one: gives up, and kills, after `timeout`. It waits for the plugin, and so does the thread that calls it.
ExecRunner RealExecRunner(std::chrono::milliseconds timeout = std::chrono::seconds(30));

class Credentials {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using WallTime = std::chrono::system_clock::time_point;

  struct Options {
    // Files are read again after this time.
    std::chrono::milliseconds reread{10'000};
    // A plugin that failed is not run again before, from its end on.
    std::chrono::milliseconds exec_retry{5'000};
  };

  Credentials(ClientConfig config, Environment environment, ExecRunner run, Options options);

  // `fresh`: the server refused what we had, so read, or run, again. Errors name the file or the plugin.
  absl::StatusOr<Ptr<Identity>> Get(Time now, WallTime wall, bool fresh = false);

  // A run of the plugin, on any thread; it needs nothing of this object.
  using PluginRun = std::function<absl::StatusOr<std::string>()>;
  // Empty when none is needed.
  PluginRun MustRun(Time now, WallTime wall, bool fresh);
  // What it printed; `now` is when it ended.
  void Take(Time now, const absl::StatusOr<std::string>& printed);
  // What Get said last; nullptr before.
  const Ptr<Identity>& current() const { return identity_; }

  const ClientConfig& config() const { return config_; }

 private:
  // The last good content of a Material.
  struct Cached {
    std::string text;
    bool good = false;
  };
  struct ExecResult {
    std::string token;
    std::string certificate_pem;
    std::string key_pem;
    std::optional<WallTime> expires;
  };

  // They are for servers that are known by their certificate.
  bool UsesTls() const { return config_.server.starts_with("https://"); }
  absl::Status Read(const Material& material, bool pem, Cached& cached) const;
  absl::Status ReadAll();
  // Unless that was a moment ago.
  absl::Status ReadInTime(Time now, bool fresh);
  absl::Status ReadPrinted(const absl::StatusOr<std::string>& printed);
  std::string ExecInfo() const;
  Identity Build() const;

  const ClientConfig config_;
  const Environment environment_;
  const ExecRunner run_;
  const Options options_;
  std::optional<Time> read_at_;
  Cached ca_;
  Cached certificate_;
  Cached key_;
  Cached token_;
  std::optional<ExecResult> exec_;
  absl::Status exec_error_;
  std::optional<Time> exec_tried_;
  Ptr<Identity> identity_;
};

}  // namespace k8sgw::kube
