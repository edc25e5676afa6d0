#include "src/xds/hub.h"

#include <utility>

namespace k8sgw::xds {
namespace {

// A client with more responses than these to read is not listened to until it has read some. Of the known types there
// is never more than one each on the way; of others, a client may ask as often as it likes.
constexpr size_t kMostQueued = 16;

Time Now() { return std::chrono::steady_clock::now(); }

}  // namespace

// --- Stream

void Stream::Open(StreamOptions options, Caller caller) {
  caller_ = std::move(caller);
  hub_.Call([&](Engine& engine) {
    id_ = engine.Open(options, [this](Response response) {
      if (TypeOfUrl(response.type_url)) ++hub_.responses_[static_cast<size_t>(response.type)];
      Enqueue(std::move(response));
      hub_.ready_.push_back(shared_from_this());
    });
  });
  if (hub_.authenticator_ == nullptr) return Admit(Ptr<Identity>());
  hub_.authenticator_->Authenticate(caller_, [self = shared_from_this()](const auto& answer) { self->Admit(answer); });
}

void Stream::Admit(const absl::StatusOr<Ptr<Identity>>& answer) {
  if (!answer.ok()) return Refuse(answer.status());
  std::lock_guard<std::mutex> lock(mutex_);
  identity_ = *answer;
  ready_to_listen_ = true;
  ListenOn();
}

void Stream::Receive(const Request& request) {
  const bool first = identity_ != nullptr && !role_;
  if (first && !MayHave(request.role.value_or(""))) return;
  hub_.Call([&](Engine& engine) {
    engine.Receive(id_, request, Now());
    if (!first) return;
    ++hub_.access_.admitted;
    hub_.AskLater(*this);
  });
  std::lock_guard<std::mutex> lock(mutex_);
  ready_to_listen_ = true;
  ListenOn();
}

bool Stream::MayHave(const std::string& role) {
  role_ = role;
  const absl::Status status = identity_->MayHave(role);
  if (!status.ok()) Refuse(status);
  return status.ok();
}

// The role of a stream never changes.
void Stream::Reconsider(const absl::StatusOr<Ptr<Identity>>& answer) {
  const absl::Status status = answer.ok() ? (*answer)->MayHave(*role_) : answer.status();
  if (!status.ok()) Refuse(status);
}

// The transport waits for StartRefusing, and the hub for the transport, so the hub is there until then.
void Stream::Refuse(const absl::Status& status) {
  if (!Close()) return;
  hub_.Tell({caller_.peer, role_.value_or(""), status});
  StartRefusing(status);
}

void Stream::ListenOn() {
  if (!ready_to_listen_ || closed_ || queue_.size() >= kMostQueued) return;
  ready_to_listen_ = false;
  StartListening();
}

// Who comes second must not touch the hub, which may be gone.
bool Stream::Close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (std::exchange(closed_, true)) return false;
  }
  hub_.Call([&](Engine& engine) {
    engine.Close(id_);
    left_ = true;
    hub_.AskNoMore(*this);
  });
  return true;
}

void Stream::Sent() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    sending_ = false;
  }
  SendNext();
}

void Stream::Enqueue(Response response) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(response));
}

void Stream::SendNext() {
  Response response;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (sending_ || closed_ || queue_.empty()) return;
    sending_ = true;
    response = std::move(queue_.front());
    queue_.pop_front();
    ListenOn();
  }
  Prepare(response);
  std::lock_guard<std::mutex> lock(mutex_);
  if (!closed_) StartSending();
}

// --- Hub

Hub::Hub(HubOptions options)
    : authenticator_(options.authenticator),
      on_refusal_(std::move(options.on_refusal)),
      engine_(std::move(options.engine)),
      deadlines_([this] { KeepDeadlines(); }) {}

Hub::~Hub() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  deadline_changed_.notify_one();
  deadlines_.join();
}

void Hub::Call(const std::function<void(Engine&)>& work) {
  std::vector<std::shared_ptr<Stream>> ready;
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    work(engine_);
    ready.swap(ready_);
    wake = NextDeadline() != awaited_deadline_;
  }
  if (wake) deadline_changed_.notify_one();
  for (const auto& stream : ready) stream->SendNext();
}

void Hub::KeepDeadlines() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    awaited_deadline_ = NextDeadline();
    if (awaited_deadline_) {
      deadline_changed_.wait_until(lock, *awaited_deadline_);
    } else {
      deadline_changed_.wait(lock);
    }
    lock.unlock();
    Tick(Now());
    lock.lock();
  }
}

void Hub::Apply(const std::string& role, const Update& update) {
  Call([&](Engine& engine) { engine.Apply(role, update, Now()); });
}

void Hub::ModuleReady(const std::string& role) {
  Call([&](Engine& engine) { engine.ModuleReady(role, Now()); });
}

std::optional<Time> Hub::NextDeadline() const {
  std::optional<Time> next = engine_.NextDeadline();
  if (!ask_again_.empty() && (!next || ask_again_.begin()->first < *next)) next = ask_again_.begin()->first;
  return next;
}

void Hub::Tick(Time now) {
  std::vector<std::shared_ptr<Stream>> due;
  Call([&](Engine& engine) {
    engine.Tick(now);
    while (!ask_again_.empty() && ask_again_.begin()->first <= now) {
      Stream& stream = *ask_again_.begin()->second;
      due.push_back(stream.shared_from_this());
      AskNoMore(stream);
      AskLater(stream);
    }
  });
  for (const auto& stream : due) {
    authenticator_->Authenticate(stream->caller_, [stream](const auto& answer) { stream->Reconsider(answer); });
  }
}

void Hub::AskLater(Stream& stream) {
  if (stream.left_) return;
  stream.ask_again_ = Now() + authenticator_->holds_for();
  ask_again_.emplace(*stream.ask_again_, &stream);
}

void Hub::AskNoMore(Stream& stream) {
  if (stream.ask_again_) ask_again_.erase({*stream.ask_again_, &stream});
  stream.ask_again_.reset();
}

void Hub::Tell(const Refusal& refusal) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (absl::IsUnauthenticated(refusal.status)) {
      ++access_.unauthenticated;
    } else if (absl::IsPermissionDenied(refusal.status)) {
      ++access_.denied;
    } else {
      ++access_.unavailable;
    }
  }
  if (on_refusal_) on_refusal_(refusal);
}

void Hub::Recognize(const Caller& caller, std::function<void(const absl::StatusOr<Ptr<Identity>>&)> done) {
  if (authenticator_ == nullptr) return done(Ptr<Identity>());
  authenticator_->Authenticate(caller, [this, peer = caller.peer, done = std::move(done)](const auto& answer) {
    if (!answer.ok()) Tell({peer, "", answer.status()});
    done(answer);
  });
}

absl::StatusOr<std::optional<Response>> Hub::FetchAs(const Ptr<Identity>& identity, const std::string& peer,
                                                     const Request& request, bool known_role_only) {
  const std::string role = request.role.value_or("");
  const absl::Status status = identity ? identity->MayHave(role) : absl::OkStatus();
  if (status.ok()) return FetchNow(request, known_role_only);
  Tell({peer, role, status});
  return status;
}

void Hub::Fetch(const Caller& caller, const Request& request, Fetched done, bool known_role_only) {
  if (authenticator_ == nullptr) return done(FetchNow(request, known_role_only));
  authenticator_->Authenticate(
      caller, [this, peer = caller.peer, request, known_role_only, done = std::move(done)](const auto& answer) {
        if (answer.ok()) return done(FetchAs(*answer, peer, request, known_role_only));
        Tell({peer, request.role.value_or(""), answer.status()});
        done(answer.status());
      });
}

absl::StatusOr<std::optional<Response>> Hub::FetchNow(const Request& request, bool known_role_only) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (authenticator_ != nullptr) ++access_.admitted;
  // The engine counts those whose role it does not know.
  const int64_t unknown = engine_.stats().unknown_roles;
  std::optional<Response> response = engine_.Fetch(request, Now());
  if (known_role_only && engine_.stats().unknown_roles != unknown) {
    return absl::NotFoundError("there is no snapshot of the role");
  }
  return response;
}

ResponseCounts Hub::responses() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return responses_;
}

AccessStats Hub::access_stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return access_;
}

EngineStats Hub::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return engine_.stats();
}

bool Hub::InSync(const std::string& role) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return engine_.InSync(role);
}

std::map<std::string, Engine::RoleStreams> Hub::StreamsByRole() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return engine_.StreamsByRole(Now());
}

std::vector<ClientState> Hub::Clients() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return engine_.Clients();
}

}  // namespace k8sgw::xds
