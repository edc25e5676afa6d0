#include "src/admission/webhook.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>

#include "api/gloo/v1/settings.proto.h"
#include "src/admission/envoy_panel.h"
#include "src/base/text.h"
#include "src/json/tree.h"

namespace k8sgw::admission {
namespace {

constexpr char kPath[] = "/validation";
static_assert(yaml::kJsonPadding <= http::kBodyPadding);
// Then the pipeline's thread looks for other work.
constexpr std::chrono::milliseconds kLongestSitting(20);
// How long a sitting waits for the next review of a burst: to begin another costs more, as what is pending is tried
// anew.
constexpr std::chrono::microseconds kLinger(300);

// How long Envoy may think: what the API server gives, less what the answer takes on its way.
EnvoyPanel::Time::duration TimeFor(const std::string& query) {
  constexpr std::chrono::milliseconds kUsual(10'000);
  constexpr std::chrono::milliseconds kLongest(30'000);
  constexpr std::chrono::milliseconds kWay(500);
  std::chrono::milliseconds given = kUsual;
  // As API servers write it: "timeout=10s".
  if (int seconds = 0; std::sscanf(query.c_str(), "timeout=%3ds", &seconds) == 1) given = std::chrono::seconds(seconds);
  given = std::clamp(given, std::chrono::milliseconds(0), kLongest);
  return given - std::min(kWay, given / 2);
}

// What is wrong with the request before its body is looked at; code 200 when nothing is.
http::Answer CheckRequest(const http::Request& request) {
  if (request.path != kPath) return {404, "text/plain", Cat("there is only ", kPath, "\n")};
  if (request.body.empty()) return {400, "text/plain", "the request has no body\n"};
  if (request.method != "POST") return {405, "text/plain", "use POST\n"};
  const std::string type = request.MediaType();
  if (type == "application/json" || type == "application/x-yaml") return {};
  return {400, "text/plain", "use Content-Type: application/json or application/x-yaml\n"};
}

}  // namespace

// What both threads have.
struct Webhook::Shared : std::enable_shared_from_this<Shared> {
  // So many bytes, until it goes.
  using Room = std::shared_ptr<const size_t>;
  struct Waiting {
    Review review;
    http::Reply reply;
    // When the API server needs the answer.
    EnvoyPanel::Time until;
    // Until it has its answer.
    Room room;
  };

  Shared(Pipeline& pipeline, Post p, Namespaces namespaces, SettingsInForce in_force, const WebhookOptions& options,
         Counters& c)
      : post(std::move(p)),
        settings(std::move(in_force)),
        judge(pipeline, std::move(namespaces), options.own_namespace),
        counters(c),
        most_waiting_bytes(options.most_waiting_bytes),
        panel(std::make_unique<EnvoyPanel>(options.envoy)) {}

  // On the server's thread.
  void OnRequest(const http::Request& request, http::Reply reply);
  // For a body of this size; nullptr when there is none.
  Room FindRoom(size_t bytes);
  // On the pipeline's.
  void DecideAll();
  void Decide(Waiting one, Judge::Sitting& sitting, const Rules& rules, EnvoyPanel::Time now);
  // On any thread.
  void Answer(const Waiting& one, const Verdict& verdict);
  // Answers when Envoy has.
  void AskEnvoy(Waiting one, Verdict verdict, const Rules& rules);

  const Post post;
  const SettingsInForce settings;
  Judge judge;
  Counters& counters;
  const size_t most_waiting_bytes;
  // What has room may outlive us.
  const std::shared_ptr<std::atomic<size_t>> waiting_bytes = std::make_shared<std::atomic<size_t>>(0);
  std::unique_ptr<EnvoyPanel> panel;
  std::atomic<bool> ready{false};
  bool stopped = false;  // of the pipeline's thread

  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Waiting> waiting;  // guarded by mutex
  bool deciding = false;        // the same: DecideAll runs, or will
};

Webhook::Shared::Room Webhook::Shared::FindRoom(size_t bytes) {
  const size_t before = waiting_bytes->fetch_add(bytes);
  Room room(new size_t(bytes), [all = waiting_bytes](const size_t* taken) {
    *all -= *taken;
    delete taken;
  });
  return before == 0 || before + bytes <= most_waiting_bytes ? room : nullptr;
}

void Webhook::Shared::OnRequest(const http::Request& request, http::Reply reply) {
  http::Answer refusal = CheckRequest(request);
  if (refusal.code != 200) {
    ++counters.bad_requests;
    return reply(std::move(refusal));
  }
  if (!ready) {
    ++counters.not_ready;
    return reply({503, "text/plain", "not all objects are known yet\n"});
  }
  Room room = FindRoom(request.body.size());
  if (!room) {
    ++counters.crowded;
    return reply({503, "text/plain", "too many large reviews wait for their answers\n"});
  }
  const bool json = request.MediaType() == "application/json";
  absl::StatusOr<Review> review = ReadReview(request.body, json ? Format::kJson : Format::kYaml);
  if (!review.ok()) {
    ++counters.bad_requests;
    return reply({400, "text/plain", Cat(std::string(review.status().message()), "\n")});
  }
  const EnvoyPanel::Time until = std::chrono::steady_clock::now() + TimeFor(request.query);
  bool first = false;
  {
    std::lock_guard<std::mutex> lock(mutex);
    first = !std::exchange(deciding, true);
    waiting.push_back({std::move(*review), std::move(reply), until, std::move(room)});
  }
  arrived.notify_one();
  // Those that come until the pipeline's thread has time, and while it decides, are decided together.
  if (first) post([self = shared_from_this()] { self->DecideAll(); });
}

void Webhook::Shared::Answer(const Waiting& one, const Verdict& verdict) {
  ++(verdict.allowed ? counters.allowed : counters.denied);
  if (verdict.allowed && HasErrors(verdict.warnings)) ++counters.allowed_with_errors;
  one.reply({200, "application/json", WriteAnswer(one.review, verdict)});
}

void Webhook::Shared::AskEnvoy(Waiting one, Verdict verdict, const Rules& rules) {
  const auto question = verdict.question;
  const auto until = one.until;
  panel->Ask(question, until,
             [self = shared_from_this(), rules, verdict = std::move(verdict),
              one = std::move(one)](const Problems& answer) mutable {
               AddEnvoysAnswer(answer, rules, verdict);
               if (!verdict.allowed || verdict.then_counts.empty()) return self->Answer(one, verdict);
               // It counts before it is answered, for the next object of the same `kubectl apply`.
               self->post([self, one = std::move(one), verdict = std::move(verdict)] {
                 self->judge.Count(verdict, std::chrono::steady_clock::now());
                 self->Answer(one, verdict);
               });
             });
}

void Webhook::Shared::DecideAll() {
  const auto begin = std::chrono::steady_clock::now();
  std::optional<Judge::Sitting> sitting;
  Rules rules;
  while (true) {
    std::deque<Waiting> batch;
    {
      std::unique_lock<std::mutex> lock(mutex);
      if (sitting) arrived.wait_for(lock, kLinger, [this] { return !waiting.empty(); });
      batch.swap(waiting);
      deciding = !batch.empty() && !stopped;
      if (!deciding) return;
    }
    if (!sitting) {
      rules = Rules::Read(settings());
      sitting.emplace(judge, rules, begin);
    }
    auto now = std::chrono::steady_clock::now();
    for (; !batch.empty() && now - begin < kLongestSitting; now = std::chrono::steady_clock::now()) {
      Waiting one = std::move(batch.front());
      batch.pop_front();
      Decide(std::move(one), *sitting, rules, now);
    }
    if (batch.empty() && now - begin < kLongestSitting) continue;
    // Changes of objects must not wait for reviews without end.
    {
      std::lock_guard<std::mutex> lock(mutex);
      waiting.insert(waiting.begin(), std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
    }
    return post([self = shared_from_this()] { self->DecideAll(); });
  }
}

void Webhook::Shared::Decide(Waiting one, Judge::Sitting& sitting, const Rules& rules, EnvoyPanel::Time now) {
  // Nobody waits for the answer any more, and what is not stored may not count for those after it.
  if (now >= one.until) {
    ++counters.late;
    return one.reply({503, "text/plain", "the review waited for too long\n"});
  }
  Verdict verdict = sitting.Decide(one.review);
  if (verdict.question) {
    AskEnvoy(std::move(one), std::move(verdict), rules);
  } else {
    Answer(one, verdict);
  }
}

Webhook::Webhook(WebhookOptions options, Pipeline& pipeline, Post post, Namespaces namespaces, SettingsInForce settings,
                 Log log)
    : options_(std::move(options)),
      log_(std::move(log)),
      shared_(std::make_shared<Shared>(pipeline, std::move(post), std::move(namespaces), std::move(settings), options_,
                                       counters_)) {}

Webhook::~Webhook() {
  Stop();
  shared_->stopped = true;
  shared_->panel.reset();
}

void Webhook::Follow(const gloov1::Settings* settings) {
  if (!settings || !settings->gateway().has_validation()) return Stop();
  const auto& validation = settings->gateway().validation();
  // The others may be about more than the webhook.
  if (validation.has_server_enabled() && !validation.server_enabled().value()) return Stop();
  const auto or_default = [](const std::string& given, const std::string& otherwise) {
    return given.empty() ? otherwise : given;
  };
  Start(or_default(validation.validation_webhook_tls_cert(), options_.certificate_path),
        or_default(validation.validation_webhook_tls_key(), options_.key_path));
}

void Webhook::Start(const std::string& certificate_path, const std::string& key_path) {
  if (server_ && certificate_path == certificate_path_ && key_path == key_path_) return;
  Stop();
  certificate_path_ = certificate_path;
  key_path_ = key_path;
  http::ServerOptions server = options_.server;
  server.address = options_.address;
  server.tls = {certificate_path, key_path};
  server_ = http::Server::Start(
      std::move(server),
      {[shared = shared_](http::Request request, http::Reply reply) { shared->OnRequest(request, std::move(reply)); },
       log_},
      counters_);
  if (draining_) server_->Drain();
}

void Webhook::Drain() {
  draining_ = true;
  if (server_) server_->Drain();
}

void Webhook::Stop() { server_.reset(); }

void Webhook::SetReady() { shared_->ready = true; }

int Webhook::port() const { return server_ ? server_->port() : 0; }

}  // namespace k8sgw::admission
