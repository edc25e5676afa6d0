// sds: hands certificates out of mounted files to Envoys, and follows the files.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "src/cmd/components.h"
#include "src/cmd/event_loop.h"
#include "src/cmd/flags.h"
#include "src/cmd/log.h"
#include "src/sds/served_secret.h"
#include "src/sds/server.h"
#include "src/sources/file/watcher.h"

namespace k8sgw {
namespace {

using Time = EventLoop::Time;

// A fault that is gone by then was the middle of a change.
constexpr std::chrono::milliseconds kPatience(1000);

constexpr char kHelp[] = R"(
An Envoy beside it asks for a secret by its name (SDS v3: delta, state of the world, or fetch). Files are followed: the
swap of `..data` with which Kubernetes renews a mounted Secret is live at once. A pair that does not fit, is half-written
or has expired is refused, and the one before served on; the log says so.

A folder has tls.crt, tls.key and ca.crt, but one of Istio has cert-chain.pem, key.pem and root-cert.pem.

  GLOO_MTLS_SDS_ENABLED=true k8sgateway sds                     # server_cert, validation_context of /etc/envoy/ssl/
  k8sgateway sds --secret site=/certs/site --secret shop,shop_ca=/certs/shop    # as many as you like

Whoever reaches the port gets the keys: it is on loopback unless told otherwise. gRPC health says SERVING as soon as each
secret was good once.
Exit codes: 0 after a signal, 1 when the address cannot be had, 2 for wrong usage.)";

struct Options {
  std::string address = "127.0.0.1:8234";
  bool mtls = false;
  bool istio = false;
  sds::SecretSource gloo{
      .folder = "/etc/envoy/ssl/", .certificate_name = "server_cert", .authority_name = "validation_context"};
  sds::SecretSource istio_certs{.folder = "/etc/istio-certs/",
                                .certificate_name = "istio_server_cert",
                                .authority_name = "istio_validation_context",
                                .certificate_file = "cert-chain.pem",
                                .key_file = "key.pem",
                                .authority_file = "root-cert.pem"};
  std::vector<std::string> more;
  LogOptions log;
};

// A secret, its files, and what was said about them.
struct Feed {
  explicit Feed(const sds::SecretSource& source)
      : secret(source), watcher(source.folder, [source](std::string_view name) { return source.HasFile(name); }) {}
  sds::ServedSecret secret;
  file::DirectoryWatcher watcher;
  std::string said;
  std::optional<Time> say_at;
};

class SdsServer {
 public:
  explicit SdsServer(const std::vector<sds::SecretSource>& sources) {
    for (const sds::SecretSource& source : sources) feeds_.push_back(std::make_unique<Feed>(source));
  }

  int Run(const std::string& address) {
    auto server = sds::Server::Start(address, [](const std::string& what) { spdlog::warn("{}", what); });
    if (!server.ok()) {
      std::cerr << "sds: " << std::string(server.status().message()) << "\n";
      return 1;
    }
    server_ = *std::move(server);
    for (const auto& feed : feeds_) {
      Take(*feed, feed->watcher.Start());
      // What is wrong from the start is no middle of anything.
      if (feed->say_at) feed->say_at = EventLoop::Now();
      loop_.Watch(feed->watcher.fd(), [this, its = feed.get()] { Take(*its, its->watcher.Poll()); });
    }
    loop_.OnSignal([this](int signal) {
      if (signal != SIGCHLD) loop_.Quit();
    });
    loop_.SetDeadline([this] { return NextDeadline(); }, [this](Time now) { SayProblems(now); });
    std::cout << "ready: SDS on " << address << " (port " << server_->port() << ")" << std::endl;
    loop_.Run();
    server_->Shutdown();
    return 0;
  }

 private:
  void Take(Feed& feed, const std::vector<file::FileEvent>& events) {
    sds::ServedSecret::News news = feed.secret.Take(events, std::time(nullptr));
    if (!news.resources.empty()) server_->Put(std::move(news.resources));
    for (const std::string& line : news.lines) spdlog::info("{}", line);
    if (feed.secret.problem() == feed.said) {
      feed.say_at.reset();
    } else if (feed.secret.problem().empty()) {
      spdlog::info("{}: mended", feed.secret.source().folder);
      feed.said.clear();
      feed.say_at.reset();
    } else if (!feed.say_at) {
      feed.say_at = EventLoop::Now() + kPatience;
    }
    const bool complete =
        std::all_of(feeds_.begin(), feeds_.end(), [](const auto& one) { return one->secret.complete(); });
    if (complete && !serving_) server_->SetServing();
    serving_ = serving_ || complete;
  }

  std::optional<Time> NextDeadline() const {
    std::optional<Time> next;
    for (const auto& feed : feeds_) {
      if (feed->say_at && (!next || *feed->say_at < *next)) next = feed->say_at;
    }
    return next;
  }

  void SayProblems(Time now) {
    for (const auto& feed : feeds_) {
      if (!feed->say_at || *feed->say_at > now) continue;
      feed->say_at.reset();
      feed->said = feed->secret.problem();
      spdlog::error("{}", feed->said);
    }
  }

  EventLoop loop_;
  std::vector<std::unique_ptr<Feed>> feeds_;
  std::unique_ptr<sds::Server> server_;
  bool serving_ = false;
};

// "CERTIFICATE[,AUTHORITY]=FOLDER"
sds::SecretSource ReadSecret(const std::string& text) {
  const size_t equals = text.find('=');
  const std::string names = text.substr(0, equals);
  const size_t comma = names.find(',');
  sds::SecretSource source;
  source.certificate_name = names.substr(0, comma);
  if (comma != std::string::npos) source.authority_name = names.substr(comma + 1);
  if (equals != std::string::npos) source.folder = text.substr(equals + 1);
  const bool good = !source.certificate_name.empty() && !source.folder.empty() &&
                    (comma == std::string::npos || !source.authority_name.empty());
  if (!good) throw CLI::ValidationError("--secret", "\"" + text + "\" is not NAME=FOLDER or NAME,CA_NAME=FOLDER");
  return source;
}

std::vector<sds::SecretSource> Sources(const Options& options) {
  std::vector<sds::SecretSource> sources;
  if (options.mtls) sources.push_back(options.gloo);
  if (options.istio) sources.push_back(options.istio_certs);
  for (const std::string& one : options.more) sources.push_back(ReadSecret(one));
  if (sources.empty()) {
    throw CLI::ValidationError(
        "sds",
        "there is nothing to serve: set GLOO_MTLS_SDS_ENABLED or ISTIO_MTLS_SDS_ENABLED to true, or give --secret");
  }
  std::set<std::string> names;
  for (const sds::SecretSource& source : sources) {
    for (const std::string& name : {source.certificate_name, source.authority_name}) {
      if (!name.empty() && !names.insert(name).second)
        throw CLI::ValidationError("sds", "two secrets have the name \"" + name + "\"");
    }
  }
  return sources;
}

void AddGroup(CLI::App& command, const std::string& flag, const std::string& whose, const std::string& variables,
              sds::SecretSource& source) {
  command.add_option(flag + "-dir", source.folder, "Folder of the files of " + whose)
      ->envname(variables == "GLOO" ? "GLOO_MTLS_SECRET_DIR" : "ISTIO_CERT_DIR")
      ->capture_default_str();
  command.add_option(flag + "-certificate", source.certificate_name, "What their pair is called")
      ->envname(variables + "_SERVER_CERT")
      ->capture_default_str();
  command.add_option(flag + "-authority", source.authority_name, "What their authorities are called")
      ->envname(variables + "_VALIDATION_CONTEXT")
      ->capture_default_str();
}

bool IsLoopback(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("localhost:") || address.starts_with("[::1]:") ||
         address.starts_with("unix:");
}

}  // namespace

void AddSds(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("sds", "Give certificates out of mounted files to an Envoy beside it");
  command->add_option("--address", options->address, "Where to listen: HOST:PORT, or unix:PATH")
      ->envname("SDS_SERVER_ADDRESS")
      ->capture_default_str();
  command->add_flag("--mtls", options->mtls, "Serve the certificate of mTLS between the control plane and Envoys")
      ->envname("GLOO_MTLS_SDS_ENABLED");
  AddGroup(*command, "--mtls", "mTLS", "GLOO", options->gloo);
  command->add_flag("--istio", options->istio, "Serve the certificate that Istio's agent writes")
      ->envname("ISTIO_MTLS_SDS_ENABLED");
  AddGroup(*command, "--istio", "Istio", "ISTIO", options->istio_certs);
  command
      ->add_option("--secret", options->more,
                   "NAME=FOLDER or NAME,CA_NAME=FOLDER: one more secret; may stand more than once")
      ->expected(1)
      ->take_all();
  AddLogFlags(*command, options->log, "LOG_LEVEL");
  command->footer(kHelp);
  command->callback([options, &exit_code] {
    const std::vector<sds::SecretSource> sources = Sources(*options);
    SetUpLog(options->log);
    if (!IsLoopback(options->address))
      spdlog::warn("{} is not loopback: whoever reaches it gets the private keys", options->address);
    exit_code = SdsServer(sources).Run(options->address);
  });
}

}  // namespace k8sgw
