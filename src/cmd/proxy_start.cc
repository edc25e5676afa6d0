#include "src/cmd/proxy_start.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "src/bootstrap/template.h"

namespace k8sgw {
namespace {

// The kernel takes 128 KiB as one argument.
constexpr size_t kLongestArgument = 120 << 10;
constexpr char kDefaultNamespaceOfPods[] = "gloo-system";

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) {
    return absl::NotFoundError(
        fmt::format("{} cannot be read: {}: name the bootstrap with INPUT_CONF", path, std::strerror(errno)));
  }
  return text.str();
}

std::optional<std::string> Variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (value && *value) return value;
  if (name == "POD_NAMESPACE") return kDefaultNamespaceOfPods;
  // The host name of a pod is its name.
  char host[256] = "";
  if (name == "POD_NAME" && gethostname(host, sizeof(host) - 1) == 0 && *host) return host;
  return std::nullopt;
}

void ReadPodFile(const std::string& path, std::map<std::string, std::string, std::less<>>& out) {
  if (access(path.c_str(), F_OK) != 0) return;
  const absl::StatusOr<std::string> text = ReadFile(path);
  auto values = text.ok() ? bootstrap::ParsePodFile(*text) : text.status();
  if (values.ok()) {
    out = *std::move(values);
  } else {
    spdlog::warn("{}: {}", path, std::string(values.status().message()));
  }
}

absl::Status InFile(const std::string& path, const absl::Status& status) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", path, std::string(status.message())));
}

bool HasAny(const std::vector<std::string>& flags, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(flags, [&](std::string_view flag) {
    const std::string_view name = flag.substr(0, flag.find('='));
    return std::ranges::find(names, name) != names.end();
  });
}

}  // namespace

absl::StatusOr<std::string> MakeBootstrap(const ProxyOptions& options) {
  const std::string& path = options.sidecar_file.empty() ? options.template_file : options.sidecar_file;
  absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok() || !options.sidecar_file.empty()) return text;
  bootstrap::PodInfo pod;
  bootstrap::ReadFields(Variable, pod);
  ReadPodFile(options.pod_info + "/labels", pod.labels);
  ReadPodFile(options.pod_info + "/annotations", pod.annotations);
  absl::StatusOr<bootstrap::Filled> filled = bootstrap::Fill(*text, pod);
  if (!filled.ok()) return InFile(path, filled.status());
  for (const std::string& notice : filled->notices) spdlog::warn("{}: {}", path, notice);
  return std::move(filled->text);
}

void WriteCopy(const std::string& path, const std::string& text) {
  if (path.empty()) return;
  unlink(path.c_str());
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
  const bool written = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written) spdlog::info("no copy of the bootstrap is in {}: {}", path, std::strerror(errno));
  if (fd >= 0) close(fd);
}

absl::StatusOr<EnvoyCommand> MakeCommand(const ProxyOptions& options, const std::string& envoy, const std::string& text,
                                         const yaml::Node& tree) {
  EnvoyCommand command;
  command.args = {envoy};
  if (!options.sidecar_file.empty()) {
    command.args.insert(command.args.end(), {"-c", options.sidecar_file});
  } else if (text.size() <= kLongestArgument) {
    command.args.insert(command.args.end(), {"--config-yaml", text});
  } else {
    absl::StatusOr<std::unique_ptr<MemoryFile>> file = MemoryFile::Make(tree);
    if (!file.ok()) return file.status();
    command.bootstrap = std::move(*file);
    command.args.insert(command.args.end(), {"-c", command.bootstrap->Path()});
  }
  const std::vector<std::string>& flags = options.envoy_flags;
  if (!HasAny(flags,
              {"--disable-hot-restart", "--restart-epoch", "--base-id", "--base-id-path", "--use-dynamic-base-id"})) {
    command.args.push_back("--disable-hot-restart");
  }
  // When it drains, its listeners are closed after so long.
  if (!HasAny(flags, {"--drain-time-s"})) {
    command.args.insert(command.args.end(),
                        {"--drain-time-s", std::to_string(std::max(1, options.drain_least_seconds))});
  }
  command.args.insert(command.args.end(), flags.begin(), flags.end());
  return command;
}

}  // namespace k8sgw
