// A steady load of GET requests on several addresses of one service, by a schedule that waits for nobody: request i has
// its time, whatever became of those before it, and one that leaves late is told apart.
//
//   http_load [--anew] HOST RATE IP:PORT…      until SIGTERM; RATE is requests a second
//
// It is a client with a retry: what an address does not answer goes to the next one, until one answers or its time is
// over. Connections are kept, and asked one after another; with --anew each request has a new one, as kube-proxy
// chooses a pod for a connection.
//
// SIGUSR1 ends a phase and begins the next. A request is of the phase in which it was due, and a phase is over when all
// its requests are. Prints a line about each that is over, and once a second about the one that runs:
//
//   {"phase": 0, "over": true, "seconds": 10.0, "sent": 10000, "late": 3, "good": 10000, "bad": 0, "lost": 0,
//    "slowest_ms": 12, "failed": {"10.244.0.5:8080": 0}, "cut": {"10.244.0.5:8080": 0}}
//
// late: sent more than 100 ms after they were due. bad: answered, but not with 200. lost: nobody answered. slowest:
// from when it was due. failed: tries that this address did not answer. cut: kept connections that it ended without a
// word.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

// The kernel of a live pod connects, however busy its processes are.
constexpr auto kConnectPatience = 3s;
constexpr auto kAnswerPatience = 20s;
// Of a request, with all of its tries.
constexpr auto kPatience = 30s;
constexpr auto kLate = 100ms;
// An address that failed is left alone for so long when there is another.
constexpr auto kAvoidance = 1s;
// When all have failed there is nothing to do but wait a little.
constexpr auto kPause = 20ms;
constexpr uint64_t kSignals = 0;

struct Phase {
  Time begin{};
  std::optional<Time> end;
  bool told = false;
  long sent = 0, late = 0, good = 0, bad = 0, lost = 0, open = 0;
  Clock::duration slowest{};
  std::vector<long> failed, cut;  // by address
};

struct Request {
  Phase* phase = nullptr;
  Time due{};
  size_t turn = 0;
  size_t tries = 0;
};

struct Connection {
  int fd = -1;
  size_t address = 0;
  bool connected = false;
  std::optional<Request> request;  // none while it is kept for the next one
  std::string answer;
  Time ends{};
};

struct Address {
  std::string name;
  sockaddr_in place{};
  Time avoided_until{};
  std::deque<uint64_t> kept;
};

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// The status of an answer that is whole; 0 while it is not.
int StatusOf(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  const size_t at = answer.find("content-length: ");
  if (at > end) return -1;
  if (answer.size() < end + 4 + std::strtoul(answer.c_str() + at + 16, nullptr, 10)) return 0;
  return std::atoi(answer.c_str() + 9);
}

class Load {
 public:
  Load(std::string request, long rate, bool anew, std::vector<Address> addresses, int signals)
      : request_(std::move(request)),
        pause_(Clock::duration(1s) / rate),
        anew_(anew),
        addresses_(std::move(addresses)),
        signals_(signals),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    Watch(EPOLL_CTL_ADD, signals_, EPOLLIN, kSignals);
    begin_ = Clock::now();
    BeginPhase(begin_);
  }

  // Until SIGTERM, and all answers.
  void Run() {
    Time next_line = begin_ + 1s;
    Time next_look = begin_;
    std::array<epoll_event, 256> events;
    while (!ending_ || open() > 0) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), 1);
      for (int i = 0; i < count; ++i) OnEvent(events[static_cast<size_t>(i)].data.u64);
      now_ = Clock::now();
      if (!ending_) SendDue();
      while (!waiting_.empty() && waiting_.begin()->first <= now_) Try(waiting_.extract(waiting_.begin()).mapped());
      if (now_ >= next_look) {
        GiveUp();
        next_look = now_ + 100ms;
      }
      TellThoseOver();
      if (now_ < next_line) continue;
      next_line += 1s;
      Print(phases_.size() - 1);
    }
    TellThoseOver();
  }

 private:
  long open() const {
    long open = 0;
    for (const Phase& phase : phases_) open += phase.open;
    return open;
  }

  void BeginPhase(Time now) {
    if (!phases_.empty()) phases_.back().end = now;
    Phase& phase = phases_.emplace_back();
    phase.begin = now;
    phase.failed.resize(addresses_.size());
    phase.cut.resize(addresses_.size());
  }

  void SendDue() {
    for (; begin_ + pause_ * turn_ <= now_; ++turn_) {
      Request request{.phase = &phases_.back(), .due = begin_ + pause_ * turn_, .turn = static_cast<size_t>(turn_)};
      ++request.phase->sent;
      ++request.phase->open;
      if (now_ - request.due > kLate) ++request.phase->late;
      Try(std::move(request));
    }
  }

  // On the address whose turn it is, or one that is not avoided.
  void Try(Request request) {
    size_t chosen = (request.turn + request.tries) % addresses_.size();
    for (size_t i = 0; i < addresses_.size() && addresses_[chosen].avoided_until > now_; ++i)
      chosen = (chosen + 1) % addresses_.size();
    ++request.tries;
    Address& address = addresses_[chosen];
    while (!address.kept.empty()) {
      const auto kept = connections_.find(address.kept.front());
      address.kept.pop_front();
      if (kept == connections_.end()) continue;
      kept->second.request = std::move(request);
      return Write(kept->first, kept->second);
    }
    Connect(std::move(request), chosen);
  }

  void Connect(Request request, size_t chosen) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const sockaddr_in& place = addresses_[chosen].place;
    const uint64_t number = ++last_number_;
    Connection& made = connections_[number];
    made.fd = fd;
    made.address = chosen;
    made.request = std::move(request);
    made.ends = now_ + kConnectPatience;
    if (connect(fd, reinterpret_cast<const sockaddr*>(&place), sizeof(place)) != 0 && errno != EINPROGRESS)
      return Fail(number);
    Watch(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLOUT, number);
  }

  void OnEvent(uint64_t number) {
    if (number == kSignals) return OnSignal();
    const auto it = connections_.find(number);
    if (it == connections_.end()) return;
    Connection& connection = it->second;
    if (!connection.request) {
      // Nobody asked, so it is its end.
      ++phases_.back().cut[connection.address];
      return Drop(number);
    }
    if (!connection.connected) {
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return Fail(number);
      connection.connected = true;
      Watch(EPOLL_CTL_MOD, connection.fd, EPOLLIN, number);
      return Write(number, connection);
    }
    char buffer[4096];
    const ssize_t size = recv(connection.fd, buffer, sizeof(buffer), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) return Fail(number);
    connection.answer.append(buffer, static_cast<size_t>(size));
    const int status = StatusOf(connection.answer);
    if (status < 0) return Fail(number);
    if (status > 0) Finish(number, connection, status);
  }

  void OnSignal() {
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof(info)) != sizeof(info)) return;
    now_ = Clock::now();
    if (!ending_) SendDue();
    if (info.ssi_signo == SIGUSR1) return BeginPhase(now_);
    ending_ = true;
    phases_.back().end = now_;
  }

  void Write(uint64_t number, Connection& connection) {
    connection.ends = Clock::now() + kAnswerPatience;
    connection.answer.clear();
    const ssize_t size = send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (size != static_cast<ssize_t>(request_.size())) Fail(number);
  }

  void Finish(uint64_t number, Connection& connection, int status) {
    const Request request = *std::exchange(connection.request, std::nullopt);
    ++(status == 200 ? request.phase->good : request.phase->bad);
    request.phase->slowest = std::max(request.phase->slowest, Clock::now() - request.due);
    --request.phase->open;
    const bool closes = connection.answer.find("connection: close") < connection.answer.find("\r\n\r\n");
    if (anew_ || closes) return Drop(number);
    addresses_[connection.address].kept.push_back(number);
  }

  void Fail(uint64_t number) {
    Connection& connection = connections_.at(number);
    Request request = *std::exchange(connection.request, std::nullopt);
    ++request.phase->failed[connection.address];
    addresses_[connection.address].avoided_until = now_ + kAvoidance;
    Drop(number);
    if (now_ > request.due + kPatience) {
      ++request.phase->lost;
      --request.phase->open;
      return;
    }
    const bool all_failed = request.tries % addresses_.size() == 0;
    waiting_.emplace(now_ + (all_failed ? Clock::duration(kPause) : Clock::duration()), std::move(request));
  }

  // What waits for too long has failed.
  void GiveUp() {
    std::vector<uint64_t> failed;
    for (const auto& [number, connection] : connections_) {
      if (connection.request && connection.ends < now_) failed.push_back(number);
    }
    for (const uint64_t number : failed) Fail(number);
  }

  void Drop(uint64_t number) {
    close(connections_.at(number).fd);
    connections_.erase(number);
  }

  void Watch(int how, int fd, uint32_t what, uint64_t number) const {
    epoll_event event{};
    event.events = what;
    event.data.u64 = number;
    epoll_ctl(epoll_, how, fd, &event);
  }

  void TellThoseOver() {
    for (size_t i = 0; i < phases_.size(); ++i) {
      if (!phases_[i].end || phases_[i].open > 0 || std::exchange(phases_[i].told, true)) continue;
      Print(i);
    }
  }

  void Print(size_t number) const {
    const Phase& phase = phases_[number];
    std::cout << R"({"phase": )" << number << R"(, "over": )" << (phase.told ? "true" : "false") << R"(, "seconds": )"
              << Seconds(phase.end.value_or(now_) - phase.begin) << R"(, "sent": )" << phase.sent << R"(, "late": )"
              << phase.late << R"(, "good": )" << phase.good << R"(, "bad": )" << phase.bad << R"(, "lost": )"
              << phase.lost << R"(, "slowest_ms": )" << static_cast<long>(Seconds(phase.slowest) * 1000);
    PrintByAddress("failed", phase.failed);
    PrintByAddress("cut", phase.cut);
    std::cout << "}" << std::endl;
  }

  void PrintByAddress(const char* name, const std::vector<long>& counts) const {
    std::cout << R"(, ")" << name << R"(": {)";
    for (size_t i = 0; i < counts.size(); ++i)
      std::cout << (i > 0 ? R"(, ")" : R"(")") << addresses_[i].name << R"(": )" << counts[i];
    std::cout << "}";
  }

  const std::string request_;
  const Clock::duration pause_;
  const bool anew_;
  std::vector<Address> addresses_;
  const int signals_;
  const int epoll_;
  Time begin_{};
  Time now_ = Clock::now();
  long turn_ = 0;
  bool ending_ = false;
  std::deque<Phase> phases_;
  uint64_t last_number_ = kSignals;
  std::map<uint64_t, Connection> connections_;
  std::multimap<Time, Request> waiting_;
};

std::optional<Address> ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  Address address;
  address.name = text;
  address.place.sin_family = AF_INET;
  if (colon == std::string::npos || inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.place.sin_addr) != 1)
    return std::nullopt;
  address.place.sin_port = htons(static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1)));
  return address;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool anew = !words.empty() && words[0] == "--anew";
  if (anew) words.erase(words.begin());
  if (words.size() < 3 || std::atol(words[1].c_str()) <= 0) {
    std::cerr << "usage: http_load [--anew] HOST RATE IP:PORT...\n";
    return 2;
  }
  std::vector<Address> addresses;
  for (size_t i = 2; i < words.size(); ++i) {
    const auto address = ParseAddress(words[i]);
    if (!address) {
      std::cerr << words[i] << " is no IP:PORT\n";
      return 2;
    }
    addresses.push_back(*address);
  }
  // Nobody waits, so many may be open.
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  Load("GET / HTTP/1.1\r\nhost: " + words[0] + "\r\n\r\n", std::atol(words[1].c_str()), anew, std::move(addresses), fd)
      .Run();
  return 0;
}
