// What a translation may look at besides its own input. Every look-up is recorded by the graph, so that a change of
// what was read, or its first appearance, runs the reader again.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/base/ptr.h"
#include "src/envoy/kube_destination.h"
#include "src/flow/fwd.h"
#include "src/model/objects.h"
#include "src/model/settings_key.h"
#include "src/model/wasm_module.h"
#include "src/proxy/proxy.h"

namespace k8sgw::envoy {

// What others may know of an Upstream without depending on all of it.
struct UpstreamHead {
  // Whether a cluster for it is served: false while its configuration has never been valid.
  bool served = false;
  // The key sets of its subset selectors, each sorted.
  std::vector<std::vector<std::string>> subset_keys;
  // Whether the hosts are found by DNS.
  bool uses_dns = false;
  // Whether it is always spoken to with HTTP/2, as servers of gRPC must be.
  bool speaks_http2 = false;

  bool operator==(const UpstreamHead&) const = default;
};

// The certificate, key and authorities of a Secret, checked and normalised.
struct TlsMaterial {
  std::string certificate_chain;  // PEM; may be empty when there is only an authority
  std::string private_key;        // PEM
  std::string root_ca;            // PEM; may be empty
  std::string ocsp_staple;        // DER; may be empty

  bool operator==(const TlsMaterial&) const = default;
};

// How TLS secrets travel to the Envoys.
enum class SecretDelivery {
  kInline,  // inside listeners and clusters, as published
  kSds,     // by name, over the same ADS stream
};

// What does not change while the process lives.
struct TranslationOptions {
  SettingsKey settings;
  SecretDelivery secret_delivery = SecretDelivery::kInline;
  // Seconds since 1970, for the validity of certificates; `clock` counts when there is one.
  int64_t now = 0;
  std::function<int64_t()> clock{};
  // Secrets are only sent in headers to Upstreams of their own namespace.
  bool header_secrets_match_upstreams = false;
  // Nobody pulls images here: each is taken to be there.
  bool assume_wasm_modules = false;
};

class Context {
 public:
  struct Collections {
    const flow::Collection<UpstreamRef, UpstreamHead>& upstreams;
    const flow::Collection<UpstreamGroupRef, Object<gloov1::UpstreamGroup>>& upstream_groups;
    const flow::Collection<SecretRef, Object<gloov1::Secret>>& secrets;
    const flow::Collection<SecretRef, TlsMaterial>& tls_materials;
    const flow::Collection<ServiceRef, Object<core::Service>>& services;
    // Only listeners read these.
    const flow::Collection<ArtifactRef, Object<gloov1::Artifact>>& artifacts;
    const flow::Collection<WasmImage, WasmModule>& wasm_modules;
  };

  // `settings` is never nullptr. A listener that was accepted has its ConfigMaps and modules: no others are read.
  Context(flow::Reader& reader, const Collections& collections, Ptr<gloov1::Settings> settings,
          const TranslationOptions& options, const proxy::Listener* accepted = nullptr)
      : reader_(reader),
        collections_(collections),
        settings_(std::move(settings)),
        options_(options),
        accepted_(accepted) {}

  const gloov1::Settings& settings() const { return *settings_; }
  const TranslationOptions& options() const { return options_; }

  // Each returns nullptr when there is no such object.
  Ptr<UpstreamHead> FindUpstream(const UpstreamRef& ref) const;
  Ptr<Object<gloov1::UpstreamGroup>> FindUpstreamGroup(const UpstreamGroupRef& ref) const;
  Ptr<Object<gloov1::Secret>> FindSecret(const SecretRef& ref) const;
  // The last good TLS content of a Secret; nullptr when it never had any.
  Ptr<TlsMaterial> FindTlsMaterial(const SecretRef& ref) const;
  Ptr<Object<core::Service>> FindService(const ServiceRef& ref) const;
  // A ConfigMap.
  Ptr<Object<gloov1::Artifact>> FindArtifact(const ArtifactRef& ref) const;
  // The module of an image; nullptr when nobody knows yet. One that has bytes is noted.
  Ptr<WasmModule> FindWasmModule(const std::string& image) const;
  // What the listener names is on its way: nothing is wrong, but it is not to be served like this.
  void Wait() const { waits_ = true; }
  bool waits() const { return waits_; }
  // The options of this listener were found good before, with the same ConfigMaps: checks that take long may be left
  // out.
  bool accepted() const { return accepted_ != nullptr; }
  // Those that were found.
  const proxy::Artifacts& found_artifacts() const { return found_artifacts_; }
  const proxy::WasmModules& found_wasm_modules() const { return found_wasm_modules_; }
  // Notes that a route leads there, so that there is a cluster for it.
  void Use(const KubeDestination& destination) const { kube_destinations_.insert(destination); }
  const std::set<KubeDestination>& kube_destinations() const { return kube_destinations_; }

 private:
  flow::Reader& reader_;
  const Collections& collections_;
  Ptr<gloov1::Settings> settings_;
  const TranslationOptions& options_;
  const proxy::Listener* const accepted_;
  mutable proxy::Artifacts found_artifacts_;
  mutable proxy::WasmModules found_wasm_modules_;
  mutable bool waits_ = false;
  mutable std::set<KubeDestination> kube_destinations_;
};

}  // namespace k8sgw::envoy
