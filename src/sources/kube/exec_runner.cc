#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "src/base/text.h"
#include "src/sources/kube/credentials.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

constexpr size_t kMaxOutput = 1 << 20;
constexpr char kExecInfo[] = "KUBERNETES_EXEC_INFO";

using Deadline = std::chrono::steady_clock::time_point;

// The strings, and the pointers to them that exec needs.
class Words {
 public:
  void Add(std::string word) { words_.push_back(std::move(word)); }
  char** Get() {
    pointers_.clear();
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
    return pointers_.data();
  }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

// Ours, but for the names that the plugin is given.
Words EnvironmentOf(const ExecPlugin& plugin, const std::string& exec_info) {
  Words words;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    bool replaced = name == kExecInfo;
    for (const auto& [key, value] : plugin.env) replaced = replaced || key == name;
    if (!replaced) words.Add(std::string(text));
  }
  for (const auto& [key, value] : plugin.env) words.Add(Cat(key, "=", value));
  words.Add(Cat(kExecInfo, "=", exec_info));
  return words;
}

// Starts the plugin in a process group of its own, with `output` as standard output. 0, or an errno.
int Spawn(const ExecPlugin& plugin, const std::string& exec_info, int output, pid_t* pid) {
  Words arguments;
  arguments.Add(plugin.command);
  for (const std::string& argument : plugin.args) arguments.Add(argument);
  Words environment = EnvironmentOf(plugin, exec_info);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  const int error =
      posix_spawnp(pid, plugin.command.c_str(), &actions, &attributes, arguments.Get(), environment.Get());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// What comes until the end; what is wrong, or "".
std::string ReadUntil(int fd, Deadline deadline, std::string* text) {
  char block[4096];
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{fd, POLLIN, 0};
    if (left.count() <= 0) return "did not end in time";
    if (poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
    const ssize_t n = read(fd, block, sizeof(block));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0 ? "" : std::strerror(errno);
    text->append(block, static_cast<size_t>(n));
    if (text->size() > kMaxOutput) return Cat("printed more than ", kMaxOutput, " bytes");
  }
}

// Waits for the end of a process, which may close its output long before; false when it was too late.
bool WaitUntil(pid_t pid, Deadline deadline, int* status) {
  while (true) {
    const pid_t ended = waitpid(pid, status, WNOHANG);
    if (ended == pid) return true;
    // Somebody else has waited for it; its output is complete all the same.
    if (ended < 0 && errno == ECHILD) return *status = 0, true;
    if (std::chrono::steady_clock::now() >= deadline) return false;
    usleep(2000);
  }
}

absl::StatusOr<std::string> RunPlugin(const ExecPlugin& plugin, const std::string& exec_info,
                                      std::chrono::milliseconds timeout) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return absl::UnavailableError(std::strerror(errno));
  pid_t pid = -1;
  const int error = Spawn(plugin, exec_info, fds[1], &pid);
  close(fds[1]);
  if (error != 0) {
    close(fds[0]);
    return absl::NotFoundError(Cat("cannot be started: ", std::strerror(error)));
  }
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  std::string text;
  int status = 0;
  std::string wrong = ReadUntil(fds[0], deadline, &text);
  close(fds[0]);
  if (wrong.empty() && !WaitUntil(pid, deadline, &status)) wrong = "did not end in time";
  if (!wrong.empty()) {
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    return absl::DeadlineExceededError(wrong);
  }
  if (WIFSIGNALED(status)) return absl::UnavailableError(Cat("was ended by signal ", WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0)
    return absl::UnavailableError(Cat("failed with exit code ", WEXITSTATUS(status), ": run it by hand"));
  return text;
}

}  // namespace

ExecRunner RealExecRunner(std::chrono::milliseconds timeout) {
  return [timeout](const ExecPlugin& plugin, const std::string& exec_info) {
    return RunPlugin(plugin, exec_info, timeout);
  };
}

}  // namespace k8sgw::kube
