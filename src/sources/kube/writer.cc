#include "src/sources/kube/writer.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"

namespace k8sgw::kube {
namespace {

constexpr char kJson[] = "application/json";

std::string PathOf(const Target& target) { return ObjectPath(target.resource, target.name, target.subresource); }

std::string ManagerQuery(std::string_view field_manager) {
  return field_manager.empty() ? "" : Cat("?fieldManager=", EscapeUrl(field_manager));
}

}  // namespace

WriteRequest ReadObject(const Target& target) { return {"GET", PathOf(target), "", ""}; }

WriteRequest CreateObject(const Resource& resource, std::string body, std::string_view field_manager) {
  return {"POST", CollectionPath(resource) + ManagerQuery(field_manager), kJson, std::move(body)};
}

WriteRequest ReplaceObject(const Target& target, std::string body, std::string_view field_manager) {
  return {"PUT", PathOf(target) + ManagerQuery(field_manager), kJson, std::move(body)};
}

WriteRequest MergePatch(const Target& target, std::string body, std::string_view field_manager) {
  return {"PATCH", PathOf(target) + ManagerQuery(field_manager), "application/merge-patch+json", std::move(body)};
}

WriteRequest ServerSideApply(const Target& target, std::string body, std::string_view field_manager, bool force) {
  return {"PATCH", Cat(PathOf(target), "?fieldManager=", EscapeUrl(field_manager), force ? "&force=true" : ""),
          "application/apply-patch+yaml", std::move(body)};
}

WriteRequest DeleteObject(const Target& target, std::string_view uid, std::string_view resource_version) {
  // Neither has characters that JSON would escape.
  std::string conditions;
  if (!uid.empty()) conditions = Cat(R"("uid":")", uid, "\"");
  if (!resource_version.empty()) {
    conditions += Cat(conditions.empty() ? "" : ",", R"("resourceVersion":")", resource_version, "\"");
  }
  if (conditions.empty()) return {"DELETE", PathOf(target), "", ""};
  return {"DELETE", PathOf(target), kJson,
          Cat(R"({"kind":"DeleteOptions","apiVersion":"v1","preconditions":{)", conditions, "}}")};
}

class Writer::Call : public HttpHandler {
 public:
  Call(Writer& owner, WriteRequest request, Done done)
      : owner_(owner), request_(std::move(request)), done_(std::move(done)) {
    Try(false);
  }
  ~Call() override {
    if (!ended_) owner_.client_.Cancel(id_);
  }

  void OnHead(int code, std::chrono::seconds retry_after) override {
    code_ = code;
    retry_after_ = retry_after;
  }
  bool OnBytes(std::string_view bytes) override {
    size_ += bytes.size();
    if (size_ <= kMaxAnswer) body_.append(bytes);
    return true;
  }
  void OnEnd(const absl::Status& status) override {
    if (status.ok() && code_ == 401 && !tried_again_) {
      tried_again_ = true;
      return Try(true);
    }
    ended_ = true;
    WriteResult result;
    result.status = status;
    if (status.ok() && size_ > kMaxAnswer) {
      result.status = absl::ResourceExhaustedError(
          Cat("the answer to ", request_.method, " ", request_.target, " is larger than ", kMaxAnswer, " bytes"));
    } else if (status.ok() && code_ >= 200 && code_ < 300) {
      result.details.code = code_;
      result.body = std::move(body_);
    } else if (status.ok()) {
      result.details = ParseApiStatus(code_, body_);
      result.details.retry_after = std::max(result.details.retry_after, retry_after_);
      result.status = ToStatus(result.details);
    }
    // This ends with the call, so it must not be here any longer when `done` comes back to the writer.
    const std::unique_ptr<Call> self = std::move(owner_.calls_.extract(this).mapped());
    done_(result);
  }

 private:
  void Try(bool fresh_credentials) {
    code_ = 0;
    size_ = 0;
    body_.clear();
    id_ = owner_.client_.Start({.method = request_.method,
                                .target = request_.target,
                                .content_type = request_.content_type,
                                .body = request_.body,
                                .fresh_credentials = fresh_credentials,
                                .timeout = request_.timeout},
                               this);
  }

  Writer& owner_;
  const WriteRequest request_;
  const Done done_;
  HttpClient::Id id_ = 0;
  int code_ = 0;
  std::chrono::seconds retry_after_{0};
  size_t size_ = 0;
  std::string body_;
  bool tried_again_ = false;
  bool ended_ = false;
};

Writer::Writer(HttpClient& client) : client_(client) {}
Writer::~Writer() = default;

void Writer::Send(WriteRequest request, Done done) {
  auto call = std::make_unique<Call>(*this, std::move(request), std::move(done));
  Call* const key = call.get();
  calls_.emplace(key, std::move(call));
}

}  // namespace k8sgw::kube
