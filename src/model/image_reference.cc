#include "src/model/image_reference.h"

#include <algorithm>

#include "absl/status/status.h"
#include "src/base/printable.h"
#include "src/base/text.h"

namespace k8sgw {
namespace {

constexpr size_t kMaxReference = 512;
constexpr size_t kMaxTag = 128;
constexpr size_t kSha256Hex = 64;
constexpr std::string_view kSha256 = "sha256:";
constexpr std::string_view kScheme = "oci://";
constexpr char kDockerHub[] = "docker.io";
constexpr char kDefaultTag[] = "latest";

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsWord(char c) { return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

absl::Status Bad(std::string_view what) { return absl::InvalidArgumentError(std::string(what)); }

// Host names and IPv4 addresses, or an IPv6 address in brackets; a port may follow.
bool IsRegistry(std::string_view text) {
  std::string_view host = text;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = text.substr(1, end - 1);
    if (host.empty() || host.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
    text.remove_prefix(end + 1);
    if (text.empty()) return true;
  } else {
    host = text.substr(0, text.find(':'));
    if (host.empty() || host.starts_with('.') || host.starts_with('-')) return false;
    if (!std::ranges::all_of(host, [](char c) { return (IsWord(c) && c != '_') || c == '.' || c == '-'; }))
      return false;
    text.remove_prefix(host.size());
    if (text.empty()) return true;
  }
  if (!text.starts_with(':')) return false;
  text.remove_prefix(1);
  return !text.empty() && text.size() <= 5 && std::ranges::all_of(text, IsDigit) && std::stoi(std::string(text)) > 0 &&
         std::stoi(std::string(text)) <= 65535;
}

// Parts of lower-case letters and digits, joined by single . or _, by __, or by any number of -.
bool IsRepository(std::string_view text) {
  while (true) {
    const size_t slash = text.find('/');
    const std::string_view part = text.substr(0, slash);
    if (part.empty() || !IsLowerOrDigit(part.front()) || !IsLowerOrDigit(part.back())) return false;
    if (!std::ranges::all_of(part, [](char c) { return IsLowerOrDigit(c) || c == '.' || c == '_' || c == '-'; }))
      return false;
    if (part.find("..") != std::string_view::npos) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

bool IsTag(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTag && IsWord(text.front()) &&
         std::ranges::all_of(text, [](char c) { return IsWord(c) || c == '.' || c == '-'; });
}

}  // namespace

bool IsSha256Hex(std::string_view text) {
  return text.size() == kSha256Hex &&
         std::ranges::all_of(text, [](char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); });
}

bool IsSha256Digest(std::string_view text) {
  return text.starts_with(kSha256) && IsSha256Hex(text.substr(kSha256.size()));
}

std::string ImageReference::ToString() const {
  return Cat(registry, "/", repository, tag.empty() ? "" : ":", tag, digest.empty() ? "" : "@", digest);
}

absl::StatusOr<ImageReference> ParseImageReference(std::string_view text) {
  if (text.starts_with(kScheme)) text.remove_prefix(kScheme.size());
  if (text.empty()) return Bad("is empty");
  if (text.size() > kMaxReference) return Bad(Cat("is longer than ", kMaxReference, " characters"));
  if (text.find("://") != std::string_view::npos) return Bad("is a URL, and no name of an image");
  ImageReference out;
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    out.digest = text.substr(at + 1);
    if (!IsSha256Digest(out.digest))
      return Bad(Cat("has the digest \"", Printable(out.digest), "\", which is no sha256: with 64 hexadecimal digits"));
    text = text.substr(0, at);
  }
  const size_t slash = text.find('/');
  const std::string_view first = text.substr(0, slash);
  const bool has_registry =
      slash != std::string_view::npos && (first.find_first_of(".:") != std::string_view::npos || first == "localhost");
  if (has_registry) {
    out.registry = first;
    text.remove_prefix(slash + 1);
    if (!IsRegistry(out.registry))
      return Bad(Cat("has the registry \"", Printable(out.registry), "\", which is no host, or host:port"));
  } else {
    out.registry = kDockerHub;
  }
  // A colon behind the last slash begins the tag.
  if (const size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    out.tag = text.substr(colon + 1);
    if (!IsTag(out.tag)) return Bad(Cat("has the tag \"", Printable(out.tag), "\", which no tag can be"));
    text = text.substr(0, colon);
  }
  if (!IsRepository(text))
    return Bad(
        Cat("has the repository \"", Printable(text), "\": only lower-case letters, digits and . _ - are allowed"));
  out.repository =
      !has_registry && text.find('/') == std::string_view::npos ? Cat("library/", text) : std::string(text);
  if (!out.digest.empty()) {
    out.tag.clear();
  } else if (out.tag.empty()) {
    out.tag = kDefaultTag;
  }
  return out;
}

}  // namespace k8sgw
