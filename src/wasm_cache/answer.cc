#include "src/wasm_cache/answer.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "src/base/text.h"
#include "src/model/image_reference.h"

namespace k8sgw::wasm_cache {
namespace {

constexpr std::string_view kImages = "/images/";

struct Range {
  size_t first = 0;
  size_t last = 0;
};

std::optional<size_t> Number(std::string_view text) {
  size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

enum class RangeKind { kNone, kOne, kImpossible };

// One range of bytes; what is malformed, or several, counts as none, as HTTP allows.
RangeKind ParseRange(std::string_view header, size_t size, Range& range) {
  constexpr std::string_view kBytes = "bytes=";
  if (!header.starts_with(kBytes)) return RangeKind::kNone;
  header.remove_prefix(kBytes.size());
  const size_t dash = header.find('-');
  if (dash == std::string_view::npos) return RangeKind::kNone;
  const std::optional<size_t> first = Number(header.substr(0, dash));
  const std::optional<size_t> last = Number(header.substr(dash + 1));
  if (dash == 0) {
    // The last so many.
    if (!last) return RangeKind::kNone;
    if (*last == 0 || size == 0) return RangeKind::kImpossible;
    range = {size - std::min(*last, size), size - 1};
    return RangeKind::kOne;
  }
  const bool open = dash + 1 == header.size();
  if (!first || (!last && !open) || (last && *last < *first)) return RangeKind::kNone;
  if (*first >= size) return RangeKind::kImpossible;
  range = {*first, last ? std::min(*last, size - 1) : size - 1};
  return RangeKind::kOne;
}

bool Matches(std::string_view header, const std::string& etag) {
  if (header == "*") return true;
  // No tag of ours holds a comma.
  while (!header.empty()) {
    const size_t comma = std::min(header.find(','), header.size());
    std::string_view tag = header.substr(0, comma);
    header.remove_prefix(std::min(comma + 1, header.size()));
    while (tag.starts_with(' ')) tag.remove_prefix(1);
    while (tag.ends_with(' ')) tag.remove_suffix(1);
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == etag) return true;
  }
  return false;
}

}  // namespace

http::Answer AnswerFor(const http::Request& request, const FindModule& find) {
  if (!request.path.starts_with(kImages)) return {.code = 404, .body = "modules are at /images/<sha256>\n"};
  if (request.method != "GET" && request.method != "HEAD")
    return {.code = 405, .body = "only GET and HEAD are understood here\n", .headers = {{"Allow", "GET, HEAD"}}};
  const std::string sha256 = request.path.substr(kImages.size());
  const Ptr<StoredModule> module = IsSha256Hex(sha256) ? find(sha256) : nullptr;
  if (!module) return {.code = 404, .body = "there is no such module here\n"};
  const std::string etag = Cat("\"sha256:", sha256, "\"");
  http::Answer answer;
  answer.content_type = module->media_type;
  answer.headers = {
      {"ETag", etag}, {"Accept-Ranges", "bytes"}, {"Cache-Control", "public, max-age=31536000, immutable"}};
  if (Matches(request.Header("if-none-match"), etag)) {
    answer.code = 304;
    answer.content_type.clear();
    return answer;
  }
  const Ptr<std::string> bytes(module, &module->bytes);
  answer.shared = bytes;
  answer.part = *bytes;
  // A range of another version is of no use.
  const std::string_view only_if = request.Header("if-range");
  if (!only_if.empty() && only_if != etag) return answer;
  Range range;
  switch (ParseRange(request.Header("range"), bytes->size(), range)) {
    case RangeKind::kNone: break;
    case RangeKind::kImpossible:
      return {.code = 416,
              .body = "the module is not that long\n",
              .headers = {{"Content-Range", Cat("bytes */", bytes->size())}}};
    case RangeKind::kOne:
      answer.code = 206;
      answer.part = answer.part.substr(range.first, range.last - range.first + 1);
      answer.headers.emplace_back("Content-Range", Cat("bytes ", range.first, "-", range.last, "/", bytes->size()));
  }
  return answer;
}

}  // namespace k8sgw::wasm_cache
