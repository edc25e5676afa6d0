#include "src/sources/state/last_good.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "src/base/hash.h"
#include "src/base/text.h"

namespace k8sgw::state {
namespace {

// Of a record: lengths of name and text in bytes, and the hash of both. Then come name and text.
constexpr size_t kHeaderBytes = 8 + 16 + 16 + 1;
constexpr uint64_t kForgotten = UINT64_MAX;
// A smaller file is not worth the work.
constexpr uint64_t kLeastToCompact = 1 << 20;
// What is copied in vain holds up the thread that does it.
constexpr std::chrono::minutes kPatience(1);

uint64_t HashOf(std::string_view name, std::string_view text) { return Hash64(text, Hash64(name)); }

std::string Header(size_t name, uint64_t text, uint64_t hash) {
  char out[kHeaderBytes + 1];
  std::snprintf(out, sizeof(out), "%08zx%016llx%016llx\n", name, static_cast<unsigned long long>(text),
                static_cast<unsigned long long>(hash));
  return out;
}

absl::Status Failed(const std::string& path, const std::string& what) {
  return absl::UnavailableError(Cat(path, ": ", what, ": ", std::strerror(errno)));
}

bool WriteAt(int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return true;
}

bool ReadAt(int fd, uint64_t offset, uint64_t size, std::string* out) {
  out->resize(size);
  for (uint64_t done = 0; done < size;) {
    const ssize_t n = pread(fd, out->data() + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<uint64_t>(n);
  }
  return true;
}

bool SetTime(int fd, const timespec& time) {
  const timespec times[] = {{0, UTIME_OMIT}, time};
  return futimens(fd, times) == 0;
}

std::string Record(std::string_view name, std::optional<std::string_view> text) {
  const std::string_view body = text.value_or("");
  return Cat(Header(name.size(), text ? body.size() : kForgotten, HashOf(name, body)), name, body);
}

}  // namespace

absl::StatusOr<std::unique_ptr<LastGoodTexts>> LastGoodTexts::Open(const std::string& path, Warn warn) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed(path, "cannot be opened");
  std::unique_ptr<LastGoodTexts> out(new LastGoodTexts(path, fd, std::move(warn)));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return Failed(path, "is in use by another process");
  if (absl::Status status = out->Read(); !status.ok()) return status;
  out->CompactIfWorthIt();
  return out;
}

LastGoodTexts::~LastGoodTexts() { close(fd_); }

absl::Status LastGoodTexts::Read() {
  struct stat stat {};
  if (fstat(fd_, &stat) != 0) return Failed(path_, "cannot be read");
  touched_ = std::chrono::system_clock::from_time_t(stat.st_mtime);
  time_ = stat.st_mtim;
  const auto end = static_cast<uint64_t>(stat.st_size);
  std::string header;
  std::string name;
  std::string text;
  while (end - size_ >= kHeaderBytes && ReadAt(fd_, size_, kHeaderBytes, &header)) {
    unsigned name_size = 0;
    unsigned long long text_size = 0;
    unsigned long long hash = 0;
    if (std::sscanf(header.c_str(), "%8x%16llx%16llx", &name_size, &text_size, &hash) != 3) break;
    const bool forgotten = text_size == kForgotten;
    if (forgotten) text_size = 0;
    const uint64_t left = end - size_ - kHeaderBytes;
    if (name_size > left || text_size > left - name_size) break;
    if (!ReadAt(fd_, size_ + kHeaderBytes, name_size, &name)) break;
    if (!ReadAt(fd_, size_ + kHeaderBytes + name_size, text_size, &text)) break;
    if (HashOf(name, text) != hash) break;
    const uint64_t record = kHeaderBytes + name_size + text_size;
    if (const auto old = entries_.find(name); old != entries_.end()) {
      live_ -= kHeaderBytes + name.size() + old->second.size;
      entries_.erase(old);
    }
    if (!forgotten) {
      entries_[name] = {size_ + kHeaderBytes + name_size, text_size, hash};
      live_ += record;
    }
    size_ += record;
  }
  return absl::OkStatus();
}

std::optional<std::string> LastGoodTexts::TextOf(const Entry& entry) const {
  std::string text;
  return ReadAt(fd_, entry.offset, entry.size, &text) ? std::optional(std::move(text)) : std::nullopt;
}

std::optional<std::string> LastGoodTexts::Find(const std::string& name) const {
  const auto it = entries_.find(name);
  return it == entries_.end() ? std::nullopt : TextOf(it->second);
}

std::vector<std::string> LastGoodTexts::names() const {
  std::vector<std::string> out;
  out.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) out.push_back(name);
  return out;
}

void LastGoodTexts::Touch() {
  clock_gettime(CLOCK_REALTIME, &time_);
  // Who may write a file of another user may say that it is of now, and no other time.
  if (!SetTime(fd_, time_)) futimens(fd_, nullptr);
}

bool LastGoodTexts::WriteRecord(const std::string& record) {
  // What follows may be the rest of a record that was cut.
  if (WriteAt(fd_, record, size_) && ftruncate(fd_, static_cast<off_t>(size_ + record.size())) == 0) return true;
  const int error = errno;
  // A part of it would take the room of others.
  [[maybe_unused]] const int cut = ftruncate(fd_, static_cast<off_t>(size_));
  errno = error;
  return false;
}

absl::Status LastGoodTexts::Append(const std::string& name, std::optional<std::string_view> text) {
  const std::string record = Record(name, text);
  if (!WriteRecord(record)) {
    const bool full = errno == ENOSPC || errno == EDQUOT;
    const absl::Status status = Failed(path_, "cannot be written");
    // There may be room without what is out of date.
    if (!full || size_ == live_ || !Compact() || !WriteRecord(record)) return status;
  }
  if (const auto old = entries_.find(name); old != entries_.end()) {
    live_ -= kHeaderBytes + name.size() + old->second.size;
    entries_.erase(old);
  }
  if (text) {
    entries_[name] = {size_ + kHeaderBytes + name.size(), text->size(), HashOf(name, *text)};
    live_ += record.size();
  }
  size_ += record.size();
  // One text says nothing of the others.
  SetTime(fd_, time_);
  CompactIfWorthIt();
  return absl::OkStatus();
}

absl::Status LastGoodTexts::Keep(const std::string& name, std::string_view text) {
  const auto it = entries_.find(name);
  if (it != entries_.end() && it->second.size == text.size() && it->second.hash == HashOf(name, text)) {
    return absl::OkStatus();
  }
  return Append(name, text);
}

absl::Status LastGoodTexts::Forget(const std::string& name) {
  return entries_.contains(name) ? Append(name, std::nullopt) : absl::OkStatus();
}

uint64_t LastGoodTexts::Room() const {
  struct statvfs volume {};
  // Some volumes have no size.
  if (fstatvfs(fd_, &volume) != 0 || volume.f_blocks == 0) return UINT64_MAX;
  return uint64_t{volume.f_bavail} * volume.f_frsize;
}

// The copy needs as much room as what is kept. So twice that is let stand only where there is plenty; else it is made
// while it can be.
void LastGoodTexts::CompactIfWorthIt() {
  const uint64_t dead = size_ - live_;
  if (size_ < kLeastToCompact || dead < live_ / 4) return;
  if (dead >= live_ || Room() / 2 < live_) Compact();
}

bool LastGoodTexts::Compact() {
  const auto now = std::chrono::steady_clock::now();
  if (now < compact_after_) return false;
  const uint64_t room = Room();
  absl::Status status;
  if (room < live_) {
    status = absl::ResourceExhaustedError(
        Cat(path_, ": no room for a copy without what is out of date: of ", live_, " bytes, ", room, " are free"));
  } else if (status = WriteAnew(); !status.ok()) {
    compact_after_ = now + kPatience;
  }
  if (!status.ok() && !warned_ && warn_) warn_(std::string(status.message()));
  warned_ = !status.ok();
  return status.ok();
}

absl::Status LastGoodTexts::WriteAnew() {
  const std::string part = path_ + ".part";
  const int fd = open(part.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Failed(part, "cannot be written");
  std::map<std::string, Entry> entries;
  uint64_t size = 0;
  bool fine = flock(fd, LOCK_EX | LOCK_NB) == 0;
  for (auto it = entries_.begin(); fine && it != entries_.end(); ++it) {
    const std::optional<std::string> text = TextOf(it->second);
    if (!text) continue;
    const std::string record = Record(it->first, *text);
    fine = WriteAt(fd, record, size);
    entries[it->first] = {size + kHeaderBytes + it->first.size(), text->size(), it->second.hash};
    size += record.size();
  }
  if (fine) SetTime(fd, time_);
  // A power cut leaves the old file or the new one.
  fine = fine && fdatasync(fd) == 0;
  if (!fine || rename(part.c_str(), path_.c_str()) != 0) {
    const absl::Status status = Failed(part, "cannot be written");
    close(fd);
    unlink(part.c_str());
    return status;
  }
  close(fd_);
  fd_ = fd;
  entries_ = std::move(entries);
  size_ = live_ = size;
  return absl::OkStatus();
}

}  // namespace k8sgw::state
