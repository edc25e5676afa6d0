#include "src/cli/install/helm.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "src/base/text.h"

extern char** environ;

namespace k8sgw::cli {

absl::StatusOr<int> RunHelm(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_t pid = 0;
  if (const int error = posix_spawnp(&pid, program.c_str(), nullptr, nullptr, pointers.data(), environ); error != 0) {
    return absl::NotFoundError(Cat("the program ", program, " cannot be started (", std::strerror(error),
                                   "): install helm 3 (https://helm.sh/docs/intro/install), or name it with --helm"));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return absl::ErrnoToStatus(errno, program);
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return absl::AbortedError(Cat(program, " was ended by signal ", WTERMSIG(status)));
}

absl::StatusOr<TemporaryFile> TemporaryFile::Make(std::string_view ending, std::string_view content) {
  const char* folder = std::getenv("TMPDIR");
  std::string path = Cat(folder && *folder ? folder : "/tmp", "/k8sgateway-XXXXXX", ending);
  const int fd = mkstemps(path.data(), static_cast<int>(ending.size()));
  if (fd < 0) return absl::ErrnoToStatus(errno, Cat(path, " cannot be made"));
  TemporaryFile file(path);
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const absl::Status status = absl::ErrnoToStatus(errno, Cat(path, " cannot be written"));
      close(fd);
      return status;
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  close(fd);
  return file;
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

}  // namespace k8sgw::cli
