#include "src/cmd/child.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace k8sgw {
namespace {

// In the child, between fork and exec: only calls that are safe there.
[[noreturn]] void Become(pid_t parent, char* const* argv, char* const* envp, int stderr_fd, int keep_fd, int error_fd) {
  // It must not outlive us, even when we are killed.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(0);
  // Ctrl-C on the terminal is for us; we end it ourselves.
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (stderr_fd >= 0) dup2(stderr_fd, STDERR_FILENO);
  if (keep_fd >= 0) fcntl(keep_fd, F_SETFD, 0);
  execve(argv[0], argv, envp);
  const int error = errno;
  [[maybe_unused]] const ssize_t n = write(error_fd, &error, sizeof(error));
  _exit(127);
}

// The pointers of a list that ends with nullptr.
std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> EnvironmentWith(const std::vector<std::string>& variables) {
  std::vector<std::string> out = variables;
  for (char** ours = environ; *ours != nullptr; ++ours) {
    const std::string_view text = *ours;
    const std::string_view name = text.substr(0, text.find('=') + 1);
    const bool replaced = std::any_of(variables.begin(), variables.end(),
                                      [&](const std::string& variable) { return variable.starts_with(name); });
    if (!replaced) out.emplace_back(text);
  }
  return out;
}

}  // namespace

absl::StatusOr<pid_t> StartChild(const std::vector<std::string>& args, int stderr_fd, int keep_fd,
                                 const std::vector<std::string>& variables) {
  const std::vector<std::string> environment = EnvironmentWith(variables);
  const std::vector<char*> argv = Pointers(args);
  const std::vector<char*> envp = Pointers(environment);
  // It closes by itself when the program has started.
  int error_pipe[2];
  if (pipe2(error_pipe, O_CLOEXEC) != 0) return absl::UnavailableError("there are no more files to open");
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Become(parent, argv.data(), envp.data(), stderr_fd, keep_fd, error_pipe[1]);
  close(error_pipe[1]);
  int error = 0;
  const bool failed = pid > 0 && read(error_pipe[0], &error, sizeof(error)) == sizeof(error);
  close(error_pipe[0]);
  if (pid < 0) return absl::UnavailableError("there are no more processes to be had");
  if (!failed) return pid;
  waitpid(pid, nullptr, 0);
  return absl::UnavailableError(fmt::format("{} cannot be started: {}", args[0], std::strerror(error)));
}

int ExitCode(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

std::string HowItEnded(int status) {
  return WIFSIGNALED(status) ? fmt::format("was ended by signal {}", WTERMSIG(status))
                             : fmt::format("ended with status {}", WEXITSTATUS(status));
}

int EndChild(pid_t pid, std::chrono::milliseconds patience) {
  int status = 0;
  kill(pid, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= until) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      break;
    }
    poll(nullptr, 0, 2);
  }
  return status;
}

}  // namespace k8sgw
