// access-log: what Envoys send of their access logs, as lines of JSON.

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <future>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "src/access_log/metrics.h"
#include "src/access_log/metrics_port.h"
#include "src/access_log/server.h"
#include "src/access_log/sink.h"
#include "src/cmd/components.h"
#include "src/cmd/event_loop.h"
#include "src/cmd/flags.h"
#include "src/cmd/log.h"

namespace k8sgw {
namespace {

using Time = EventLoop::Time;

// Envoy sends what it has gathered once a second, so streams that are silent for longer have nothing to say.
constexpr int64_t kQuietMs = 1500;
constexpr std::chrono::milliseconds kLook(50);
// When the time for the end is over: for what is being written to get there, and again for what is lost to be counted.
constexpr std::chrono::milliseconds kGrace(500);
// A log that nobody reads takes the last words as little as lines.
constexpr unsigned kLastWordsSeconds = 5;
constexpr int kGaveUp = 3;

constexpr char kHelp[] = R"(
An Envoy sends its entries by gRPC (ALS v3): an access log of type grpcService, or http_grpc and tcp_grpc in a bootstrap.
Each entry is a line of JSON on stdout, or in a file that is replaced when it is large; what this program itself has to
say is on stderr. Start times have nanoseconds, and durations are in nanoseconds.

  k8sgateway access-log | jq 'select(.response_code >= 500)'
  k8sgateway access-log --file /var/log/gateway/access.log --max-file-mib 100 --max-files 5

A slow disk slows down the reading of streams, and memory stays as it is. What cannot be written, on a full disk, is
counted and said. After SIGTERM, streams are read until they are silent for 1.5 s and all is written, at most
--drain-seconds; what the disk has not taken by then is lost, counted and said. The same signal again ends that at once.

/metrics on --metrics-port is for Prometheus; gRPC health knows "" and --service-name.
Exit codes: 0 after a signal, 1 when a port or the file cannot be had, 2 for wrong usage, 3 after a signal when something
was lost since it could not be written in time.)";

struct Options {
  int port = 8083;
  std::string bind = "::";
  std::string service_name = "AccessLog";
  int metrics_port = 9091;
  std::string file;
  int max_file_mib = 100;
  int max_files = 5;
  int buffer_mib = 16;
  int drain_seconds = 10;
  LogOptions log;
};

int Fail(const absl::Status& status) {
  std::cerr << "access-log: " << std::string(status.message()) << "\n";
  return 1;
}

access_log::OutputOptions OutputOf(const Options& options) {
  return {options.file, int64_t{options.max_file_mib} << 20, options.max_files};
}

class AccessLogServer {
 public:
  explicit AccessLogServer(const Options& options)
      : options_(options),
        sink_(OutputOf(options), static_cast<size_t>(options.buffer_mib) << 20,
              [](bool is_error, const std::string& what) {
                is_error ? spdlog::error("{}", what) : spdlog::info("{}", what);
              }) {}

  int Run() {
    const bool v6 = options_.bind.find(':') != std::string::npos;
    const std::string address = fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), options_.bind, options_.port);
    auto server = access_log::Server::Start({address, options_.service_name}, sink_, metrics_);
    if (!server.ok()) return Fail(server.status());
    server_ = *std::move(server);
    std::unique_ptr<access_log::MetricsPort> page;
    if (options_.metrics_port != 0) {
      auto opened = access_log::MetricsPort::Open(options_.metrics_port,
                                                  [this] { return metrics_.Text(sink_.stats(), server_->streams()); });
      if (!opened.ok()) return Fail(opened.status());
      page = *std::move(opened);
    }
    loop_.OnSignal([this](int signal) {
      if (signal != SIGCHLD) End();
    });
    loop_.SetDeadline([this] { return look_at_; }, [this](Time now) { Look(now); });
    spdlog::info("ready: access logs on {}", address);
    loop_.Run();
    return Finish();
  }

 private:
  void End() {
    if (look_at_) return loop_.Quit();
    server_->StopServing();
    end_by_ = EventLoop::Now() + std::chrono::seconds(options_.drain_seconds);
    ended_at_ = EventLoop::Now();
    Look(EventLoop::Now());
  }

  void Look(Time now) {
    look_at_ = now + kLook;
    const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now - ended_at_).count();
    const bool quiet = since >= kQuietMs && server_->quiet_ms() >= kQuietMs;
    const access_log::SinkStats stats = sink_.stats();
    // Streams that wait for the disk are silent, too, and have more to say.
    const bool is_written = stats.waiting == 0 && stats.queued_bytes == 0;
    if (is_written && !gave_up_ && (quiet || server_->streams() == 0)) return loop_.Quit();
    if (now < end_by_) return;
    if (now >= end_by_ + 2 * kGrace || (stats.waiting == 0 && !gave_up_)) return loop_.Quit();
    if (now < end_by_ + kGrace || gave_up_) return;
    // Streams are read on, to know what is lost.
    gave_up_ = true;
    sink_.GiveUp();
  }

  // Takes a second at the most, whatever does not come back.
  int Finish() {
    alarm(kLastWordsSeconds);
    const uint64_t unread = sink_.stats().waiting;
    const Time by = EventLoop::Now() + (gave_up_ ? std::chrono::milliseconds(0) : kGrace);
    const std::future<void> ended = std::async(std::launch::async, [this] { server_->Shutdown(); });
    // Its streams may wait for the sink.
    if (ended.wait_until(by) == std::future_status::timeout) sink_.GiveUp();
    ended.wait();
    sink_.Close(by);
    const access_log::SinkStats stats = sink_.stats();
    spdlog::info("{} entries were written, {} lost", stats.written_entries, stats.lost_entries);
    if (unread > 0) spdlog::error("{} streams had more to say, which is lost, too, and not counted", unread);
    if (stats.given_up_entries == 0) return unread > 0 ? kGaveUp : 0;
    spdlog::error("{} of the lost entries were given up, as {} did not take them in time", stats.given_up_entries,
                  options_.file.empty() ? "stdout" : options_.file);
    return kGaveUp;
  }

  const Options options_;
  EventLoop loop_;
  access_log::Sink sink_;
  access_log::Metrics metrics_;
  std::unique_ptr<access_log::Server> server_;
  // Of the end: when it came, when it must be over, and the next look at the streams.
  Time ended_at_{};
  Time end_by_{};
  std::optional<Time> look_at_;
  bool gave_up_ = false;
};

int AccessLog(const Options& options) {
  SetUpLog(options.log);
  // Said at once, not with the first entry.
  access_log::Output probe(OutputOf(options));
  if (const absl::Status status = probe.Open(); !status.ok()) return Fail(status);
  return AccessLogServer(options).Run();
}

}  // namespace

void AddAccessLog(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("access-log", "Write what Envoys send of their access logs as lines of JSON");
  const auto number = [&](const char* flag, int& value, const char* variable, int least, int most, const char* help) {
    command->add_option(flag, value, help)->envname(variable)->check(CLI::Range(least, most))->capture_default_str();
  };
  number("--port", options->port, "SERVER_PORT", 1, 65535, "Port for Envoys (gRPC)");
  command->add_option("--bind", options->bind, "Address to listen on; \"::\" for all")
      ->envname("K8SGATEWAY_BIND")
      ->capture_default_str();
  command->add_option("--service-name", options->service_name, "The name by which gRPC health is asked")
      ->envname("SERVICE_NAME")
      ->capture_default_str();
  number("--metrics-port", options->metrics_port, "DEBUG_PORT", 0, 65535, "Port for /metrics; 0 for none");
  command->add_option("--file", options->file, "Write lines to this file [stdout]")->envname("K8SGATEWAY_FILE");
  number("--max-file-mib", options->max_file_mib, "K8SGATEWAY_MAX_FILE_MIB", 1, 1 << 20,
         "A file that would be larger becomes FILE.1");
  number("--max-files", options->max_files, "K8SGATEWAY_MAX_FILES", 0, 1000, "How many older files are kept");
  number("--buffer-mib", options->buffer_mib, "K8SGATEWAY_BUFFER_MIB", 1, 4096,
         "Lines that may wait for the disk before streams are read no further");
  number("--drain-seconds", options->drain_seconds, "K8SGATEWAY_DRAIN_SECONDS", 0, 3600,
         "How long streams may go on at the end");
  AddLogFlags(*command, options->log, "LOG_LEVEL");
  command->footer(kHelp);
  command->callback([options, &exit_code] { exit_code = AccessLog(*options); });
}

}  // namespace k8sgw
