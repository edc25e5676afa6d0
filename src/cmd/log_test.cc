#include "src/cmd/log.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

namespace k8sgw {
namespace {

class EnvoyLine : public testing::Test {
 protected:
  std::string Log(std::string_view line) {
    std::ostringstream out;
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
    logger->set_pattern("%l|%v");
    logger->set_level(spdlog::level::trace);
    const auto before = spdlog::default_logger();
    spdlog::set_default_logger(logger);
    LogEnvoyLine(line);
    spdlog::set_default_logger(before);
    return out.str();
  }
};

TEST_F(EnvoyLine, KeepsItsLevelAndComponent) {
  EXPECT_EQ(Log("warning main no limit {} is set"), "warning|Envoy main: no limit {} is set\n");
  EXPECT_EQ(Log("critical backtrace Caught Aborted"), "critical|Envoy backtrace: Caught Aborted\n");
}

TEST_F(EnvoyLine, WithoutALevelIsAWarning) {
  EXPECT_EQ(Log("libc++abi: terminating"), "warning|Envoy: libc++abi: terminating\n");
  EXPECT_EQ(Log(""), "warning|Envoy: \n");
  EXPECT_EQ(Log("error"), "warning|Envoy: error\n");
}

}  // namespace
}  // namespace k8sgw
