#include "src/wasm_cache/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
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
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
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

// Locked while it is written, so that other processes see that somebody does; away with the object, unless it was
// moved.
class Store::Part {
 public:
  Part(std::string path, const std::string& bytes)
      : path_(std::move(path)),
        size_(bytes.size()),
        fd_(open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    const bool written = fd_ >= 0 && flock(fd_, LOCK_EX) == 0 && WriteAll(fd_, bytes) && fsync(fd_) == 0;
    if (!written) status_ = Failed("write to " + fs::path(path_).parent_path().string());
  }
  ~Part() {
    if (fd_ < 0) return;
    if (!moved_) unlink(path_.c_str());
    close(fd_);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  const absl::Status& status() const { return status_; }
  uint64_t size() const { return size_; }
  bool MoveTo(const std::string& path) const {
    moved_ = rename(path_.c_str(), path.c_str()) == 0;
    return moved_;
  }

 private:
  const std::string path_;
  const uint64_t size_;
  const int fd_;
  absl::Status status_;
  mutable bool moved_ = false;
};

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
    RemoveParts(path);
  }
  std::error_code error;
  std::vector<std::pair<fs::file_time_type, std::string>> by_age;
  for (const auto& item : fs::directory_iterator(Cat(folder_, "/", kModules), error)) {
    const std::string name = item.path().filename();
    std::error_code unknown;
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

void Store::RemoveParts(const std::string& folder) {
  std::error_code ignored;
  for (const auto& item : fs::directory_iterator(folder, ignored)) {
    if (!item.path().filename().string().starts_with(kPart)) continue;
    const int fd = open(item.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    // Whoever is writing it holds it.
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) unlink(item.path().c_str());
    if (fd >= 0) close(fd);
  }
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
  const auto good = [&] { return bytes && Sha256Hex(*bytes) == sha256; };
  bool is_good = good();
  std::lock_guard<std::mutex> lock(mutex_);
  if (!is_good) {
    // It may have come since, and must not be taken for what was there before.
    bytes = ReadFile(ModulePath(sha256));
    is_good = good();
  }
  if (!is_good) {
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

absl::Status Store::Publish(const Kept& kept, const std::string& image, const Part& module, const Part& text) {
  for (const Part* part : {&module, &text}) {
    if (!part->status().ok()) return part->status();
  }
  // Also over one that is there: it may be another than it says.
  if (!module.MoveTo(ModulePath(kept.sha256))) return Failed("write to " + folder_);
  Entry& entry = entries_[kept.sha256];
  bytes_ += module.size() - entry.size;
  entry = {module.size(), kept.media_type, ++uses_};
  return text.MoveTo(ImagePath(image)) ? absl::OkStatus() : Failed("write to " + folder_);
}

absl::Status Store::MakeRoom(uint64_t wanted) {
  bool dropped = false;
  while (bytes_ + coming_ + wanted > max_bytes_) {
    const std::string* oldest = nullptr;
    uint64_t last_use = ~uint64_t{0};
    for (const auto& [sha256, entry] : entries_) {
      if (in_use_.contains(sha256) || pins_.contains(sha256) || entry.last_use >= last_use) continue;
      oldest = &sha256;
      last_use = entry.last_use;
    }
    if (!oldest) {
      return absl::ResourceExhaustedError(Cat("the cache of modules is full: ", max_bytes_, " bytes are allowed, ",
                                              bytes_ + coming_, " are in use, and ", wanted, " more are wanted"));
    }
    Drop(std::string(*oldest));
    dropped = true;
  }
  if (dropped) LoadImages();
  return absl::OkStatus();
}

absl::Status Store::Keep(const std::string& image, const Kept& kept, const std::string& bytes) {
  uint64_t coming = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!entries_.contains(kept.sha256)) {
      if (absl::Status status = MakeRoom(bytes.size()); !status.ok()) return status;
      coming = bytes.size();
    }
    coming_ += coming;
    pins_.insert(kept.sha256);
  }
  const std::string number = Cat(getpid(), "-", ++writes_);
  const Part module(Cat(folder_, "/", kModules, "/", kPart, number), bytes);
  const Part text(Cat(folder_, "/", kImages, "/", kPart, number), TextOf(image, kept));
  std::lock_guard<std::mutex> lock(mutex_);
  coming_ -= coming;
  absl::Status status = Publish(kept, image, module, text);
  if (!status.ok()) pins_.erase(pins_.find(kept.sha256));
  return status;
}

void Store::Unpin(const std::string& sha256) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (const auto pin = pins_.find(sha256); pin != pins_.end()) pins_.erase(pin);
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
