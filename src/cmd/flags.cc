#include "src/cmd/flags.h"

#include <google/protobuf/duration.pb.h>

#include <cctype>
#include <cstdlib>
#include <map>

#include "src/base/go_duration.h"

namespace k8sgw {
namespace {

const std::map<std::string, std::string> kPublishedLevels = {
    {"debug", "debug"}, {"info", "info"}, {"warn", "warning"}, {"error", "error"}, {"fatal", "error"}};

}  // namespace

void AddLogFlags(CLI::App& command, LogOptions& log, const char* published) {
  if (const char* level = published ? std::getenv(published) : nullptr) {
    // The original says "warn", and "fatal" and worse, which are no levels of ours.
    if (const auto it = kPublishedLevels.find(level); it != kPublishedLevels.end()) log.level = it->second;
  }
  command.add_option("--log-level", log.level, "How much is told on stderr")
      ->envname("K8SGATEWAY_LOG_LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}))
      ->capture_default_str();
  command.add_option("--log-format", log.format, "text, or json for one object a line")
      ->envname("K8SGATEWAY_LOG_FORMAT")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

// A number with a default and bounds; the variable is named as the flag.
void AddNumber(CLI::App& command, const std::string& flag, int& value, int least, int most, const std::string& help) {
  std::string variable = "K8SGATEWAY_" + flag.substr(2);
  for (char& c : variable) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  command.add_option(flag, value, help)->envname(variable)->check(CLI::Range(least, most))->capture_default_str();
}

CLI::Option* AddDuration(CLI::App& command, const std::string& flag, int64_t& seconds, const std::string& shown_default,
                         const std::string& help) {
  const auto take = [flag, &seconds](const std::string& text) {
    google::protobuf::Duration duration;
    if (!ParseGoDuration(text, &duration) || duration.seconds() < 0 || duration.nanos() < 0)
      throw CLI::ValidationError(flag, "\"" + text + "\" is no duration such as 65s or 2160h");
    seconds = duration.seconds();
  };
  return command.add_option_function<std::string>(flag, take, help)->default_str(shown_default);
}

}  // namespace k8sgw
