#include "src/wasm_cache/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "src/base/text.h"
#include "src/model/image_reference.h"
#include "src/wasm_cache/digest.h"

namespace k8sgw::wasm_cache {
namespace {

namespace fs = std::filesystem;

constexpr char kModules[] = "modules";
constexpr char kImages[] = "images";
constexpr char kPart[] = ".part-";
constexpr char kDefaultType[] = "application/wasm";
// No module that we have written has more.
constexpr uint64_t kMaxFile = uint64_t{1} << 30;
constexpr size_t kMaxLine = 1024;

absl::Status Failed(const std::string& what) {
  return absl::UnavailableError(Cat("the cache of modules: cannot ", what, ": ", std::strerror(errno)));
}

std::optional<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return std::nullopt;
  struct stat info {};
  std::optional<std::string> bytes;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && static_cast<uint64_t>(info.st_size) <= kMaxFile) {
    bytes.emplace(static_cast<size_t>(info.st_size), '\0');
    size_t done = 0;
    while (done < bytes->size()) {
      const ssize_t n = read(fd, bytes->data() + done, bytes->size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      done += static_cast<size_t>(n);
    }
    bytes->resize(done);
  }
  close(fd);
  return bytes;
}

bool WriteAll(int fd, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

// A file of an image: lines of a name and a value.
std::string TextOf(const std::string& image, const Kept& kept) {
  return Cat("image ", image, "\nmodule ", kept.sha256, "\nmanifest ", kept.manifest, "\ntype ", kept.media_type, "\n");
}

std::optional<Kept> ParseKept(const std::string& text, std::string* image) {
  Kept kept;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > kMaxLine) return std::nullopt;
    const size_t space = line.find(' ');
    if (space == std::string::npos) return std::nullopt;
    const std::string name = line.substr(0, space);
    std::string value = line.substr(space + 1);
    if (name == "image") *image = std::move(value);
    if (name == "module") kept.sha256 = std::move(value);
    if (name == "manifest") kept.manifest = std::move(value);
    if (name == "type") kept.media_type = std::move(value);
  }
  const bool printable = std::ranges::all_of(kept.media_type, [](char c) { return c > ' ' && c < 127; });
  if (!IsSha256Hex(kept.sha256) || !IsSha256Digest(kept.manifest) || kept.media_type.empty() || !printable)
    return std::nullopt;
  return kept;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const StoreOptions& options) {
  std::string folder = options.folder;
  if (folder.empty()) {
    std::error_code error;
    folder = (fs::temp_directory_path(error) / "k8sgateway-wasm-XXXXXX").string();
    if (error || !mkdtemp(folder.data()))
      return Failed(Cat("make a folder in ", fs::path(folder).parent_path().string()));
  }
  std::unique_ptr<Store> store(new Store(folder, options.folder.empty(), options.max_bytes));
  if (absl::Status status = store->Load(); !status.ok()) return status;
  return store;
}

Store::~Store() {
  std::error_code ignored;
  if (temporary_) fs::remove_all(folder_, ignored);
}

std::string Store::ModulePath(const std::string& sha256) const { return Cat(folder_, "/", kModules, "/", sha256); }

std::string Store::ImagePath(const std::string& image) const {
  return Cat(folder_, "/", kImages, "/", Sha256Hex(image));
}

absl::Status Store::Load() {
  for (const char* part : {kModules, kImages}) {
    const std::string path = Cat(folder_, "/", part);
    std::error_code error;
    fs::create_directories(path, error);
    errno = error.value();
    if (error || access(path.c_str(), R_OK | W_OK | X_OK) != 0) return Failed("write to " + path);
  }
  std::error_code error;
  std::vector<std::pair<fs::file_time_type, std::string>> by_age;
  for (const auto& item : fs::directory_iterator(Cat(folder_, "/", kModules), error)) {
    const std::string name = item.path().filename();
    std::error_code unknown;
    // What another process is writing is young; what is old was left.
    const bool left = name.starts_with(kPart) &&
                      fs::file_time_type::clock::now() - item.last_write_time(unknown) > std::chrono::hours(1);
    if (left) fs::remove(item.path(), unknown);
    if (!IsSha256Hex(name) || !item.is_regular_file(unknown)) continue;
    Entry& entry = entries_[name];
    entry.size = item.file_size(unknown);
    entry.media_type = kDefaultType;
    bytes_ += entry.size;
    by_age.emplace_back(item.last_write_time(unknown), name);
  }
  if (error) return absl::UnavailableError(Cat("the cache of modules: cannot read ", folder_, ": ", error.message()));
  std::ranges::sort(by_age);
  for (const auto& [time, name] : by_age) entries_[name].last_use = ++uses_;
  LoadImages();
  return absl::OkStatus();
}

// What is no use any more goes, too.
void Store::LoadImages() {
  std::error_code error;
  for (const auto& item : fs::directory_iterator(Cat(folder_, "/", kImages), error)) {
    std::string image;
    const std::optional<std::string> text = ReadFile(item.path().string());
    const std::optional<Kept> kept = text ? ParseKept(*text, &image) : std::nullopt;
    const auto entry = kept ? entries_.find(kept->sha256) : entries_.end();
    std::error_code ignored;
    if (entry != entries_.end()) {
      entry->second.media_type = kept->media_type;
    } else if (!item.path().filename().string().starts_with(kPart)) {
      fs::remove(item.path(), ignored);
    }
  }
}

void Store::Use(const std::string& sha256, Entry& entry) {
  entry.last_use = ++uses_;
  // For the next process, and others that share the folder.
  utimensat(AT_FDCWD, ModulePath(sha256).c_str(), nullptr, 0);
}

void Store::Drop(const std::string& sha256) {
  unlink(ModulePath(sha256).c_str());
  const auto it = entries_.find(sha256);
  if (it == entries_.end()) return;
  bytes_ -= it->second.size;
  entries_.erase(it);
}

std::optional<StoredModule> Store::Read(const std::string& sha256) {
  if (!IsSha256Hex(sha256)) return std::nullopt;
  std::optional<std::string> bytes = ReadFile(ModulePath(sha256));
  const bool good = bytes && Sha256Hex(*bytes) == sha256;
  std::lock_guard<std::mutex> lock(mutex_);
  if (!good) {
    Drop(sha256);
    return std::nullopt;
  }
  // Another process may have brought it.
  const auto [it, fresh] = entries_.try_emplace(sha256);
  if (fresh) {
    it->second = {bytes->size(), kDefaultType, 0};
    bytes_ += bytes->size();
  }
  Use(sha256, it->second);
  return StoredModule{std::move(*bytes), it->second.media_type};
}

std::optional<Kept> Store::Find(const std::string& image) {
  const std::optional<std::string> text = ReadFile(ImagePath(image));
  if (!text) return std::nullopt;
  std::string whose;
  std::optional<Kept> kept = ParseKept(*text, &whose);
  if (!kept || whose != image || !Has(kept->sha256)) return std::nullopt;
  return kept;
}

absl::Status Store::Write(const std::string& path, const std::string& bytes) {
  const std::string folder = fs::path(path).parent_path();
  const std::string part = Cat(folder, "/", kPart, getpid(), "-", ++writes_);
  const int fd = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return Failed("write to " + folder);
  const bool written = WriteAll(fd, bytes) && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  errno = error;
  if (!written || rename(part.c_str(), path.c_str()) != 0) {
    const absl::Status status = Failed("write to " + folder);
    unlink(part.c_str());
    return status;
  }
  return absl::OkStatus();
}

absl::Status Store::MakeRoom(uint64_t wanted) {
  while (bytes_ + wanted > max_bytes_) {
    const std::string* oldest = nullptr;
    uint64_t last_use = ~uint64_t{0};
    for (const auto& [sha256, entry] : entries_) {
      if (in_use_.contains(sha256) || entry.last_use >= last_use) continue;
      oldest = &sha256;
      last_use = entry.last_use;
    }
    if (!oldest) {
      return absl::ResourceExhaustedError(
          Cat("the cache of modules is full: ", max_bytes_, " bytes are allowed, and ", bytes_, " are in use"));
    }
    Drop(std::string(*oldest));
  }
  return absl::OkStatus();
}

absl::Status Store::Keep(const std::string& image, const Kept& kept, const std::string& bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto known = entries_.find(kept.sha256);
  if (known == entries_.end()) {
    if (absl::Status status = MakeRoom(bytes.size()); !status.ok()) return status;
  }
  // Also over one that is there: it may be another than it says.
  if (absl::Status status = Write(ModulePath(kept.sha256), bytes); !status.ok()) return status;
  Entry& entry = entries_[kept.sha256];
  bytes_ += bytes.size() - entry.size;
  entry = {bytes.size(), kept.media_type, ++uses_};
  return Write(ImagePath(image), TextOf(image, kept));
}

void Store::SetInUse(std::set<std::string> sha256s) {
  std::lock_guard<std::mutex> lock(mutex_);
  in_use_ = std::move(sha256s);
}

uint64_t Store::bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return bytes_;
}

}  // namespace k8sgw::wasm_cache
