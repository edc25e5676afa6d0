// probe: waits until addresses answer, as a shell and curl would in images that have neither.

#include <fmt/core.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "src/cmd/components.h"
#include "src/cmd/flags.h"

namespace k8sgw {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause(250);
// A connection and an answer may take so long.
constexpr std::chrono::seconds kAnswer(5);
constexpr size_t kStatusLine = 12;  // "HTTP/1.1 200"

constexpr char kHelp[] = R"(
  k8sgateway probe http://127.0.0.1:8081/ready tcp://gloo.gloo-system.svc:9977
  k8sgateway probe grpc://127.0.0.1:8234 grpc://unix:/run/sds/sds.sock    # of sds

http:// must be answered with a status of 200 to 299, tcp:// must accept a connection, and behind grpc:// health must be
answered, be it that nothing is served yet: whoever hangs answers nothing, and the kernel still accepts connections for
him. Each is tried again until it is so.
Exit codes: 0 when all have answered, 1 when --seconds are over before, with what each said last; 2 for wrong usage.)";

constexpr char kHealth[] = "/grpc.health.v1.Health/Check";
constexpr char kSocket[] = "unix:/";

struct Target {
  std::string text;
  bool http = false;
  // As gRPC names it; "" for the others.
  std::string grpc;
  std::string host;
  std::string port;
  std::string path;
};

// "" when the text is good.
std::string ParseTarget(const std::string& text, Target& target) {
  target = {.text = text, .http = text.starts_with("http://"), .grpc = "", .host = "", .port = "", .path = "/"};
  const bool health = text.starts_with("grpc://");
  if (!target.http && !health && !text.starts_with("tcp://"))
    return "\"" + text + "\" begins with none of http://, tcp:// and grpc://";
  std::string place = text.substr(text.find("//") + 2);
  if (health && place.starts_with(kSocket)) {
    target.grpc = place;
    return "";
  }
  if (const size_t slash = place.find('/'); slash != std::string::npos) {
    target.path = place.substr(slash);
    place.resize(slash);
  }
  const size_t colon = place.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == place.size())
    return "\"" + text + "\" has no HOST:PORT, such as tcp://gloo.gloo-system.svc:9977";
  target.port = place.substr(colon + 1);
  target.host = place.substr(0, colon);
  if (target.host.starts_with('[') && target.host.ends_with(']'))
    target.host = target.host.substr(1, target.host.size() - 2);
  if (health) target.grpc = place;
  const bool number = target.port.size() <= 5 && target.port.find_first_not_of("0123456789") == std::string::npos;
  const bool printable = std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 127; });
  return number && printable ? "" : "\"" + text + "\" is no address";
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

  // False when nothing happens in time.
  bool Await(short what, Clock::time_point until) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd one{fd_, what, 0};
    return left > 0 && poll(&one, 1, static_cast<int>(left)) == 1;
  }

 private:
  const int fd_;
};

// "" when it is connected, else what is wrong.
std::string Connect(const Socket& socket, const addrinfo& address, Clock::time_point until) {
  if (socket.fd() < 0) return std::strerror(errno);
  if (connect(socket.fd(), address.ai_addr, address.ai_addrlen) == 0) return "";
  if (errno != EINPROGRESS) return std::strerror(errno);
  if (!socket.Await(POLLOUT, until)) return "no answer";
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 ? "" : std::strerror(error);
}

std::string Ask(const Socket& socket, const Target& target, Clock::time_point until) {
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nhost: {}:{}\r\nuser-agent: k8sgateway-probe\r\nconnection: close\r\n\r\n",
                  target.path, target.host, target.port);
  if (send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return "the connection broke";
  std::string answer;
  while (answer.size() < kStatusLine) {
    char part[kStatusLine];
    if (!socket.Await(POLLIN, until)) return "no answer";
    const ssize_t size = recv(socket.fd(), part, sizeof(part), 0);
    if (size <= 0) return "the connection was closed without an answer";
    answer.append(part, static_cast<size_t>(size));
  }
  const std::string status = answer.substr(9, 3);
  if (!answer.starts_with("HTTP/1.") || status < "100" || status > "599") return "what it says is no HTTP";
  return status.front() == '2' ? "" : "it answers " + status;
}

// "" when health of gRPC answers, whatever it says.
std::string AskHealth(const Target& target) {
  grpc::ChannelArguments arguments;
  // Where probes go there is no way through a proxy.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto channel = grpc::CreateCustomChannel(target.grpc, grpc::InsecureChannelCredentials(), arguments);
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kAnswer);
  const grpc::Slice whole("");
  const grpc::ByteBuffer request(&whole, 1);
  grpc::ByteBuffer answer;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, kHealth, {}, &request, &answer, [&](grpc::Status its) { done.set_value(std::move(its)); });
  const grpc::Status status = done.get_future().get();
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) return "no answer";
  if (status.ok() || !status.error_message().empty()) return status.error_message();
  return fmt::format("gRPC status {}", static_cast<int>(status.error_code()));
}

std::string Try(const Target& target) {
  if (!target.grpc.empty()) return AskHealth(target);
  const Clock::time_point until = Clock::now() + kAnswer;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found); error != 0)
    return gai_strerror(error);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  std::string said;
  for (const addrinfo* address = found; address; address = address->ai_next) {
    const Socket socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    said = Connect(socket, *address, until);
    if (said.empty()) return target.http ? Ask(socket, target, until) : "";
  }
  return said;
}

int Probe(const std::vector<std::string>& texts, int seconds) {
  const Clock::time_point end = Clock::now() + std::chrono::seconds(seconds);
  std::vector<Target> waiting(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) ParseTarget(texts[i], waiting[i]);
  while (true) {
    std::string faults;
    std::erase_if(waiting, [&](const Target& target) {
      const std::string said = Try(target);
      if (!said.empty()) faults += fmt::format("probe: {}: {}\n", target.text, said);
      if (said.empty()) std::cout << target.text << " answers" << std::endl;
      return said.empty();
    });
    if (waiting.empty()) return 0;
    if (Clock::now() + kPause >= end) {
      std::cerr << faults;
      return 1;
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

void AddProbe(CLI::App& app, int& exit_code) {
  struct Options {
    std::vector<std::string> targets;
    int seconds = 30;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("probe", "Wait until addresses answer");
  command
      ->add_option("ADDRESS", options->targets,
                   "http://HOST:PORT/PATH, tcp://HOST:PORT, grpc://HOST:PORT or grpc://unix:/PATH")
      ->required()
      ->check([](const std::string& text) {
        Target unused;
        return ParseTarget(text, unused);
      });
  AddNumber(*command, "--seconds", options->seconds, 0, 86400, "How long they have for it");
  command->footer(kHelp);
  command->callback([options, &exit_code] { exit_code = Probe(options->targets, options->seconds); });
}

}  // namespace k8sgw
