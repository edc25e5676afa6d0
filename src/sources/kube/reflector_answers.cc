// What the server's answers mean. For kinds that it refuses, see reflector_absent.cc.
#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/sources/kube/reflector.h"

namespace k8sgw::kube {
namespace {

constexpr size_t kMaxErrorBody = 64 << 10;
// So often the same place of a watch may be unreadable before everything is asked for again.
constexpr int kMaxBadLines = 3;
// The first try when all objects at once were too much.
constexpr int kPageLimit = 500;

bool IsVersionTooLarge(const ApiStatus& status) {
  return std::any_of(status.causes.begin(), status.causes.end(),
                     [](const ApiStatus::Cause& cause) { return cause.reason == "ResourceVersionTooLarge"; });
}

}  // namespace

Actions Reflector::OnHead(Time now, int code, std::chrono::seconds retry_after) {
  Begin();
  code_ = code;
  retry_after_ = retry_after;
  opened_ = now;
  if (AsksWhatIsServed()) return Take();
  deadline_ = now + options_.silence;
  if (code != 200) return Take();
  fresh_credentials_ = false;
  missing_.reset();
  // Who may list may be refused to watch.
  if (Streams()) refused_since_.reset();
  if (state_ == State::kWatch) {
    deadline_ = now + lasts_ + options_.watch_grace;
    health_.phase = Health::Phase::kWatching;
    health_.error = absl::OkStatus();
  }
  return Take();
}

Actions Reflector::OnBytes(Time now, std::string_view bytes) {
  Begin();
  if (state_ == State::kIdle || state_ == State::kWaiting) return Take();
  if (state_ != State::kWatch && !AsksWhatIsServed()) deadline_ = now + options_.silence;
  if (AsksWhatIsServed() && code_ == 200) {
    buffer_.append(bytes);
    if (buffer_.size() <= options_.max_served_bytes) return Take();
    actions_.cancel = true;
    used_ = buffer_.size();
    NotGone(now, Duration(0));
    return Take();
  }
  if (code_ != 200) {
    buffer_.append(bytes.substr(0, kMaxErrorBody - std::min(kMaxErrorBody, buffer_.size())));
    return Take();
  }
  if (Streams()) {
    buffer_.append(bytes);
    TakeLines(now);
  } else {
    TakeItems(now, bytes);
  }
  return Take();
}

void Reflector::TakeLines(Time now) {
  // The last line is followed by what may be read behind it.
  if (buffer_.capacity() < buffer_.size() + kJsonPadding) buffer_.reserve(2 * buffer_.size() + kJsonPadding);
  while (true) {
    const size_t end = buffer_.find('\n', searched_);
    if (end == std::string::npos) break;
    const std::string_view line = std::string_view(buffer_).substr(used_, end - used_);
    searched_ = used_ = end + 1;
    if (!line.empty() && !TakeLine(now, line)) return;
  }
  searched_ = buffer_.size();
  if (buffer_.size() - used_ > options_.max_line_bytes) LineTooLarge(now);
}

// False when the request ends with this line.
bool Reflector::TakeLine(Time now, std::string_view line) {
  absl::StatusOr<WatchLine> event = decoder_.ReadLine(line);
  if (!event.ok()) {
    actions_.cancel = true;
    if (state_ == State::kInitialEvents) InitialEventsFailed();
    if (++bad_lines_ >= kMaxBadLines) StartOver();
    Retry(now, event.status());
    return false;
  }
  switch (event->type) {
    case WatchLine::Type::kError: TakeError(now, event->error); return false;
    case WatchLine::Type::kBookmark:
      if (state_ == State::kWatch) {
        Follow(now, event->object.meta.resource_version);
      } else if (event->initial_events_end) {
        state_ = State::kWatch;
        deadline_ = opened_ + lasts_ + options_.watch_grace;
        Synced(now, event->object.meta.resource_version);
      }
      return true;
    default: TakeObject(now, *std::move(event)); return true;
  }
}

void Reflector::TakeObject(Time now, WatchLine line) {
  const bool deleted = line.type == WatchLine::Type::kDeleted;
  if (state_ == State::kInitialEvents) {
    if (deleted)
      world_.StageDelete(line.object.meta);
    else
      world_.Stage(line.object, options_.prepare);
    return;
  }
  Follow(now, line.object.meta.resource_version);
  bad_lines_ = 0;
  const bool news = deleted ? world_.Delete(line.object.meta) : world_.Upsert(line.object);
  if (!news) return;
  if (deleted) line.object.json = {};
  if (!changes_) changes_.emplace();
  changes_->events.push_back({deleted ? Event::Kind::kDelete : Event::Kind::kUpsert, std::move(line.object)});
}

void Reflector::TakeError(Time now, const ApiStatus& error) {
  actions_.cancel = true;
  if (state_ == State::kInitialEvents) InitialEventsFailed();
  if (error.IsExpired()) return Expired(now, ToStatus(error));
  if (IsVersionTooLarge(error)) StartOver();
  Retry(now, ToStatus(error), error.retry_after);
}

void Reflector::LineTooLarge(Time now) {
  actions_.cancel = true;
  if (state_ == State::kInitialEvents) InitialEventsFailed();
  Retry(now, absl::ResourceExhaustedError(Cat("an object of ", path_, " is larger than ", options_.max_line_bytes,
                                              " bytes: make it smaller, or delete it")));
}

void Reflector::TakeItems(Time now, std::string_view bytes) {
  const size_t left = options_.max_page_bytes - list_.bytes();
  const absl::Status status = list_.Feed(bytes.substr(0, left), [this](const RawObject& object) {
    if (state_ == State::kList) world_.Stage(object, options_.prepare);
  });
  if (!status.ok()) {
    actions_.cancel = true;
    return Retry(now, status);
  }
  if (bytes.size() > left) PageTooLarge(now);
}

void Reflector::TakePage(Time now) {
  const absl::StatusOr<ListPage> page = list_.Finish();
  if (!page.ok()) return Retry(now, page.status());
  if (!list_version_.empty() && page->resource_version != list_version_) {
    // The pages are not of one moment, so all is asked for at once.
    StartOver();
    one_page_ = true;
    return Next(now);
  }
  list_version_ = page->resource_version;
  continue_ = page->continue_token;
  const bool first = !health_.synced;
  if (continue_.empty()) Synced(now, page->resource_version);
  if (first && health_.synced && options_.first_watch_after.count() > 0)
    return Wait(now, Health::Phase::kWatching, absl::OkStatus(), options_.first_watch_after);
  Next(now);
}

// The server has answered where a request broke.
void Reflector::TakeLook(Time now) {
  const absl::StatusOr<ListPage> page = list_.Finish();
  if (!page.ok()) return Retry(now, page.status());
  look_ = false;
  history_->Looked(turn_, newest_, page->resource_version, now);
  Next(now);
}

void Reflector::PageTooLarge(Time now) {
  actions_.cancel = true;
  if (!one_page_ && page_limit_ != 1) {
    page_limit_ = page_limit_ == 0 ? kPageLimit : std::max(1, page_limit_ / 4);
    return Next(now);
  }
  one_page_ = false;
  StartOver();
  Retry(now, absl::ResourceExhaustedError(Cat("a page of ", path_, " is larger than ", options_.max_page_bytes,
                                              " bytes: make its objects smaller, or fewer")));
}

void Reflector::Refused(Time now) {
  ApiStatus answer = ParseApiStatus(code_, buffer_);
  answer.retry_after = std::max(answer.retry_after, retry_after_);
  used_ = searched_ = buffer_.size();
  absl::Status error = ToStatus(answer);
  const bool invalid = code_ == 400 || code_ == 415 || code_ == 422;
  if (code_ == 403 || code_ == 404 || code_ == 405) return Absent(now, code_, std::move(error));
  if (code_ == 401) fresh_credentials_ = true;
  if (answer.IsExpired() && state_ == State::kList && !continue_.empty()) {
    StartOver();
    one_page_ = true;
    return Next(now);
  }
  if (state_ == State::kInitialEvents && invalid) {
    // This server does not have it.
    options_.watch_list = false;
    return Next(now);
  }
  // Those whose storage cannot do it answer so; others will get well, and then it is tried again.
  if (state_ == State::kInitialEvents && (code_ == 500 || code_ == 501)) pages_for_now_ = true;
  if (answer.IsExpired()) return Expired(now, std::move(error));
  if (IsVersionTooLarge(answer) || invalid) StartOver();
  Retry(now, std::move(error), answer.retry_after);
}

}  // namespace k8sgw::kube
