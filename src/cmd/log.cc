#include "src/cmd/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <utility>

#include "src/base/printable.h"

namespace k8sgw {
namespace {

std::string_view View(spdlog::string_view_t text) { return {text.data(), text.size()}; }

// {"ts":1700000000.123,"level":"error","msg":"…"}
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    using std::chrono::milliseconds;
    const auto time = std::chrono::duration_cast<milliseconds>(message.time.time_since_epoch()).count();
    fmt::format_to(std::back_inserter(out), "{{\"ts\":{}.{:03},\"level\":\"{}\",\"msg\":\"{}\"}}\n", time / 1000,
                   time % 1000, View(spdlog::level::to_string_view(message.level)), JsonEscaped(View(message.payload)));
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

// spdlog's pattern, with the message on one line.
class TextFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    spdlog::details::log_msg printable = message;
    const std::string text = Printable(View(message.payload));
    printable.payload = text;
    pattern_.format(printable, out);
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<TextFormatter>(); }

 private:
  spdlog::pattern_formatter pattern_{"%H:%M:%S.%e %l: %v"};
};

}  // namespace

void SetUpLog(const LogOptions& options) {
  auto logger = spdlog::stderr_logger_mt("k8sgateway");
  logger->set_level(spdlog::level::from_str(options.level));
  if (options.format == "json") {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_formatter(std::make_unique<TextFormatter>());
  }
  spdlog::set_default_logger(std::move(logger));
  // What gRPC would write past our log is what its calls tell us, too. The variable still brings it back.
  setenv("GRPC_VERBOSITY", "NONE", 0);
}

void LogEnvoyLine(std::string_view line) {
  const std::string_view word = line.substr(0, line.find(' '));
  const auto level = spdlog::level::from_str(std::string(word));
  // from_str says "off" for what it does not know: then it is no line of Envoy's logger, but a word before its death.
  if (level == spdlog::level::off || word.size() == line.size()) return spdlog::warn("Envoy: {}", line);
  line.remove_prefix(word.size() + 1);
  const std::string_view component = line.substr(0, line.find(' '));
  if (component.size() == line.size()) return spdlog::log(level, "Envoy: {}", line);
  spdlog::log(level, "Envoy {}: {}", component, line.substr(component.size() + 1));
}

}  // namespace k8sgw
