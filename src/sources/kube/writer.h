// Reads and writes single objects.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "src/sources/kube/api_status.h"
#include "src/sources/kube/http.h"
#include "src/sources/kube/resource_path.h"

namespace k8sgw::kube {

// One object, or a subresource of it such as "status".
struct Target {
  Resource resource;
  std::string name;
  std::string subresource{};
};

struct WriteRequest {
  std::string method;
  std::string target;
  std::string content_type;
  std::string body;
  std::chrono::milliseconds timeout{30'000};
};

// Bodies are JSON, but that of ServerSideApply may be YAML. `field_manager` is the name that the server notes for the
// fields that we own; "" leaves it to the server.
WriteRequest ReadObject(const Target& target);
WriteRequest CreateObject(const Resource& resource, std::string body, std::string_view field_manager = "");
// The body must have metadata.resourceVersion; a newer one at the server makes it Aborted.
WriteRequest ReplaceObject(const Target& target, std::string body, std::string_view field_manager = "");
// With metadata.resourceVersion in the body, a newer one at the server makes it Aborted.
WriteRequest MergePatch(const Target& target, std::string body, std::string_view field_manager = "");
// `force` takes fields from other managers; otherwise those are a conflict, Aborted.
WriteRequest ServerSideApply(const Target& target, std::string body, std::string_view field_manager, bool force);
// With a uid, only that object, not another one of the same name; with a version, a newer one makes it Aborted.
WriteRequest DeleteObject(const Target& target, std::string_view uid = "", std::string_view resource_version = "");

struct WriteResult {
  // See ToStatus in api_status.h; errors of the network are those of HttpHandler::OnEnd. After such an error nobody
  // knows whether the write was done.
  absl::Status status;
  // What the server said about an error: its reason, the fields, when to come back.
  ApiStatus details;
  // The object as it is now.
  std::string body;
};

class Writer {
 public:
  using Done = std::function<void(const WriteResult& result)>;
  static constexpr size_t kMaxAnswer = 16 << 20;

  // The client outlives it. What is not done when it ends is cancelled and not told.
  explicit Writer(HttpClient& client);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Nothing is tried again but once after 401, with credentials that are read anew. `done` is called from the loop.
  void Send(WriteRequest request, Done done);
  size_t running() const { return calls_.size(); }

 private:
  class Call;

  HttpClient& client_;
  std::map<Call*, std::unique_ptr<Call>> calls_;
};

}  // namespace k8sgw::kube
