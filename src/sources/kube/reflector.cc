// When to ask, and for what. What comes back is taken in reflector_answers.cc and, of kinds that are refused, in
// reflector_absent.cc.
#include "src/sources/kube/reflector.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"

namespace k8sgw::kube {
namespace {

// A buffer that had to hold something large is let go.
constexpr size_t kKeptBuffer = 1 << 20;
constexpr char kJson[] = "application/json";
constexpr char kMetadata[] = ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
constexpr char kListOfMetadata[] = ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

}  // namespace

Reflector::Reflector(const Resource& resource, ReflectorOptions options, RandomFraction random)
    : resource_(resource),
      path_(CollectionPath(resource)),
      options_(std::move(options)),
      random_(std::move(random)),
      backoff_(options_.backoff, random_),
      // It never ends by itself: a kind that is missing may be so for ever.
      served_backoff_({options_.absent_retry, options_.ask_served_again, 4 * options_.ask_served_again}, random_),
      history_(options_.history ? options_.history : std::make_shared<History>()),
      page_limit_(options_.page_limit) {}

// Events that were handed out are not read any longer when the next call comes.
void Reflector::Begin() {
  actions_ = Actions();
  changes_.reset();
  world_.FreeCommitted();
  buffer_.erase(0, used_);
  searched_ -= std::min(searched_, used_);
  used_ = 0;
  if (buffer_.empty() && buffer_.capacity() > kKeptBuffer) {
    std::string().swap(buffer_);
    decoder_.Shrink();
  }
}

Actions Reflector::Take() {
  if (changes_) actions_.batches.push_back(std::move(*changes_));
  changes_.reset();
  return std::move(actions_);
}

Actions Reflector::Start(Time now) {
  Begin();
  Next(now);
  return Take();
}

Actions Reflector::Poke(Time now) {
  Begin();
  if (state_ == State::kWaiting && (!not_before_ || now >= *not_before_)) Next(now);
  return Take();
}

Actions Reflector::OnTimer(Time now) {
  Begin();
  if (!deadline_ || now < *deadline_) return Take();
  if (state_ == State::kWaiting) {
    Next(now);
    return Take();
  }
  actions_.cancel = true;
  if (AsksWhatIsServed()) {
    TakeServed(now, absl::DeadlineExceededError("no answer for too long"));
    return Take();
  }
  if (state_ == State::kInitialEvents) pages_for_now_ = true;
  Ended(now, absl::DeadlineExceededError(Cat("no answer to ", path_, " for too long")));
  return Take();
}

void Reflector::Next(Time now) {
  // What is known, also of a list that is still coming, is of a history that is no more.
  if (turn_ != history_->turn()) StartOver();
  turn_ = history_->turn();
  std::string query;
  if (!options_.label_selector.empty()) query += "&labelSelector=" + EscapeUrl(options_.label_selector);
  if (!options_.field_selector.empty()) query += "&fieldSelector=" + EscapeUrl(options_.field_selector);
  lasts_ = options_.watch_for +
           std::chrono::seconds(static_cast<int64_t>(static_cast<double>(options_.watch_for.count()) * random_()));
  const std::string watch = Cat("&allowWatchBookmarks=true&timeoutSeconds=", lasts_.count(), "&watch=true");
  if (!resource_version_.empty() && look_) {
    list_.Clear();
    newest_ = history_->newest();
    return Request(now, State::kLook, query + "&limit=1");
  }
  if (!resource_version_.empty())
    return Request(now, State::kWatch, query + watch + "&resourceVersion=" + EscapeUrl(resource_version_));
  // Without a version, both give what is newest, so the world never goes back to what another server remembers.
  if (options_.watch_list && !pages_for_now_) {
    return Request(now, State::kInitialEvents,
                   query + watch + "&resourceVersionMatch=NotOlderThan&sendInitialEvents=true");
  }
  // Of the items of a page that broke some are staged. They are those of its next try; but without a token that is
  // another list.
  if (continue_.empty()) world_.DropStage();
  list_.Clear();
  if (!one_page_ && page_limit_ > 0) query += Cat("&limit=", page_limit_);
  if (!continue_.empty()) query += "&continue=" + EscapeUrl(continue_);
  Request(now, State::kList, std::move(query));
}

void Reflector::Request(Time now, State state, std::string query) {
  if (health_.phase == Health::Phase::kWatching && state != State::kWatch) health_.phase = Health::Phase::kConnecting;
  std::string accept = kJson;
  const bool lists = state == State::kList || state == State::kLook;
  if (options_.metadata_alone) accept += lists ? kListOfMetadata : kMetadata;
  Send(now, state, query.empty() ? path_ : Cat(path_, "?", std::string_view(query).substr(1)), std::move(accept));
}

void Reflector::Send(Time now, State state, std::string target, std::string accept) {
  state_ = state;
  code_ = 0;
  retry_after_ = {};
  // What an earlier request left; views of it may be in this call's batches.
  used_ = searched_ = buffer_.size();
  deadline_ = now + options_.silence;
  actions_.fetch = Fetch{std::move(target), std::move(accept), fresh_credentials_};
}

void Reflector::Wait(Time now, Health::Phase phase, absl::Status error, Duration wait) {
  state_ = State::kWaiting;
  deadline_ = now + wait;
  not_before_.reset();
  health_.phase = phase;
  health_.error = std::move(error);
}

void Reflector::Retry(Time now, absl::Status error, Duration at_least) {
  // A server that breaks in between may have just started, and not know its kinds and rights yet: what it refused
  // before that does not count any more.
  missing_.reset();
  refused_since_.reset();
  const auto spread = std::chrono::duration_cast<Duration>(at_least * (1 + random_() / 5));
  Wait(now, Health::Phase::kRetrying, std::move(error), std::max(backoff_.Next(now), spread));
  if (at_least > Duration(0)) not_before_ = now + at_least;
}

// The next complete set is asked for from its beginning. What the consumer knows stays until that is there.
void Reflector::StartOver() {
  resource_version_.clear();
  look_ = false;
  continue_.clear();
  list_version_.clear();
  world_.DropStage();
}

// The server has no history from where we are. As a rule it has just come back, and there is much to be told: that does
// not wait for what earlier failures have added up to, unless it happens again and again.
void Reflector::Expired(Time now, absl::Status error) {
  StartOver();
  if (now - synced_at_ <= options_.backoff.forget_after) return Retry(now, std::move(error));
  Wait(now, Health::Phase::kRetrying, std::move(error), backoff_.Jitter(options_.backoff.first));
}

void Reflector::Follow(Time now, std::string resource_version) {
  resource_version_ = std::move(resource_version);
  history_->Saw(turn_, resource_version_, now);
}

void Reflector::InitialEventsFailed() {
  StartOver();
  if (++initial_failures_ >= 2) pages_for_now_ = true;
}

void Reflector::Synced(Time now, std::string resource_version) {
  synced_at_ = now;
  told_ = true;
  actions_.batches.push_back(world_.Commit());
  Follow(now, std::move(resource_version));
  look_ = false;
  continue_.clear();
  list_version_.clear();
  pages_for_now_ = one_page_ = false;
  initial_failures_ = bad_lines_ = 0;
  health_ = {Health::Phase::kWatching, true, absl::OkStatus()};
}

Actions Reflector::OnEnd(Time now, const absl::Status& status) {
  Begin();
  if (state_ == State::kIdle || state_ == State::kWaiting) return Take();
  if (AsksWhatIsServed())
    TakeServed(now, status);
  else if (status.ok() && code_ == 200 && state_ == State::kList)
    TakePage(now);
  else if (status.ok() && code_ == 200 && state_ == State::kLook)
    TakeLook(now);
  else if (status.ok() && code_ != 0 && code_ != 200)
    Refused(now);
  else
    Ended(now, status);
  return Take();
}

// The request broke, or a watch came to its end.
void Reflector::Ended(Time now, const absl::Status& status) {
  if (state_ == State::kInitialEvents && code_ == 200) InitialEventsFailed();
  constexpr auto kShort = std::chrono::seconds(1);
  if (state_ == State::kWatch && code_ == 200 && status.ok() && now - opened_ >= kShort) return Next(now);
  look_ = look_ || !status.ok();
  Retry(now,
        status.ok() ? absl::UnavailableError(Cat("the API server ended the answer to ", path_, " at once")) : status);
}

}  // namespace k8sgw::kube
