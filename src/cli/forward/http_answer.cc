#include "src/cli/forward/http_answer.h"

#include <algorithm>
#include <charconv>

namespace k8sgw::cli {
namespace {

constexpr size_t kMaxHead = 64 << 10;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// False when the text does not begin with such a number.
bool ReadNumber(std::string_view text, int base, uint64_t& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number, base).ec == std::errc();
}

// The value of a header; `head` is in lower case. "" when it is not there.
std::string_view HeaderOf(std::string_view head, std::string_view name) {
  const size_t at = head.find("\r\n" + std::string(name) + ":");
  if (at == std::string_view::npos) return {};
  std::string_view value = head.substr(at + 2 + name.size() + 1);
  value = value.substr(0, value.find("\r\n"));
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

absl::Status NoHttp() { return absl::DataLossError("the answer is no HTTP"); }

}  // namespace

bool HttpAnswer::TakeLine(std::string& line) {
  const size_t end = buffer_.find("\r\n");
  if (end == std::string::npos) return false;
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return true;
}

bool HttpAnswer::TakeBody() {
  const size_t size = std::min<uint64_t>(left_, buffer_.size());
  body_.append(buffer_, 0, size);
  buffer_.erase(0, size);
  left_ -= size;
  return size > 0;
}

absl::Status HttpAnswer::ReadHead(std::string_view text) {
  const std::string head = Lower(text);
  uint64_t code = 0;
  if (!head.starts_with("http/1.") || head.size() < 12 || !ReadNumber(std::string_view(head).substr(9, 3), 10, code))
    return NoHttp();
  code_ = static_cast<int>(code);
  // Another head comes.
  if (code_ < 200) return absl::OkStatus();
  if (HeaderOf(head, "transfer-encoding").find("chunked") != std::string_view::npos) {
    state_ = State::kChunkSize;
  } else if (const std::string_view length = HeaderOf(head, "content-length"); !length.empty()) {
    if (!ReadNumber(length, 10, left_)) return NoHttp();
    state_ = left_ == 0 ? State::kDone : State::kSized;
  } else {
    state_ = code_ == 204 || code_ == 304 ? State::kDone : State::kUntilEnd;
  }
  return absl::OkStatus();
}

absl::Status HttpAnswer::Step(bool& went_on) {
  std::string line;
  switch (state_) {
    case State::kHead: {
      const size_t end = buffer_.find("\r\n\r\n");
      if (end == std::string::npos) return buffer_.size() > kMaxHead ? NoHttp() : absl::OkStatus();
      const std::string head = buffer_.substr(0, end + 2);
      buffer_.erase(0, end + 4);
      went_on = true;
      return ReadHead(head);
    }
    case State::kSized:
      went_on = TakeBody();
      if (left_ == 0) state_ = State::kDone;
      return absl::OkStatus();
    case State::kUntilEnd:
      left_ = buffer_.size();
      TakeBody();
      return absl::OkStatus();
    case State::kChunkSize:
      if (!TakeLine(line)) return absl::OkStatus();
      if (!ReadNumber(line, 16, left_)) return NoHttp();
      state_ = left_ == 0 ? State::kTrailers : State::kChunk;
      went_on = true;
      return absl::OkStatus();
    case State::kChunk:
      went_on = TakeBody();
      if (left_ == 0) state_ = State::kChunkEnd;
      return absl::OkStatus();
    case State::kChunkEnd:
      if (!TakeLine(line)) return absl::OkStatus();
      if (!line.empty()) return NoHttp();
      state_ = State::kChunkSize;
      went_on = true;
      return absl::OkStatus();
    case State::kTrailers:
      went_on = TakeLine(line);
      if (went_on && line.empty()) state_ = State::kDone;
      return absl::OkStatus();
    case State::kDone: return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status HttpAnswer::Feed(std::string_view bytes) {
  buffer_.append(bytes);
  bool went_on = true;
  while (went_on && !done()) {
    went_on = false;
    if (absl::Status status = Step(went_on); !status.ok()) return status;
    if (body_.size() > max_body_ || left_ > max_body_) return absl::ResourceExhaustedError("the answer is too large");
  }
  return absl::OkStatus();
}

absl::Status HttpAnswer::End() {
  if (state_ == State::kUntilEnd) state_ = State::kDone;
  return done() ? absl::OkStatus() : absl::UnavailableError("the connection ended before the answer did");
}

}  // namespace k8sgw::cli
