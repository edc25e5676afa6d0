// certgen: the certificate of a Service, in a Secret or a folder.

#include "src/certgen/certgen.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "src/certgen/folder_store.h"
#include "src/certgen/secret_store.h"
#include "src/certgen/webhook.h"
#include "src/cmd/components.h"
#include "src/cmd/flags.h"
#include "src/cmd/log.h"
#include "src/sources/kube/caller.h"
#include "src/sources/kube/kubeconfig.h"

namespace k8sgw {
namespace {

// A mounted Secret is as it is in the cluster after so long: a minute between two looks of the kubelet, another one of
// its cache, and some time to read.
constexpr int64_t kMountSeconds = 150;

constexpr char kHelp[] = R"(
Makes an authority and a certificate that it signed, with the names SVC, SVC.NS, SVC.NS.svc and SVC.NS.svc.DOMAIN.
What is there is left alone while it is good: it can be read, the key fits, an authority of the Secret signed it, it has
those names, and it does not end within --renew-before. Otherwise a new one takes its place. When the old one still
works, that is a rotation, which breaks no connection:

  1. the new authority is trusted beside the old one     2. the new certificate is served     3. the old authority goes

Between two steps lies the time that pods need to see a change of the Secret. With --rotation-duration, that long, this
run waits and does all three. Without, it does one step and ends; the next run, at least --step-distance later, does the
next: so a CronJob needs no more than that. A rotation that a run leaves unfinished is finished by the next, forced or not.

  k8sgateway certgen --svc-name gloo --secret-name gateway-validation-certs \
      --validating-webhook-configuration-name gloo-gateway-validation-webhook-gloo-system
  k8sgateway certgen --svc-name gloo --secret-name gloo-mtls-certs --rotation-duration 65s
  k8sgateway certgen --svc-name gloo --out ./certificates     # no cluster: files, changed all at once, keys 0600

Rights: get, create and patch of the Secret; get and patch of the ValidatingWebhookConfiguration.
Exit codes: 0, 1 when the Secret, the webhook or the folder cannot be read or written, 2 for wrong usage.)";

struct Options {
  certgen::Subject subject{.service = "gloo", .ns = "gloo-system", .cluster_domain = "cluster.local"};
  std::string secret = "gateway-validation-certs";
  std::string secret_ns;
  certgen::FileNames names;
  std::string webhook;
  int64_t wait_for_webhook = 0;
  std::string out;
  std::string kubeconfig;
  std::string context;
  bool force = false;
  int64_t rotation_duration = 0;
  int64_t step_distance = kMountSeconds;
  int64_t renew_before = 2160 * 3600;
  int64_t valid_for = 8760 * 3600;
  LogOptions log;
};

int Fail(const absl::Status& status) {
  std::cerr << "certgen: " << std::string(status.message()) << "\n";
  return 1;
}

certgen::RunOptions Demand(const Options& options) {
  certgen::RunOptions run;
  run.demand.subject = options.subject;
  run.demand.valid_for = options.valid_for;
  run.demand.renew_before = options.renew_before;
  run.demand.distance = options.rotation_duration > 0 ? options.rotation_duration : options.step_distance;
  run.force = options.force;
  run.wait = options.rotation_duration > 0;
  return run;
}

// A webhook that is not there is waited for, if that is wanted; when it does not come, that is no fault of the
// certificate.
class PatientWebhook {
 public:
  PatientWebhook(certgen::Webhook& webhook, int64_t patience) : webhook_(webhook), patience_(patience) {}

  absl::StatusOr<bool> Update(certgen::Store& store, const certgen::World& world) {
    for (int64_t waited = 0;; ++waited) {
      absl::StatusOr<bool> written = webhook_.Update(store);
      if (patience_ == 0 || !absl::IsNotFound(written.status())) return written;
      if (gave_up_ || waited >= patience_) {
        if (!std::exchange(gave_up_, true)) world.log(std::string(written.status().message()));
        return false;
      }
      world.sleep(1);
    }
  }

 private:
  certgen::Webhook& webhook_;
  const int64_t patience_;
  bool gave_up_ = false;
};

int Certgen(const Options& options) {
  SetUpLog(options.log);
  certgen::World world{
      .now = [] { return static_cast<int64_t>(std::time(nullptr)); },
      .sleep = [](int64_t seconds) { std::this_thread::sleep_for(std::chrono::seconds(seconds)); },
      .log = [](const std::string& line) { spdlog::info("{}", line); },
      .tell = nullptr,
  };
  if (!options.out.empty()) {
    certgen::FolderStore store(options.out, options.names);
    const absl::Status status = certgen::Run(Demand(options), store, world);
    return status.ok() ? 0 : Fail(status);
  }
  absl::StatusOr<kube::ClientConfig> config =
      kube::LoadClientConfig(kube::RealEnvironment(), {options.kubeconfig, options.context});
  if (!config.ok()) {
    Fail(config.status());
    std::cerr << "give --kubeconfig FILE for a cluster, or --out DIR for files\n";
    return 1;
  }
  kube::Caller cluster(*std::move(config), {});
  const std::string secret_ns = options.secret_ns.empty() ? options.subject.ns : options.secret_ns;
  certgen::SecretStore store(cluster, secret_ns, options.secret, options.names);
  certgen::Webhook webhook(cluster, options.webhook, options.subject);
  PatientWebhook patient(webhook, options.wait_for_webhook);
  if (!options.webhook.empty()) world.tell = [&](certgen::Store& store) { return patient.Update(store, world); };
  const absl::Status status = certgen::Run(Demand(options), store, world);
  return status.ok() ? 0 : Fail(status);
}

// What ends in names of certificates, or in paths of the API server.
std::string CheckLabel(const std::string& text) {
  const bool good = !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
                    text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  return good ? "" : "\"" + text + "\" is no name of Kubernetes: use up to 63 of a-z, 0-9 and -";
}

std::string CheckDomain(const std::string& text) {
  const bool good = !text.empty() && text.size() <= 253 && text.front() != '.' && text.back() != '.' &&
                    text.find("..") == std::string::npos &&
                    text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos;
  return good ? "" : "\"" + text + "\" is no domain such as cluster.local";
}

std::string CheckKey(const std::string& text) {
  const bool good =
      !text.empty() && text.size() <= 253 && text.front() != '.' &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == std::string::npos;
  return good ? "" : "\"" + text + "\" is no key of a Secret: use letters, digits, -, _ and .";
}

void CheckTogether(const Options& options) {
  const std::set<std::string> names = {options.names.certificate, options.names.key, options.names.authorities,
                                       certgen::kNextCertificate, certgen::kNextKey, "step-at"};
  if (names.size() < 6) {
    throw CLI::ValidationError("certgen",
                               "--secret-cert-name, --server-key-name and --server-ca-name must differ from "
                               "each other and from next.crt, next.key and step-at");
  }
  if (options.renew_before >= options.valid_for) {
    throw CLI::ValidationError(
        "certgen", "--renew-before must be less than --valid-for, or each new certificate would be due at once");
  }
  if (!options.out.empty() && !options.webhook.empty())
    throw CLI::ValidationError("certgen", "--validating-webhook-configuration-name needs a cluster: leave --out away");
}

void AddNames(CLI::App& command, Options& options) {
  const auto add = [&](const char* flag, std::string& value, const char* help) {
    return command.add_option(flag, value, help)->capture_default_str();
  };
  add("--svc-name", options.subject.service, "The Service that the certificate is for")->check(CheckLabel);
  add("--svc-namespace", options.subject.ns, "Its namespace [POD_NAMESPACE, else gloo-system]")->check(CheckLabel);
  add("--cluster-domain", options.subject.cluster_domain, "The domain of the cluster")->check(CheckDomain);
  add("--secret-name", options.secret, "The Secret that the certificate stands in")->check(CheckDomain);
  command.add_option("--secret-namespace", options.secret_ns, "Its namespace [that of the Service]")->check(CheckLabel);
  add("--secret-cert-name", options.names.certificate, "Its key for the certificate")->check(CheckKey);
  add("--server-key-name", options.names.key, "Its key for the private key")->check(CheckKey);
  add("--server-ca-name", options.names.authorities, "Its key for the trusted authorities")->check(CheckKey);
  command
      .add_option("--validating-webhook-configuration-name", options.webhook,
                  "Set the caBundle of those of its webhooks that call the Service")
      ->check(CheckDomain);
}

}  // namespace

void AddCertgen(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  if (const char* ns = std::getenv("POD_NAMESPACE"); ns && *ns) options->subject.ns = ns;
  CLI::App* command = app.add_subcommand("certgen", "Make and renew the certificate of a Service, without an outage");
  AddNames(*command, *options);
  command->add_flag("--force-rotation", options->force,
                    "Begin a rotation although the certificate is good, unless one is under way");
  AddDuration(*command, "--rotation-duration", options->rotation_duration, "0s",
              "Wait so long between the steps of a rotation; 0s leaves the next steps to the next runs");
  AddDuration(*command, "--step-distance", options->step_distance, "150s",
              "A run that does not wait does no step of a rotation sooner after the one before");
  AddDuration(*command, "--renew-before", options->renew_before, "2160h", "Renew a certificate so long before its end");
  AddDuration(*command, "--wait-for-webhook", options->wait_for_webhook, "0s",
              "Wait so long for a webhook that does not exist, and go on without it then; 0s takes that for an error");
  AddDuration(*command, "--valid-for", options->valid_for, "8760h", "How long a new certificate is good");
  auto* out = command->add_option("--out", options->out, "No cluster: keep the files in this folder");
  command
      ->add_option("--kubeconfig", options->kubeconfig,
                   "How to reach the cluster [KUBECONFIG, else the pod's service account, else ~/.kube/config]")
      ->envname("K8SGATEWAY_KUBECONFIG")
      ->excludes(out);
  command->add_option("--context", options->context, "Which context of the kubeconfig [the current one]")
      ->envname("K8SGATEWAY_CONTEXT")
      ->excludes(out);
  AddLogFlags(*command, options->log);
  command->footer(kHelp);
  command->callback([options, &exit_code] {
    CheckTogether(*options);
    exit_code = Certgen(*options);
  });
}

}  // namespace k8sgw
