#include "src/cmd/wasm_flags.h"

#include <string>

#include "src/base/address.h"
#include "src/cmd/flags.h"

namespace k8sgw {
namespace {

// "" when the text is good.
std::string CheckAddress(const std::string& text) {
  const auto parsed = ParseHostPort(text);
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

// The same, and port 0 for any.
std::string CheckBind(const std::string& text) {
  return text.ends_with(":0") ? CheckAddress(text.substr(0, text.size() - 1) + "1") : CheckAddress(text);
}

std::string CheckSecret(const std::string& text) {
  const size_t slash = text.find('/');
  const bool good = slash != std::string::npos && slash > 0 && slash + 1 < text.size() &&
                    text.find('/', slash + 1) == std::string::npos;
  return good ? "" : "\"" + text + "\" is no NAMESPACE/NAME of a Secret";
}

}  // namespace

void AddWasmFlags(CLI::App& command, WasmOptions& wasm) {
  command
      .add_option("--wasm-bind", wasm.bind, "HOST:PORT where Envoys get WebAssembly modules; port 0 picks a free one")
      ->envname("K8SGATEWAY_WASM_BIND")
      ->check(CheckBind)
      ->capture_default_str();
  command
      .add_option("--wasm-cache-dir", wasm.cache_dir,
                  "Keep pulled WebAssembly modules here, over restarts [wasm in --state-dir, else a folder that ends "
                  "with the process]")
      ->envname("K8SGATEWAY_WASM_CACHE_DIR");
  AddNumber(command, "--wasm-cache-mib", wasm.cache_mib, 1, 1 << 20, "MiB that these modules may have");
  AddNumber(command, "--wasm-max-module-mib", wasm.max_module_mib, 1, 1024, "MiB that one of them may have");
  AddNumber(command, "--wasm-recheck", wasm.recheck_seconds, 1, 86400,
            "Seconds after which is looked whether a tag of an image leads elsewhere");
  command
      .add_option("--wasm-plain-http", wasm.plain_http, "HOST:PORT of a registry without TLS; may stand more than once")
      ->envname("K8SGATEWAY_WASM_PLAIN_HTTP")
      ->delimiter(',')
      ->check(CheckAddress);
  command
      .add_option("--wasm-registry", wasm.registries,
                  "Pull images from this registry, and those of other such flags, only: HOST or HOST:PORT")
      ->envname("K8SGATEWAY_WASM_REGISTRY")
      ->delimiter(',');
  command
      .add_option("--wasm-pull-secret", wasm.pull_secret,
                  "NAMESPACE/NAME of a Secret of type kubernetes.io/dockerconfigjson, with users of registries")
      ->envname("K8SGATEWAY_WASM_PULL_SECRET")
      ->check(CheckSecret);
  command
      .add_option("--wasm-ca-file", wasm.ca_file, "PEM of authorities that registries may have, beside the system's")
      ->envname("K8SGATEWAY_WASM_CA_FILE")
      ->check(CLI::ExistingFile);
}

}  // namespace k8sgw
