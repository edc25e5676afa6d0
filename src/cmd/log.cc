#include "src/cmd/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <utility>

#include "src/base/utf8.h"

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

// Calls `plain` with characters that may stand as they are, `control` with the others below U+0080, and `broken` with
// bytes that are not UTF-8.
template <class Plain, class Control, class Broken>
void ForEachCharacter(std::string_view text, const Plain& plain, const Control& control, const Broken& broken) {
  while (!text.empty()) {
    uint32_t code = 0;
    const size_t size = DecodeUtf8(text, &code);
    if (size == 0) {
      broken(static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    if (code < 0x20 || code == 0x7f) {
      control(static_cast<unsigned char>(code));
    } else {
      plain(text.substr(0, size));
    }
    text.remove_prefix(size);
  }
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto hex = [&](unsigned char byte) { out += fmt::format("\\x{:02x}", byte); };
  const auto control = [&](unsigned char byte) {
    switch (byte) {
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: hex(byte);
    }
  };
  ForEachCharacter(text, [&](std::string_view character) { out += character; }, control, hex);
  return out;
}

std::string JsonEscaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const auto plain = [&](std::string_view character) {
    if (character == "\"" || character == "\\") out += '\\';
    out += character;
  };
  ForEachCharacter(
      text, plain, [&](unsigned char byte) { out += fmt::format("\\u{:04x}", byte); },
      [&](unsigned char) { out += "\xEF\xBF\xBD"; });
  return out;
}

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
