// The validating webhook: POST /validation over HTTPS, verdicts by the pipeline's thread.
//
//   admission::Webhook webhook({.own_namespace = "gloo-system"}, pipeline, post, namespaces, settings, log);
//   webhook.Follow(settings());  // whenever Settings may have changed; nullptr when there are none
//   webhook.SetReady();          // the pipeline knows all objects
//
// All methods are called on the pipeline's thread, on which `post` runs what it is given; `post` is called from the
// server's thread. Until SetReady, requests get 503, and whoever asks decides what that means (failurePolicy).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/admission/counters.h"
#include "src/admission/judge.h"
#include "src/base/address.h"
#include "src/http/server.h"

namespace k8sgw::admission {

struct WebhookOptions {
  std::string address = AnyAddress(8443);
  // For what Settings leave open.
  std::string certificate_path = "/etc/gateway/validation-certs/tls.crt";
  std::string key_path = "/etc/gateway/validation-certs/tls.key";
  std::string own_namespace = "gloo-system";
  // The path of the Envoy that fullEnvoyValidation asks.
  std::string envoy = "";
  // Of the bodies of all reviews that have no answer yet; decoded they may take ten times as much. One always has room.
  size_t most_waiting_bytes = 32 << 20;
  // Beyond what these options say: limits, and how often files are looked at.
  http::ServerOptions server = {};
};

class Webhook {
 public:
  using Post = std::function<void(std::function<void()>)>;
  // The Settings in force, or nullptr; asked for each verdict.
  using SettingsInForce = std::function<const gloov1::Settings*()>;
  // Called on the server's thread.
  using Log = std::function<void(const std::string& message, bool is_error)>;

  Webhook(WebhookOptions options, Pipeline& pipeline, Post post, Namespaces namespaces, SettingsInForce settings,
          Log log);
  ~Webhook();

  // Runs, moves to other certificate files, or stops, as Settings say: without gateway.validation, or with its
  // serverEnabled: false, there is no webhook.
  void Follow(const gloov1::Settings* settings);
  // Runs with these files.
  void Start(const std::string& certificate_path, const std::string& key_path);
  // Before the end, while others take over: answers end their connections, on which an API server would send its next
  // review just as they go.
  void Drain();
  void Stop();
  void SetReady();

  // 0 while it does not listen, as for want of a certificate.
  int port() const;
  const Counters& counters() const { return counters_; }

 private:
  struct Shared;

  const WebhookOptions options_;
  const Log log_;
  Counters counters_;
  // Outlives the server: what is posted may come late.
  const std::shared_ptr<Shared> shared_;
  std::unique_ptr<http::Server> server_;
  bool draining_ = false;
  std::string certificate_path_;
  std::string key_path_;
};

}  // namespace k8sgw::admission
