// The port of the cache: GET and HEAD of /images/<sha256>.
#pragma once

#include <functional>
#include <string>

#include "src/base/ptr.h"
#include "src/http/message.h"
#include "src/wasm_cache/store.h"

namespace k8sgw::wasm_cache {

// Finds a module by its SHA-256, or nullptr; never pulls.
using FindModule = std::function<Ptr<StoredModule>(const std::string& sha256)>;

// 200 with the module, 206 with the one range that was asked for, 304 to who has it, 404 for what is not here and for
// all other paths.
http::Answer AnswerFor(const http::Request& request, const FindModule& find);

}  // namespace k8sgw::wasm_cache
