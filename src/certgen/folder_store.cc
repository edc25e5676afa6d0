#include "src/certgen/folder_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "src/base/text.h"
#include "src/pem/pem.h"

namespace k8sgw::certgen {
namespace {

namespace fs = std::filesystem;

constexpr char kData[] = "..data";
constexpr char kStepAt[] = "step-at";
constexpr size_t kMaxBytes = 1 << 20;

absl::Status Failed(const std::string& path, std::string_view what) {
  return absl::UnavailableError(Cat(path, " ", what, ": ", std::strerror(errno)));
}

// "" for a file that is not there.
absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno == ENOENT ? absl::StatusOr<std::string>("") : Failed(path, "cannot be read");
  std::string text;
  char block[16384];
  ssize_t n = 0;
  while (text.size() <= kMaxBytes && ((n = read(fd, block, sizeof(block))) > 0 || (n < 0 && errno == EINTR))) {
    if (n > 0) text.append(block, static_cast<size_t>(n));
  }
  const int error = errno;
  close(fd);
  errno = error;
  if (n < 0) return Failed(path, "cannot be read");
  if (text.size() > kMaxBytes) return absl::InvalidArgumentError(path + " is larger than 1 MiB");
  return text;
}

absl::Status WriteFile(const std::string& path, const std::string& text, mode_t mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return Failed(path, "cannot be written");
  absl::Status status;
  for (size_t done = 0; done < text.size() && status.ok();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) status = Failed(path, "cannot be written");
    if (n > 0) done += static_cast<size_t>(n);
  }
  // What is renamed into place must be there after a crash, too.
  if (status.ok() && fsync(fd) != 0) status = Failed(path, "cannot be written");
  close(fd);
  return status;
}

// Puts a link at `path`, whatever is there.
absl::Status Link(const std::string& target, const std::string& path) {
  const std::string part = path + ".part";
  unlink(part.c_str());
  if (symlink(target.c_str(), part.c_str()) != 0) return Failed(part, "cannot be made");
  if (rename(part.c_str(), path.c_str()) != 0) return Failed(path, "cannot be replaced");
  return absl::OkStatus();
}

std::string LinkTarget(const std::string& path) {
  std::error_code error;
  const fs::path target = fs::read_symlink(path, error);
  return error ? "" : target.string();
}

// One writer at a time; others wait.
class Lock {
 public:
  explicit Lock(const std::string& folder) : fd_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ >= 0 && flock(fd_, LOCK_EX) != 0) {
      close(fd_);
      fd_ = -1;
    }
  }
  ~Lock() {
    if (fd_ >= 0) close(fd_);
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::string FolderStore::Version() const { return LinkTarget(Path(kData)); }

absl::StatusOr<std::optional<Material>> FolderStore::Read() {
  seen_ = Version();
  Material material;
  std::string step_at;
  const std::pair<std::string, std::string*> files[] = {{names_.certificate, &material.certificate},
                                                        {names_.key, &material.key},
                                                        {names_.authorities, &material.authorities},
                                                        {kNextCertificate, &material.next_certificate},
                                                        {kNextKey, &material.next_key},
                                                        {kStepAt, &step_at}};
  for (const auto& [name, content] : files) {
    auto text = ReadFile(Path(name));
    if (!text.ok()) return text.status();
    *content = *std::move(text);
  }
  if (const auto time = pem::ParseTime(step_at); time.ok()) material.step_at = *time;
  if (material == Material()) return std::optional<Material>();
  return std::optional<Material>(std::move(material));
}

absl::Status FolderStore::Write(const Material& material) {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return absl::UnavailableError(Cat(folder_, " cannot be made: ", error.message()));
  const Lock lock(folder_);
  if (lock.fd() < 0) return Failed(folder_, "cannot be locked");
  if (Version() != seen_) return absl::AbortedError("another process has written to " + folder_);
  const std::string step_at = material.step_at ? pem::FormatTime(*material.step_at) : "";
  const std::vector<File> files = {{names_.certificate, &material.certificate, false},
                                   {names_.key, &material.key, true},
                                   {names_.authorities, &material.authorities, false},
                                   {kNextCertificate, &material.next_certificate, false},
                                   {kNextKey, &material.next_key, true},
                                   {kStepAt, &step_at, false}};
  const absl::Status status = WriteLocked(files);
  if (status.ok()) fsync(lock.fd());
  return status;
}

absl::Status FolderStore::WriteLocked(const std::vector<File>& files) {
  std::string fresh = Path("..versionXXXXXX");
  if (!mkdtemp(fresh.data())) return Failed(fresh, "cannot be made");
  // Others may read the certificates; what is secret has its own mode.
  chmod(fresh.c_str(), 0755);
  absl::Status status;
  for (const File& file : files) {
    if (status.ok() && !file.content->empty())
      status = WriteFile(fresh + "/" + file.name, *file.content, file.secret ? 0600 : 0644);
  }
  const std::string old = seen_;
  const std::string target = fs::path(fresh).filename().string();
  if (status.ok()) status = Link(target, Path(kData));
  std::error_code ignored;
  if (!status.ok()) {
    fs::remove_all(fresh, ignored);
    return status;
  }
  seen_ = target;
  for (const File& file : files) {
    const std::string link = Cat(kData, "/", file.name);
    const std::string path = Path(file.name);
    if (file.content->empty()) {
      if (LinkTarget(path) == link) unlink(path.c_str());
    } else if (LinkTarget(path) != link) {
      if (status = Link(link, path); !status.ok()) return status;
    }
  }
  if (old.starts_with("..version") && old.find('/') == std::string::npos) fs::remove_all(Path(old), ignored);
  return absl::OkStatus();
}

}  // namespace k8sgw::certgen
