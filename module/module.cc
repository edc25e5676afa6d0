// What Envoy calls. Nothing here throws, locks, or holds more than a configuration.

#include "module/envoy_abi.h"
#include "module/shard_keys.h"

namespace {

using k8sgw::module::ConfigPointer;
using k8sgw::module::EnvoyBuffer;
using k8sgw::module::EnvoyContext;
using k8sgw::shard::Keys;
using k8sgw::shard::Text;

constexpr EnvoyBuffer kHost{":authority", 10};

bool IsOurs(EnvoyBuffer name) {
  constexpr size_t kSize = sizeof(k8sgw::shard::kExtensionName) - 1;
  if (name.size != kSize) return false;
  for (size_t i = 0; i < kSize; ++i) {
    if (name.data[i] != k8sgw::shard::kExtensionName[i]) return false;
  }
  return true;
}

}  // namespace

const char* envoy_dynamic_module_on_program_init() { return k8sgw::module::kAbiVersion; }

ConfigPointer envoy_dynamic_module_on_early_header_mutation_config_new(void*, EnvoyBuffer name, EnvoyBuffer config) {
  return IsOurs(name) ? Keys::Parse({config.data, config.size}).release() : nullptr;
}

void envoy_dynamic_module_on_early_header_mutation_config_destroy(ConfigPointer config) {
  delete static_cast<const Keys*>(config);
}

bool envoy_dynamic_module_on_early_header_mutation_mutate(ConfigPointer config, EnvoyContext context) {
  // A request without a host has the key of the empty one: whatever a client has sent goes.
  EnvoyBuffer host{nullptr, 0};
  envoy_dynamic_module_callback_early_header_mutation_get_header_value(context, kHost, &host, 0, nullptr);
  const Keys& keys = *static_cast<const Keys*>(config);
  const Text header = keys.header();
  char place[k8sgw::shard::kLongestKey];
  const Text key = keys.KeyOf({host.data, host.data ? host.size : 0}, place);
  envoy_dynamic_module_callback_early_header_mutation_set_header(context, {header.data, header.size},
                                                                 {key.data, key.size});
  return true;
}
