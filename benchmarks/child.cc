#include "benchmarks/child.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace k8sgw::bench {

namespace {

pid_t Start(const std::vector<std::string>& args, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!log.empty()) {
    const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
  }
  execv(argv[0], argv.data());
  std::perror(argv[0]);
  _exit(127);
}

}  // namespace

Child::Child(const std::vector<std::string>& args, const std::string& log) : Process(Start(args, log)) {}

Child::~Child() {
  if (pid() <= 0) return;
  kill(pid(), SIGKILL);
  waitpid(pid(), nullptr, 0);
}

Process Process::FirstChild() const {
  const std::filesystem::path tasks = fmt::format("/proc/{}/task", pid_);
  for (int tries = 0; tries < 6'000; ++tries) {
    std::error_code error;
    for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
      pid_t child = 0;
      if (std::ifstream(task.path() / "children") >> child) return Process(child);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  fmt::print(stderr, "process {} has started no other within a minute\n", pid_);
  std::exit(1);
}

double Process::CpuMs() const {
  double nanoseconds = 0;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task", error)) {
    uint64_t on_cpu = 0;
    std::ifstream(task.path() / "schedstat") >> on_cpu;
    nanoseconds += static_cast<double>(on_cpu);
  }
  return nanoseconds / 1e6;
}

double Process::StatusMiB(const std::string& field) const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == field && status >> kib) return kib / 1024;
  }
  return 0;
}

IdleCpu MeasureIdle(const Process& ours, const Process& floor, std::chrono::seconds time) {
  const IdleCpu before{ours.CpuMs(), floor.CpuMs()};
  std::this_thread::sleep_for(time);
  const double scale = 60'000 / static_cast<double>(time.count());
  return {(ours.CpuMs() - before.ours) * scale, (floor.CpuMs() - before.floor) * scale};
}

}  // namespace k8sgw::bench
