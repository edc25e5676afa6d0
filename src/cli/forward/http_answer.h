// The answer to one HTTP/1.1 request, out of bytes as they come. Pure. (libcurl 7.88 cannot be given a socket that is
// connected already.)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace k8sgw::cli {

class HttpAnswer {
 public:
  explicit HttpAnswer(size_t max_body) : max_body_(max_body) {}

  // Errors: these are no bytes of an answer, or it is larger than the bound.
  absl::Status Feed(std::string_view bytes);
  // No more bytes come. Errors: there should be more.
  absl::Status End();
  // All of it is there.
  bool done() const { return state_ == State::kDone; }

  int code() const { return code_; }
  const std::string& body() const { return body_; }

 private:
  enum class State { kHead, kSized, kUntilEnd, kChunkSize, kChunk, kChunkEnd, kTrailers, kDone };

  // Whether it used up some of what is buffered, or changed its state.
  absl::Status Step(bool& went_on);
  absl::Status ReadHead(std::string_view head);
  // The next line without its end; false when it is not there yet.
  bool TakeLine(std::string& line);
  bool TakeBody();

  const size_t max_body_;
  State state_ = State::kHead;
  std::string buffer_;
  int code_ = 0;
  // Of the body, or the chunk.
  uint64_t left_ = 0;
  std::string body_;
};

}  // namespace k8sgw::cli
