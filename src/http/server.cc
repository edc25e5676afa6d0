#include "src/http/server.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>
#include <utility>

#include "src/base/text.h"
#include "src/http/certificate.h"
#include "src/http/listen.h"
#include "src/http/mailbox.h"

namespace k8sgw::http {
namespace {

using Clock = std::chrono::steady_clock;
// How soon those that wait for room are looked at again.
constexpr std::chrono::milliseconds kLookAgain(50);

class LibeventServer;

// One connection. We hold its stream, so that libevent's end of it is noticed, and its address stays its own until
// then.
struct Session {
  LibeventServer* server = nullptr;
  Connections::Id id = 0;
  bufferevent* stream = nullptr;
  // The request that waits for its answer, and its number.
  evhttp_request* request = nullptr;
  uint64_t number = 0;

  // libevent has let go of it. (It takes its callbacks back then, and at no other time.)
  bool Ended() const {
    bufferevent_event_cb on_event = nullptr;
    bufferevent_getcb(stream, nullptr, nullptr, &on_event, nullptr);
    return begun && on_event == nullptr;
  }
  // libevent has taken it over.
  bool begun = false;
};

const char* MethodOf(evhttp_request* request) {
  switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET: return "GET";
    case EVHTTP_REQ_HEAD: return "HEAD";
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_DELETE: return "DELETE";
    default: return "";
  }
}

// libevent would take the body of a HEAD for the next request, on a connection that a proxy may share out.
bool LeavesItsBody(evhttp_request* request) {
  const evkeyvalq* headers = evhttp_request_get_input_headers(request);
  return evhttp_request_get_command(request) == EVHTTP_REQ_HEAD &&
         (evhttp_find_header(headers, "Content-Length") || evhttp_find_header(headers, "Transfer-Encoding"));
}

timeval ToTimeval(std::chrono::milliseconds time) {
  return {static_cast<time_t>(time.count() / 1000), static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}

Request Read(evhttp_request* request) {
  Request in;
  in.method = MethodOf(request);
  const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
  const char* path = uri ? evhttp_uri_get_path(uri) : nullptr;
  in.path = path ? path : "";
  const char* query = uri ? evhttp_uri_get_query(uri) : nullptr;
  in.query = query ? query : "";
  const evkeyvalq* headers = evhttp_request_get_input_headers(request);
  for (const evkeyval* header = headers->tqh_first; header; header = header->next.tqe_next) {
    in.headers.emplace_back(header->key, header->value);
  }
  char* host = nullptr;
  ev_uint16_t port = 0;
  evhttp_connection_get_peer(evhttp_request_get_connection(request), &host, &port);
  in.peer = Cat(host ? host : "", ":", port);
  evbuffer* body = evhttp_request_get_input_buffer(request);
  const size_t size = evbuffer_get_length(body);
  in.body.reserve(size + kBodyPadding);
  in.body.resize(size);
  evbuffer_remove(body, in.body.data(), size);
  return in;
}

void Send(evhttp_request* request, const Answer& answer, bool is_last) {
  evkeyvalq* headers = evhttp_request_get_output_headers(request);
  if (!answer.content_type.empty()) evhttp_add_header(headers, "Content-Type", answer.content_type.c_str());
  for (const auto& [name, value] : answer.headers) evhttp_add_header(headers, name.c_str(), value.c_str());
  const std::string_view text = answer.shared ? answer.part : std::string_view(answer.body);
  if (is_last || LeavesItsBody(request)) evhttp_add_header(headers, "Connection", "close");
  evbuffer* body = evbuffer_new();
  if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
    // It tells of the body, and has none.
    evhttp_add_header(headers, "Content-Length", std::to_string(text.size()).c_str());
  } else if (answer.shared && !text.empty()) {
    auto* keep = new Ptr<std::string>(answer.shared);
    evbuffer_add_reference(
        body, text.data(), text.size(),
        [](const void*, size_t, void* held) { delete static_cast<Ptr<std::string>*>(held); }, keep);
  } else {
    evbuffer_add(body, text.data(), text.size());
  }
  evhttp_send_reply(request, answer.code, nullptr, body);
  evbuffer_free(body);
}

class LibeventServer final : public Server {
 public:
  // `socket` listens already, or is -1.
  LibeventServer(ServerOptions options, Callbacks callbacks, Counters& counters, int socket)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        counters_(counters),
        connections_(options_.limits, counters),
        socket_(socket),
        port_(socket < 0 ? 0 : PortOf(socket)),
        mailbox_(std::make_shared<Mailbox>()) {
    if (options_.tls) certificate_.emplace(options_.tls->certificate_path, options_.tls->key_path);
    thread_ = std::thread([this] { Run(); });
  }

  ~LibeventServer() override {
    mailbox_->Post([this] { event_base_loopbreak(base_); });
    thread_.join();
  }

  void Drain() override { draining_ = true; }
  int port() const override { return port_; }

 private:
  void Run();
  void SetUp();
  void Tick();
  void RefreshCertificate();
  void Listen();
  void Accept(int fd);
  void Log(const std::string& message, bool is_error) { callbacks_.on_log(message, is_error); }

  bufferevent* NewConnection();
  // Forgets connections that have ended.
  void Reap();
  // Whether the kernel gives us connections, or lets them wait until there is room.
  void TakeOrWait();
  void Cut(Connections::Id id);
  void OnBytes(Session& session, size_t bytes);
  void OnRequest(evhttp_request* request);
  void Reply(Connections::Id id, uint64_t number, const Answer& answer);

  const ServerOptions options_;
  const Callbacks callbacks_;
  Counters& counters_;
  std::optional<Certificate> certificate_;
  Connections connections_;
  std::map<Connections::Id, std::unique_ptr<Session>> sessions_;
  std::map<bufferevent*, Session*> by_stream_;
  uint64_t next_id_ = 0;
  std::string last_failure_;
  event_base* base_ = nullptr;
  evhttp* http_ = nullptr;
  evconnlistener* listener_ = nullptr;  // of libevent's, while it listens
  event* mail_ = nullptr;
  event* tick_ = nullptr;
  event* look_again_ = nullptr;
  event* reap_ = nullptr;
  bool waiting_ = false;
  // Until libevent has it.
  int socket_;
  std::atomic<int> port_;
  std::atomic<bool> draining_{false};
  const std::shared_ptr<Mailbox> mailbox_;
  std::thread thread_;
};

void LibeventServer::Run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  SetUp();
  Tick();
  event_base_dispatch(base_);

  mailbox_->Close();
  listener_ = nullptr;
  for (event* one : {reap_, look_again_, tick_, mail_}) event_free(one);
  evhttp_free(http_);
  for (const auto& [id, session] : sessions_) bufferevent_decref(session->stream);
  // What libevent has put off: the ends of connections.
  event_base_loop(base_, EVLOOP_NONBLOCK);
  event_base_free(base_);
}

void LibeventServer::SetUp() {
  // Connections begin and end to wait for each answer; the kernel is told once in a turn. No descriptor is duplicated
  // here, which this could not bear.
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  http_ = evhttp_new(base_);
  evhttp_set_max_body_size(http_, static_cast<ev_ssize_t>(options_.most_body_bytes));
  evhttp_set_max_headers_size(http_, static_cast<ev_ssize_t>(options_.most_header_bytes));
  evhttp_set_timeout(http_, options_.idle_seconds);
  // Otherwise libevent says text/html of what has no type.
  evhttp_set_default_content_type(http_, nullptr);
  evhttp_set_bevcb(
      http_, [](event_base*, void* me) { return static_cast<LibeventServer*>(me)->NewConnection(); }, this);
  evhttp_set_gencb(
      http_, [](evhttp_request* request, void* me) { static_cast<LibeventServer*>(me)->OnRequest(request); }, this);
  mail_ = event_new(
      base_, mailbox_->fd(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* me) {
        for (const auto& work : static_cast<LibeventServer*>(me)->mailbox_->Take()) work();
      },
      this);
  event_add(mail_, nullptr);
  tick_ = event_new(
      base_, -1, EV_PERSIST, [](evutil_socket_t, short, void* me) { static_cast<LibeventServer*>(me)->Tick(); }, this);
  look_again_ = evtimer_new(
      base_, [](evutil_socket_t, short, void* me) { static_cast<LibeventServer*>(me)->TakeOrWait(); }, this);
  reap_ = evtimer_new(
      base_, [](evutil_socket_t, short, void* me) { static_cast<LibeventServer*>(me)->TakeOrWait(); }, this);
  // Late clients are looked for as often as their time asks for.
  const timeval period = ToTimeval(std::min(options_.refresh, options_.limits.request_time / 4));
  event_add(tick_, &period);
}

void LibeventServer::Tick() {
  for (const Connections::Id id : connections_.TakeLate(Clock::now())) Cut(id);
  Reap();
  if (certificate_) RefreshCertificate();
  if (socket_ >= 0) Accept(std::exchange(socket_, -1));
  if (port_ == 0 && (!certificate_ || certificate_->context())) Listen();
}

void LibeventServer::RefreshCertificate() {
  switch (certificate_->Refresh()) {
    case Certificate::Change::kNone: break;
    case Certificate::Change::kRenewed:
      ++counters_.reloads;
      counters_.certificate_ends = certificate_->ends();
      Log(Cat("certificate read from ", options_.tls->certificate_path), false);
      break;
    case Certificate::Change::kFailed:
      ++counters_.failed_reloads;
      Log(Cat(std::string(certificate_->error().message()),
              certificate_->context() ? "; the one before stays in use" : ""),
          true);
      break;
  }
}

void LibeventServer::Listen() {
  const absl::StatusOr<int> fd = http::Listen(options_.address);
  if (!fd.ok()) {
    const std::string failure(fd.status().message());
    if (std::exchange(last_failure_, failure) != failure) Log(failure, true);
    return;
  }
  Accept(*fd);
  Log(Cat("listens on ", options_.address), false);
}

void LibeventServer::Accept(int fd) {
  evhttp_bound_socket* socket = evhttp_accept_socket_with_handle(http_, fd);
  listener_ = evhttp_bound_socket_get_listener(socket);
  port_ = PortOf(fd);
}

bufferevent* LibeventServer::NewConnection() {
  Reap();
  const Connections::Id id = ++next_id_;
  auto session = std::make_unique<Session>();
  session->server = this;
  session->id = id;
  if (certificate_) {
    SSL* ssl = SSL_new(certificate_->context().get());
    session->stream = bufferevent_openssl_socket_new(base_, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_openssl_set_allow_dirty_shutdown(session->stream, 1);
  } else {
    session->stream = bufferevent_socket_new(base_, -1, BEV_OPT_CLOSE_ON_FREE);
  }
  bufferevent* stream = session->stream;
  bufferevent_incref(stream);
  const std::optional<Connections::Id> victim = connections_.Open(id, Clock::now());
  evbuffer_add_cb(
      bufferevent_get_input(stream),
      [](evbuffer*, const evbuffer_cb_info* info, void* pointer) {
        auto* one = static_cast<Session*>(pointer);
        if (info->n_added > 0) one->server->OnBytes(*one, info->n_added);
      },
      session.get());
  by_stream_[stream] = session.get();
  sessions_[id] = std::move(session);
  // libevent has not yet given it its socket, and then it is gone at once.
  mailbox_->Post([this, id, victim] {
    if (const auto found = sessions_.find(id); found != sessions_.end()) found->second->begun = true;
    if (victim) Cut(*victim);
  });
  TakeOrWait();
  return stream;
}

void LibeventServer::Reap() {
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    Session& session = *it->second;
    if (!session.Ended()) {
      ++it;
      continue;
    }
    connections_.Close(session.id);
    by_stream_.erase(session.stream);
    bufferevent_decref(session.stream);
    it = sessions_.erase(it);
  }
}

void LibeventServer::TakeOrWait() {
  Reap();
  if (!listener_) return;
  const bool wait = connections_.Full(Clock::now());
  if (wait != waiting_) wait ? evconnlistener_disable(listener_) : evconnlistener_enable(listener_);
  waiting_ = wait;
  const timeval soon = ToTimeval(std::min(kLookAgain, options_.limits.patience));
  if (wait && !evtimer_pending(look_again_, nullptr)) evtimer_add(look_again_, &soon);
}

// Both directions end, and libevent does the rest when it sees that.
void LibeventServer::Cut(Connections::Id id) {
  const auto session = sessions_.find(id);
  if (session == sessions_.end()) return;
  const evutil_socket_t fd = bufferevent_getfd(session->second->stream);
  if (fd >= 0) shutdown(fd, SHUT_RDWR);
}

void LibeventServer::OnBytes(Session& session, size_t bytes) {
  // Nobody reads any more what still comes.
  if (session.Ended()) return static_cast<void>(bufferevent_disable(session.stream, EV_READ));
  if (!connections_.OnBytes(session.id, bytes, Clock::now())) Cut(session.id);
}

void LibeventServer::OnRequest(evhttp_request* request) {
  evhttp_connection* connection = evhttp_request_get_connection(request);
  const auto found = by_stream_.find(evhttp_connection_get_bufferevent(connection));
  if (found == by_stream_.end()) return evhttp_send_error(request, HTTP_INTERNAL, nullptr);
  Session* session = found->second;
  connections_.OnRequest(session->id);
  session->request = request;
  session->number = ++next_id_;
  evhttp_connection_set_closecb(
      connection, [](evhttp_connection*, void* one) { static_cast<Session*>(one)->request = nullptr; }, session);
  evhttp_request_set_on_complete_cb(
      request,
      [](evhttp_request*, void* pointer) {
        auto* one = static_cast<Session*>(pointer);
        one->server->connections_.OnAnswer(one->id, Clock::now());
        // It may have been the last one of its connection.
        event_active(one->server->reap_, EV_TIMEOUT, 0);
      },
      session);
  callbacks_.on_request(Read(request),
                        [this, mailbox = mailbox_, id = session->id, number = session->number](Answer answer) {
                          mailbox->Post([this, id, number, answer = std::move(answer)] { Reply(id, number, answer); });
                        });
}

void LibeventServer::Reply(Connections::Id id, uint64_t number, const Answer& answer) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Session& session = *found->second;
  if (!session.request || session.number != number) return;
  Send(std::exchange(session.request, nullptr), answer, draining_);
  // Head and body in one record, and one write.
  if (!answer.shared) evbuffer_pullup(bufferevent_get_output(session.stream), -1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Open(ServerOptions options, Callbacks callbacks, Counters& counters) {
  const absl::StatusOr<int> fd = Listen(options.address);
  if (!fd.ok()) return fd.status();
  return std::make_unique<LibeventServer>(std::move(options), std::move(callbacks), counters, *fd);
}

std::unique_ptr<Server> Server::Start(ServerOptions options, Callbacks callbacks, Counters& counters) {
  return std::make_unique<LibeventServer>(std::move(options), std::move(callbacks), counters, -1);
}

}  // namespace k8sgw::http
