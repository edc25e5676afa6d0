#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "src/cmd/commands.h"

namespace k8sgw {

std::string DefaultEnvoy() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string beside = (self.parent_path() / "envoy").string();
  if (!error && access(beside.c_str(), X_OK) == 0) return beside;
  const char* path = std::getenv("PATH");
  std::string rest = path ? path : "";
  while (!rest.empty()) {
    const size_t end = rest.find(':');
    const std::string candidate = rest.substr(0, end) + "/envoy";
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
  }
  return beside;
}

void SetUpLog(const LogOptions& options) {
  auto logger = spdlog::stderr_logger_mt("k8sgateway");
  logger->set_level(spdlog::level::from_str(options.level));
  // JSON needs its quotes escaped, which a pattern cannot do: spdlog's %v is the text as it is. Problems hold quotes.
  if (options.format == "json") {
    class JsonFormatter : public spdlog::formatter {
     public:
      void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        const auto seconds = std::chrono::duration_cast<std::chrono::milliseconds>(message.time.time_since_epoch()).count();
        fmt::format_to(std::back_inserter(out), "{{\"ts\":{}.{:03},\"level\":\"{}\",\"msg\":\"", seconds / 1000, seconds % 1000,
                       std::string_view(spdlog::level::to_string_view(message.level).data()));
        for (char c : message.payload) {
          if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
          } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
          } else {
            out.push_back(c);
          }
        }
        fmt::format_to(std::back_inserter(out), "\"}}\n");
      }
      std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
    };
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_pattern("%H:%M:%S.%e %l: %v");
  }
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace k8sgw
