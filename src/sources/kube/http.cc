#include "src/sources/kube/http.h"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <thread>
#include <utility>

#include "src/base/text.h"
#include "src/sources/kube/http_transfer.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

constexpr int kMaxRetryAfter = 3600;
// A server that refuses whatever the plugin gives does not make it run all the time.
constexpr std::chrono::seconds kRenewAgain(5);

bool StartsWithName(std::string_view line, std::string_view name) {
  if (line.size() < name.size()) return false;
  return std::equal(name.begin(), name.end(), line.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b); });
}

}  // namespace

// Asks for anything on the same connection: every answer is a sign of life.
class HttpClient::Ping : public HttpHandler {
 public:
  explicit Ping(HttpClient& client) : client_(client), started_(Loop::Now()) {
    id_ = client.Start({.target = client.options_.ping_target}, this);
  }
  ~Ping() override {
    if (!ended_) client_.Cancel(id_);
  }
  bool ended() const { return ended_; }
  Loop::Time started() const { return started_; }

  void OnHead(int, std::chrono::seconds) override {}
  bool OnBytes(std::string_view) override { return true; }
  void OnEnd(const absl::Status&) override { ended_ = true; }

 private:
  HttpClient& client_;
  const Loop::Time started_;
  Id id_ = 0;
  bool ended_ = false;
};

// Shared with the thread, which nobody waits for: a plugin may hang for longer than the client lives.
struct HttpClient::Renewal {
  std::mutex mutex;
  bool wanted = true;  // guarded by mutex; while it is, so are loop and client
};

HttpClient::HttpClient(Loop& loop, Credentials& credentials, Options options)
    : loop_(loop), credentials_(credentials), options_(std::move(options)) {
  Reset(absl::OkStatus());
}

HttpClient::~HttpClient() {
  if (renewal_) {
    const std::lock_guard<std::mutex> lock(renewal_->mutex);
    renewal_->wanted = false;
  }
  ping_.reset();
  for (auto& [id, transfer] : transfers_) {
    if (transfer->easy != nullptr) multi_->Remove(transfer->easy);
  }
  if (scheduled_) loop_.Cancel(*scheduled_);
  if (tick_) loop_.Cancel(*tick_);
}

HttpClient::Id HttpClient::Start(HttpRequest request, HttpHandler* handler) {
  const Id id = ++last_id_;
  transfers_.emplace(id, std::make_unique<Transfer>(this, id, std::move(request), handler));
  to_launch_.push_back(id);
  Schedule();
  return id;
}

void HttpClient::Cancel(Id id) {
  const auto it = transfers_.find(id);
  if (it == transfers_.end()) return;
  it->second->handler = nullptr;
  ended_.emplace_back(id, absl::CancelledError());
  Schedule();
}

void HttpClient::Resume(Id id) {
  to_resume_.push_back(id);
  Schedule();
}

// libcurl must not be called from its own callbacks, so everything is done in a turn of the loop.
void HttpClient::Schedule() {
  if (scheduled_) return;
  scheduled_ = loop_.At(Loop::Now(), [this] {
    scheduled_.reset();
    Flush();
  });
}

void HttpClient::Flush() {
  for (const auto& [id, status] : std::exchange(ended_, {})) Finish(id, status);
  for (const Id id : std::exchange(to_launch_, {})) {
    const auto it = transfers_.find(id);
    if (it != transfers_.end()) Launch(*it->second);
  }
  for (const Id id : std::exchange(to_resume_, {})) {
    const auto it = transfers_.find(id);
    if (it != transfers_.end() && it->second->easy != nullptr) curl_easy_pause(it->second->easy, CURLPAUSE_CONT);
  }
  if (!ended_.empty() || !to_launch_.empty() || !to_resume_.empty()) Schedule();
  if (!transfers_.empty() && !tick_) {
    last_bytes_ = Loop::Now();
    SetTick(last_bytes_ + options_.ping_after);
  }
}

void HttpClient::Launch(Transfer& transfer) {
  if (transfer.handler == nullptr) return;
  if (renewal_) return waiting_.push_back(transfer.id);
  const Loop::Time now = Loop::Now();
  const auto wall = std::chrono::system_clock::now();
  bool fresh = transfer.request.fresh_credentials;
  // Of many requests that were refused, one runs the plugin; the others find what it gave.
  if (credentials_.config().exec) fresh = fresh && refused_ == credentials_.current() && now >= renew_after_;
  if (Credentials::PluginRun run = credentials_.MustRun(now, wall, fresh)) {
    waiting_.push_back(transfer.id);
    return Renew(std::move(run));
  }
  const absl::StatusOr<Ptr<Identity>> identity = credentials_.Get(now, wall, fresh && !credentials_.config().exec);
  if (!identity.ok()) {
    ended_.emplace_back(transfer.id, identity.status());
    return;
  }
  transfer.identity = *identity;
  transfer.Prepare(credentials_.config(), **identity, options_);
  multi_->Add(transfer.easy);
}

void HttpClient::Renew(Credentials::PluginRun run) {
  renewal_ = std::make_shared<Renewal>();
  std::thread([this, renewal = renewal_, run = std::move(run)] {
    const absl::StatusOr<std::string> printed = run();
    const std::lock_guard<std::mutex> lock(renewal->mutex);
    if (!renewal->wanted) return;
    loop_.Post([this, renewal, printed] {
      // On the thread on which the client ends.
      if (!renewal->wanted) return;
      credentials_.Take(Loop::Now(), printed);
      renewal_.reset();
      refused_.reset();
      renew_after_ = Loop::Now() + kRenewAgain;
      const std::vector<Id> waiting = std::exchange(waiting_, {});
      to_launch_.insert(to_launch_.end(), waiting.begin(), waiting.end());
      Schedule();
    });
  }).detach();
}

void HttpClient::Finish(Id id, const absl::Status& status) {
  const auto it = transfers_.find(id);
  if (it == transfers_.end()) return;
  const std::unique_ptr<Transfer> transfer = std::move(it->second);
  transfers_.erase(it);
  if (transfer->easy != nullptr) multi_->Remove(transfer->easy);
  if (transfer->handler != nullptr) transfer->handler->OnEnd(status);
}

// All connections are closed, and all requests that run end with `status`. Not to be called from libcurl's callbacks.
void HttpClient::Reset(const absl::Status& status) {
  std::vector<Id> ids;
  for (auto& [id, transfer] : transfers_) {
    if (transfer->easy == nullptr) continue;
    multi_->Remove(transfer->easy);
    // Before its handler is told: Finish would take it out of connections that it was never in.
    curl_easy_cleanup(std::exchange(transfer->easy, nullptr));
    ids.push_back(id);
  }
  multi_ = std::make_unique<Multi>(
      loop_,
      [this](CURL* easy, CURLcode code) {
        Transfer* transfer = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
        ended_.emplace_back(transfer->id, transfer->StatusOf(code));
      },
      [this] {
        if (!ended_.empty()) Flush();
      });
  for (const Id id : ids) Finish(id, status);
}

void HttpClient::SetTick(Loop::Time due) {
  tick_ = loop_.At(due, [this, due] { Tick(due); });
}

void HttpClient::Tick(Loop::Time due) {
  tick_.reset();
  const Loop::Time now = Loop::Now();
  if (renewal_ || now - due >= options_.ping_timeout / 2) {
    // It was us who did nothing, and what came since then waits to be read; or a question would have to wait.
    ping_.reset();
    last_bytes_ = now;
  }
  if (ping_ && (ping_->ended() || ping_->started() < last_bytes_)) ping_.reset();
  if (transfers_.empty()) return;
  if (ping_ && now - ping_->started() >= options_.ping_timeout) {
    Reset(absl::UnavailableError(Cat(credentials_.config().server, ": the connection is dead: nothing came for ",
                                     (options_.ping_after + options_.ping_timeout).count(), " ms")));
    ping_.reset();
  } else if (!ping_ && now - last_bytes_ >= options_.ping_after) {
    ping_ = std::make_unique<Ping>(*this);
  }
  const Loop::Time next = ping_ ? ping_->started() + options_.ping_timeout : last_bytes_ + options_.ping_after;
  SetTick(std::max(next, now + std::chrono::milliseconds(1)));
}

size_t HttpClient::OnHeaderLine(char* data, size_t size, size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  transfer->client->last_bytes_ = Loop::Now();
  const std::string_view line(data, size * count);
  constexpr std::string_view kRetryAfter = "retry-after:";
  if (StartsWithName(line, kRetryAfter)) {
    const std::string text = Trim(line.substr(kRetryAfter.size()));
    int seconds = 0;
    // A date is no number, and then nobody knows whose clock it is by.
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error == std::errc() && end == text.data() + text.size())
      transfer->retry_after = std::chrono::seconds(std::clamp(seconds, 0, kMaxRetryAfter));
  }
  const bool ends = line == "\r\n" || line == "\n";
  if (!ends || transfer->head_told || transfer->code() < 200) return line.size();
  transfer->head_told = true;
  if (transfer->code() == 401) transfer->client->refused_ = transfer->identity;
  if (transfer->handler != nullptr) transfer->handler->OnHead(transfer->code(), transfer->retry_after);
  return line.size();
}

size_t HttpClient::OnBody(char* data, size_t size, size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  transfer->client->last_bytes_ = Loop::Now();
  // What is cancelled takes no more; less than everything ends it.
  if (transfer->handler == nullptr) return 0;
  return transfer->handler->OnBytes({data, size * count}) ? size * count : size_t{CURL_WRITEFUNC_PAUSE};
}

}  // namespace k8sgw::kube
