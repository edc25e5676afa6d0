#include "src/sources/kube/list_reader.h"

#include <array>

namespace k8sgw::kube {
namespace {

constexpr std::string_view kItems = "items";
constexpr size_t kKeptBuffer = 1 << 20;

// The bytes outside of texts that change where we are.
constexpr std::array<bool, 256> kMarks = [] {
  std::array<bool, 256> marks{};
  for (const unsigned char c : {'"', '{', '}', '[', ']'}) marks[c] = true;
  return marks;
}();

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Behind the end of the text that stands at `at`, or the size when it goes on.
size_t SkipText(std::string_view bytes, size_t at, bool& escaped, bool& in_text) {
  for (; at < bytes.size(); ++at) {
    const char c = bytes[at];
    if (escaped) {
      escaped = false;
    } else if (c == '\\') {
      escaped = true;
    } else if (c == '"') {
      in_text = false;
      return at + 1;
    }
  }
  return at;
}

}  // namespace

absl::Status ListReader::Feed(std::string_view bytes, const Take& take) {
  bytes_ += bytes.size();
  for (size_t at = 0; at < bytes.size();) {
    if (!among_items_) {
      at = Outside(bytes, at);
    } else if (!in_item_) {
      at = BetweenItems(bytes, at);
      if (foreign_item_) return absl::DataLossError("the API server sent a list of something else than objects");
    } else {
      at = InItem(bytes, at);
      if (in_item_) continue;
      if (absl::Status status = TakeItem(take); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

size_t ListReader::Outside(std::string_view bytes, size_t at) {
  const size_t begin = at;
  if (in_text_) {
    at = SkipText(bytes, at, escaped_, in_text_);
    if (depth_ == 1) key_.append(bytes.substr(begin, at - begin));
    frame_.append(bytes.substr(begin, at - begin));
    return at;
  }
  const char c = bytes[at++];
  frame_ += c;
  if (depth_ == 1 && c == ':') has_key_ = true;
  if (c == '"') {
    in_text_ = true;
    key_.clear();
    has_key_ = false;
  } else if (c == '{' || c == '[') {
    // Its closing quote is the last byte of a key.
    among_items_ = c == '[' && depth_ == 1 && has_key_ && std::string_view(key_).substr(0, key_.size() - 1) == kItems;
    if (!among_items_) ++depth_;
  } else if (c == '}' || c == ']') {
    --depth_;
  }
  if (c == ',') has_key_ = false;
  return at;
}

size_t ListReader::BetweenItems(std::string_view bytes, size_t at) {
  const char c = bytes[at];
  if (c == '{') {
    in_item_ = true;
    return at;
  }
  if (c == ']') {
    among_items_ = has_key_ = false;
    frame_ += c;
  } else if (c != ',' && !IsSpace(c)) {
    foreign_item_ = true;
  }
  return at + 1;
}

size_t ListReader::InItem(std::string_view bytes, size_t at) {
  const size_t begin = at;
  while (at < bytes.size() && in_item_) {
    if (in_text_) {
      at = SkipText(bytes, at, escaped_, in_text_);
      continue;
    }
    while (at < bytes.size() && !kMarks[static_cast<unsigned char>(bytes[at])]) ++at;
    if (at == bytes.size()) break;
    const char c = bytes[at++];
    if (c == '"') {
      in_text_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else {
      in_item_ = --depth_ > 1;
    }
  }
  item_.append(bytes.substr(begin, at - begin));
  return at;
}

absl::Status ListReader::TakeItem(const Take& take) {
  const size_t size = item_.size();
  item_.append(kJsonPadding, ' ');
  const absl::StatusOr<RawObject> object = decoder_.ReadObject(std::string_view(item_).substr(0, size));
  if (object.ok()) take(*object);
  item_.clear();
  return object.status();
}

absl::StatusOr<ListPage> ListReader::Finish() {
  if (among_items_ || depth_ != 0) return absl::DataLossError("the API server's list ends before its end");
  const size_t size = frame_.size();
  frame_.append(kJsonPadding, ' ');
  return decoder_.ReadFrame(std::string_view(frame_).substr(0, size));
}

void ListReader::Clear() {
  if (item_.capacity() > kKeptBuffer) std::string().swap(item_);
  decoder_.Shrink();
  frame_.clear();
  item_.clear();
  key_.clear();
  bytes_ = 0;
  depth_ = 0;
  among_items_ = in_item_ = foreign_item_ = in_text_ = escaped_ = has_key_ = false;
}

}  // namespace k8sgw::kube
