// Paths of google.api.http, such as /shelves/{shelf}/books/{book=**}:read, as Envoy reads them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace k8sgw::plugins::grpc_json {

// The path without the names of its variables: two paths with the same shape match the same requests. nullopt for what
// Envoy refuses.
std::optional<std::string> ShapeOf(std::string_view path);

}  // namespace k8sgw::plugins::grpc_json
