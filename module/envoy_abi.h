// As much of Envoy's interface for dynamic modules as the module uses: version 0.2.0 of it, which Envoy 1.40 has, and
// which 1.41 promises to take.
//
// Envoy calls the functions `…_on_…`, which the module has; the module calls those `…_callback_…`, which Envoy's
// program has. A test compares the names with those of the pinned Envoy.
#pragma once

#include <cstddef>

namespace k8sgw::module {

inline constexpr char kAbiVersion[] = "v0.2.0";

// Bytes of either side; who made them keeps them.
struct EnvoyBuffer {
  const char* data;
  size_t size;
};

// Envoy's, for the time of one call.
using EnvoyContext = void*;
// Ours, from config_new to config_destroy; read by all workers at once.
using ConfigPointer = const void*;

}  // namespace k8sgw::module

// Everything else of the module stays within it.
#pragma GCC visibility push(default)
extern "C" {

// What Envoy has. `index` is of the values of a header; `count` gets how many there are, when it is not null.
bool envoy_dynamic_module_callback_early_header_mutation_get_header_value(k8sgw::module::EnvoyContext context,
                                                                          k8sgw::module::EnvoyBuffer key,
                                                                          k8sgw::module::EnvoyBuffer* value,
                                                                          size_t index, size_t* count);
// Instead of all values that there are.
bool envoy_dynamic_module_callback_early_header_mutation_set_header(k8sgw::module::EnvoyContext context,
                                                                    k8sgw::module::EnvoyBuffer key,
                                                                    k8sgw::module::EnvoyBuffer value);

// What we have.
const char* envoy_dynamic_module_on_program_init();
// Null refuses the configuration, and with it the listener.
k8sgw::module::ConfigPointer envoy_dynamic_module_on_early_header_mutation_config_new(
    void* envoy_config, k8sgw::module::EnvoyBuffer name, k8sgw::module::EnvoyBuffer config);
void envoy_dynamic_module_on_early_header_mutation_config_destroy(k8sgw::module::ConfigPointer config);
// True: the extensions after this one are asked, too.
bool envoy_dynamic_module_on_early_header_mutation_mutate(k8sgw::module::ConfigPointer config,
                                                          k8sgw::module::EnvoyContext context);
}
#pragma GCC visibility pop
