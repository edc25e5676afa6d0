#include "src/wasm_cache/module.h"

#include <zlib.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "src/base/text.h"

namespace k8sgw::wasm_cache {
namespace {

constexpr std::string_view kMagic("\0asm\1\0\0\0", 8);
constexpr std::string_view kGzip("\x1f\x8b", 2);
constexpr char kFile[] = "plugin.wasm";
// An archive may hold more than the module, but is not read for ever.
constexpr size_t kArchiveFactor = 4;
constexpr size_t kBlock = 512;
constexpr size_t kChunk = 64 << 10;

absl::Status Bad(const std::string& what) { return absl::DataLossError(what); }

// Fields of a tar header: where they begin, and how long they are.
struct Field {
  size_t at;
  size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kSize{124, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kPrefix{345, 155};
constexpr size_t kTypeAt = 156;

std::string_view TextOf(std::string_view header, Field field) {
  const std::string_view text = header.substr(field.at, field.size);
  return text.substr(0, text.find('\0'));
}

// Octal digits between spaces; nullopt for anything else (binary sizes are for files of 8 GiB and more).
std::optional<uint64_t> NumberOf(std::string_view header, Field field) {
  std::string_view text = TextOf(header, field);
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.empty()) return std::nullopt;
  uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    number = number * 8 + static_cast<uint64_t>(c - '0');
  }
  return number;
}

bool ChecksumFits(std::string_view header) {
  uint64_t sum = 0;
  for (size_t i = 0; i < header.size(); ++i) {
    const bool in_checksum = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    sum += in_checksum ? ' ' : static_cast<unsigned char>(header[i]);
  }
  return NumberOf(header, kChecksum) == sum;
}

// Reads an archive piece by piece and keeps one file of it.
class TarReader {
 public:
  explicit TarReader(size_t max_bytes) : max_bytes_(max_bytes) {}

  // False when nothing more is wanted: the file is complete, or something is wrong.
  bool Take(std::string_view bytes) {
    while (!bytes.empty()) {
      if (left_ > 0) {
        const size_t n = std::min<uint64_t>(left_, bytes.size());
        if (wanted_) file_.append(bytes.substr(0, std::min<uint64_t>(n, left_ > padding_ ? left_ - padding_ : 0)));
        left_ -= n;
        bytes.remove_prefix(n);
        if (wanted_ && left_ <= padding_) {
          found_ = true;
          return false;
        }
        continue;
      }
      const size_t n = std::min(kBlock - header_.size(), bytes.size());
      header_.append(bytes.substr(0, n));
      bytes.remove_prefix(n);
      if (header_.size() == kBlock && !OnHeader()) return false;
    }
    return true;
  }

  absl::StatusOr<std::string> Result() {
    if (!error_.ok()) return error_;
    if (!found_) return Bad(wanted_ ? Cat("the archive ends within ", kFile) : Cat("the archive has no ", kFile));
    return std::move(file_);
  }

 private:
  bool OnHeader() {
    const std::string header = std::move(header_);
    header_.clear();
    if (header.find_first_not_of('\0') == std::string::npos) return true;
    const std::optional<uint64_t> size = NumberOf(header, kSize);
    if (!size || !ChecksumFits(header)) {
      error_ = Bad("the layer is no tar archive");
      return false;
    }
    const char type = header[kTypeAt];
    std::string_view name = TextOf(header, kName);
    while (name.starts_with("./")) name.remove_prefix(2);
    wanted_ = (type == '0' || type == '\0') && name == kFile && TextOf(header, kPrefix).empty();
    if (wanted_ && *size > max_bytes_) {
      error_ = Bad(Cat(kFile, " has ", *size, " bytes, and at most ", max_bytes_, " are taken"));
      return false;
    }
    padding_ = (kBlock - *size % kBlock) % kBlock;
    left_ = *size + padding_;
    if (wanted_ && *size == 0) found_ = true;
    return !found_;
  }

  const size_t max_bytes_;
  std::string header_;
  // Of the current file: bytes that come, padding included, and whether it is the one.
  uint64_t left_ = 0;
  uint64_t padding_ = 0;
  bool wanted_ = false;
  bool found_ = false;
  std::string file_;
  absl::Status error_;
};

absl::Status Gunzip(std::string_view bytes, size_t max_archive, TarReader& tar) {
  z_stream stream{};
  // Headers of gzip only.
  if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) return absl::ResourceExhaustedError("there is no memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string chunk(kChunk, '\0');
  size_t total = 0;
  absl::Status status;
  while (true) {
    stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
    stream.avail_out = kChunk;
    const int code = inflate(&stream, Z_NO_FLUSH);
    const size_t got = kChunk - stream.avail_out;
    total += got;
    const bool more = tar.Take(std::string_view(chunk).substr(0, got));
    if (!more) break;
    if (code == Z_STREAM_END) {
      // Some tools write several files of gzip, one behind the other.
      if (!std::string_view(reinterpret_cast<const char*>(stream.next_in), stream.avail_in).starts_with(kGzip)) break;
      inflateReset(&stream);
    } else if (code != Z_OK) {
      status = Bad("the layer is no gzip file, or is cut off");
      break;
    }
    if (total > max_archive) {
      status = Bad(Cat("the layer holds more than ", max_archive, " bytes"));
      break;
    }
  }
  inflateEnd(&stream);
  return status;
}

}  // namespace

absl::StatusOr<std::string> ExtractModule(std::string layer, Packing packing, size_t max_bytes) {
  absl::StatusOr<std::string> module = std::move(layer);
  if (packing != Packing::kPlain) {
    TarReader tar(max_bytes);
    if (packing == Packing::kTar) {
      tar.Take(*module);
    } else if (absl::Status status = Gunzip(*module, max_bytes * kArchiveFactor, tar); !status.ok()) {
      return status;
    }
    module = tar.Result();
    if (!module.ok()) return module;
  }
  if (module->size() > max_bytes)
    return Bad(Cat("the module has ", module->size(), " bytes, and at most ", max_bytes, " are taken"));
  if (!module->starts_with(kMagic)) return Bad("the bytes are no WebAssembly module of version 1");
  return module;
}

}  // namespace k8sgw::wasm_cache
