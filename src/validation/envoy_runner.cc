#include "src/validation/envoy_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <vector>

#include "envoy/config/bootstrap/v3/bootstrap.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/yaml.h"

namespace k8sgw::validation {
namespace {

constexpr int kGlanceMs = 20;
constexpr size_t kMostOutput = 1 << 20;

// Closes a file descriptor at the end of a scope.
struct Descriptor {
  explicit Descriptor(int number) : fd(number) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void Close() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  int fd;
};

bool WriteAll(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

// Starts the program with both outputs in `output`. Returns 0 or an errno.
int Start(std::vector<std::string> arguments, int output, pid_t* pid) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  const int error = posix_spawn(pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// Until the other end is closed. Errors: the call is over before.
absl::Status ReadAll(int fd, const EnvoyCall& call, std::string& output) {
  std::array<char, 4096> buffer;
  while (true) {
    if (call.stop && *call.stop) return absl::CancelledError("nobody waits for Envoy's answer");
    if (std::chrono::steady_clock::now() >= call.until) return absl::DeadlineExceededError("Envoy took too long");
    pollfd ready{fd, POLLIN, 0};
    // Not for the whole time, so that a stop is noticed.
    if (poll(&ready, 1, kGlanceMs) <= 0) continue;
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n <= 0) return absl::OkStatus();
    // Words that go on for ever are not kept.
    if (output.size() < kMostOutput) output.append(buffer.data(), static_cast<size_t>(n));
  }
}

// What stands after "error initializing configuration '…': ", with single spaces.
std::string Words(const std::string& output) {
  size_t begin = output.find("error initializing configuration '");
  if (begin != std::string::npos) begin = output.find("': ", begin);
  std::istringstream rest(begin == std::string::npos ? output : output.substr(begin + 3));
  std::string words;
  for (std::string word; rest >> word;) {
    // A mark of protobuf's against reading this text by machine.
    if (word == "goo.gle/debugonly" || word == "goo.gle/debugstr") continue;
    words += (words.empty() ? "" : " ") + word;
  }
  return words.empty() ? "it said nothing" : words;
}

}  // namespace

absl::StatusOr<std::string> AskEnvoyAbout(const ::envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                          const EnvoyCall& call) {
  const std::string& envoy = call.envoy;
  const auto failed = [&](const char* what, int error) {
    return absl::UnavailableError(std::string(what) + " " + envoy + ": " + std::strerror(error));
  };
  // Inherited by Envoy, which takes a file without an extension for JSON.
  const Descriptor config(memfd_create("bootstrap", 0));
  if (config.fd < 0 || !WriteAll(config.fd, yaml::EmitJson(EncodeProto(bootstrap), 0))) {
    return failed("cannot write the configuration for", errno);
  }
  std::array<int, 2> pipe_ends{-1, -1};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return failed("cannot listen to", errno);
  const Descriptor reader(pipe_ends[0]);
  Descriptor writer(pipe_ends[1]);
  pid_t pid = -1;
  const std::string path = "/dev/fd/" + std::to_string(config.fd);
  const int error =
      Start({envoy, "--mode", "validate", "-l", "critical", "--log-format", "%v", "-c", path}, writer.fd, &pid);
  writer.Close();
  if (error != 0) return failed("cannot start", error);
  std::string output;
  const absl::Status heard = ReadAll(reader.fd, call, output);
  if (!heard.ok()) kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (!heard.ok()) return heard;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  // Envoy 1.40 may crash while it leaves, after its verdict, when a server of secrets is named.
  if (output.find("configuration '" + path + "' OK") != std::string::npos) return "";
  return (WIFSIGNALED(status) ? "it was ended by signal " + std::to_string(WTERMSIG(status)) + ": " : "") +
         Words(output);
}

}  // namespace k8sgw::validation
