#include "src/admission/https_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <map>
#include <thread>
#include <utility>

#include "src/admission/certificate.h"
#include "src/admission/mailbox.h"
#include "src/base/address.h"
#include "src/base/text.h"
#include "src/json/tree.h"

namespace k8sgw::admission {
namespace {

using Clock = std::chrono::steady_clock;
// As many as the kernel lets wait; it may be told to let fewer.
constexpr int kBacklog = 1024;

class Server;

// What hangs on a TLS session, and goes with it.
struct Session {
  Server* server = nullptr;
  Connections::Id id = 0;
  bufferevent* stream = nullptr;
  // The request that waits for its answer, and its number.
  evhttp_request* request = nullptr;
  uint64_t number = 0;
};

class Server final : public HttpsServer {
 public:
  Server(HttpsServerOptions options, Callbacks callbacks, Counters& counters)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        counters_(counters),
        certificate_(options_.certificate_path, options_.key_path),
        connections_(options_.limits, counters),
        mailbox_(std::make_shared<Mailbox>()),
        thread_([this] { Run(); }) {}

  ~Server() override {
    mailbox_->Post([this] { event_base_loopbreak(base_); });
    thread_.join();
  }

  int port() const override { return port_; }

  // A session ends; called by OpenSSL.
  void Forget(const Session& session) {
    connections_.Close(session.id);
    sessions_.erase(session.id);
    TakeOrWait();
  }

 private:
  void Run();
  void Tick();
  bool Listen();
  void Log(const std::string& message, bool is_error) { callbacks_.on_log(message, is_error); }

  bufferevent* NewConnection();
  // Whether the kernel gives us connections, or lets them wait until there is room.
  void TakeOrWait();
  void Cut(Connections::Id id);
  void OnRequest(evhttp_request* request);
  void Answer(Connections::Id id, uint64_t number, const HttpAnswer& answer);

  static Session* SessionOf(evhttp_request* request) {
    SSL* ssl = bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(evhttp_request_get_connection(request)));
    return static_cast<Session*>(SSL_get_ex_data(ssl, Slot()));
  }
  // Where a Session hangs on a TLS session.
  static int Slot();

  const HttpsServerOptions options_;
  const Callbacks callbacks_;
  Counters& counters_;
  Certificate certificate_;
  Connections connections_;
  std::map<Connections::Id, Session*> sessions_;
  uint64_t next_id_ = 0;
  std::string last_failure_;
  event_base* base_ = nullptr;
  evhttp* http_ = nullptr;
  evconnlistener* listener_ = nullptr;  // of libevent's, while it listens
  event* look_again_ = nullptr;
  bool waiting_ = false;
  std::atomic<int> port_{0};
  const std::shared_ptr<Mailbox> mailbox_;
  std::thread thread_;
};

int Server::Slot() {
  static const int slot =
      SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, [](void*, void* pointer, CRYPTO_EX_DATA*, int, long, void*) {
        const auto* session = static_cast<Session*>(pointer);
        if (!session) return;
        session->server->Forget(*session);
        delete session;
      });
  return slot;
}

timeval ToTimeval(std::chrono::milliseconds time) {
  return {static_cast<time_t>(time.count() / 1000), static_cast<suseconds_t>(time.count() % 1000 * 1000)};
}

void Server::Run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
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
  evhttp_set_bevcb(http_, [](event_base*, void* self) { return static_cast<Server*>(self)->NewConnection(); }, this);
  evhttp_set_gencb(
      http_, [](evhttp_request* request, void* self) { static_cast<Server*>(self)->OnRequest(request); }, this);

  event* mail = event_new(
      base_, mailbox_->fd(), EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) {
        for (const auto& work : static_cast<Server*>(self)->mailbox_->Take()) work();
      },
      this);
  event_add(mail, nullptr);
  event* tick = event_new(
      base_, -1, EV_PERSIST, [](evutil_socket_t, short, void* self) { static_cast<Server*>(self)->Tick(); }, this);
  look_again_ =
      evtimer_new(base_, [](evutil_socket_t, short, void* self) { static_cast<Server*>(self)->TakeOrWait(); }, this);
  // Late clients are looked for as often as their time asks for.
  const timeval period = ToTimeval(std::min(options_.refresh, options_.limits.request_time / 4));
  event_add(tick, &period);
  Tick();
  event_base_dispatch(base_);

  mailbox_->Close();
  listener_ = nullptr;
  event_free(look_again_);
  event_free(tick);
  event_free(mail);
  evhttp_free(http_);
  // What libevent has put off: the ends of connections.
  event_base_loop(base_, EVLOOP_NONBLOCK);
  event_base_free(base_);
}

void Server::Tick() {
  for (const Connections::Id id : connections_.TakeLate(Clock::now())) Cut(id);
  switch (certificate_.Refresh()) {
    case Certificate::Change::kNone: break;
    case Certificate::Change::kRenewed:
      ++counters_.reloads;
      Log(Cat("certificate read from ", options_.certificate_path), false);
      break;
    case Certificate::Change::kFailed:
      ++counters_.failed_reloads;
      Log(Cat(std::string(certificate_.error().message()),
              certificate_.context() ? "; the one before stays in use" : ""),
          true);
      break;
  }
  if (port_ == 0 && certificate_.context()) Listen();
}

// As ParseHostPort, but port 0 is one: any that is free.
absl::StatusOr<HostPort> ParsePlace(std::string address) {
  const bool any = address.ends_with(":0");
  if (any) address.back() = '1';
  absl::StatusOr<HostPort> place = ParseHostPort(address);
  if (any && place.ok()) place->port = 0;
  return place;
}

bool Server::Listen() {
  const absl::StatusOr<HostPort> place = ParsePlace(options_.address);
  std::string failure = place.ok() ? "" : std::string(place.status().message());
  evhttp_bound_socket* socket = nullptr;
  if (place.ok()) {
    socket = evhttp_bind_socket_with_handle(http_, place->host.c_str(), static_cast<uint16_t>(place->port));
    if (!socket) failure = Cat(options_.address, ": ", evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
  }
  if (!socket) {
    if (std::exchange(last_failure_, failure) != failure) Log(failure, true);
    return false;
  }
  listener_ = evhttp_bound_socket_get_listener(socket);
  listen(evhttp_bound_socket_get_fd(socket), kBacklog);
  // Inherited by connections: head and body of an answer are written apart, and must not wait for each other.
  const int on = 1;
  setsockopt(evhttp_bound_socket_get_fd(socket), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(evhttp_bound_socket_get_fd(socket), reinterpret_cast<sockaddr*>(&bound), &size);
  port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                            : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
  Log(Cat("the webhook listens on ", options_.address), false);
  return true;
}

bufferevent* Server::NewConnection() {
  SSL* ssl = SSL_new(certificate_.context().get());
  auto* session = new Session{this, ++next_id_};
  session->stream = bufferevent_openssl_socket_new(base_, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_openssl_set_allow_dirty_shutdown(session->stream, 1);
  SSL_set_ex_data(ssl, Slot(), session);
  sessions_[session->id] = session;
  const std::optional<Connections::Id> victim = connections_.Open(session->id, Clock::now());
  evbuffer_add_cb(
      bufferevent_get_input(session->stream),
      [](evbuffer*, const evbuffer_cb_info* info, void* pointer) {
        auto* self = static_cast<Session*>(pointer);
        if (info->n_added > 0 && !self->server->connections_.OnBytes(self->id, info->n_added, Clock::now()))
          self->server->Cut(self->id);
      },
      session);
  // libevent has not yet given it its socket, and then it is gone at once.
  if (victim) mailbox_->Post([this, id = *victim] { Cut(id); });
  TakeOrWait();
  return session->stream;
}

void Server::TakeOrWait() {
  if (!listener_) return;
  const bool wait = connections_.Full(Clock::now());
  if (wait != waiting_) wait ? evconnlistener_disable(listener_) : evconnlistener_enable(listener_);
  waiting_ = wait;
  const timeval patience = ToTimeval(options_.limits.patience);
  if (wait && !evtimer_pending(look_again_, nullptr)) evtimer_add(look_again_, &patience);
}

// Both directions end, and libevent does the rest when it sees that.
void Server::Cut(Connections::Id id) {
  const auto session = sessions_.find(id);
  if (session == sessions_.end()) return;
  const evutil_socket_t fd = bufferevent_getfd(session->second->stream);
  if (fd >= 0) shutdown(fd, SHUT_RDWR);
}

void Server::OnRequest(evhttp_request* request) {
  Session* session = SessionOf(request);
  connections_.OnRequest(session->id);
  session->request = request;
  session->number = ++next_id_;
  evhttp_connection_set_closecb(
      evhttp_request_get_connection(request),
      [](evhttp_connection*, void* pointer) { static_cast<Session*>(pointer)->request = nullptr; }, session);
  evhttp_request_set_on_complete_cb(
      request,
      [](evhttp_request*, void* pointer) {
        auto* self = static_cast<Session*>(pointer);
        self->server->connections_.OnAnswer(self->id, Clock::now());
      },
      session);
  HttpRequest in;
  in.method = evhttp_request_get_command(request) == EVHTTP_REQ_POST ? "POST" : "";
  const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
  const char* path = uri ? evhttp_uri_get_path(uri) : nullptr;
  in.path = path ? path : "";
  const char* query = uri ? evhttp_uri_get_query(uri) : nullptr;
  in.query = query ? query : "";
  const char* type = evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type");
  in.content_type = type ? type : "";
  evbuffer* body = evhttp_request_get_input_buffer(request);
  const size_t size = evbuffer_get_length(body);
  in.body.reserve(size + yaml::kJsonPadding);
  in.body.resize(size);
  evbuffer_remove(body, in.body.data(), size);
  callbacks_.on_request(std::move(in),
                        [this, mailbox = mailbox_, id = session->id, number = session->number](HttpAnswer answer) {
                          mailbox->Post([this, id, number, answer = std::move(answer)] { Answer(id, number, answer); });
                        });
}

void Server::Answer(Connections::Id id, uint64_t number, const HttpAnswer& answer) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Session& session = *found->second;
  if (!session.request || session.number != number) return;
  evhttp_request* request = std::exchange(session.request, nullptr);
  evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", answer.content_type.c_str());
  evbuffer* body = evbuffer_new();
  evbuffer_add(body, answer.body.data(), answer.body.size());
  evhttp_send_reply(request, answer.code, nullptr, body);
  evbuffer_free(body);
  // Head and body in one record, and one write.
  evbuffer_pullup(bufferevent_get_output(session.stream), -1);
}

}  // namespace

std::unique_ptr<HttpsServer> HttpsServer::Start(HttpsServerOptions options, Callbacks callbacks, Counters& counters) {
  return std::make_unique<Server>(std::move(options), std::move(callbacks), counters);
}

}  // namespace k8sgw::admission
