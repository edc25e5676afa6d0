// A model of an API server that has Upstreams, with users who edit them. It says when a write of discovery does what
// none may.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>

#include "src/base/text.h"
#include "src/discovery/test_json.h"
#include "src/model/objects.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::discovery::testing {

class UpstreamServer {
 public:
  struct Told {
    UpstreamRef ref;
    std::string json;  // "" when it is gone
  };

  static kube::WriteResult Error(int code, const char* reason = "", int retry_after = 0) {
    kube::ApiStatus status;
    status.code = code;
    status.reason = reason;
    status.retry_after = std::chrono::seconds(retry_after);
    return {kube::ToStatus(status), status, ""};
  }

  // A write of discovery.
  kube::WriteResult Do(const kube::WriteRequest& request) {
    UpstreamRef ref = RefOf(request.target);
    const yaml::Node body = request.body.empty() ? yaml::Node() : *yaml::FromJson(yaml::Padded(request.body).view());
    if (request.method == "POST") {
      ref.name = Name(body.Find("metadata")->FindScalar("name"));
      if (objects_.contains(ref)) return Error(409, "AlreadyExists");
      ++created;
      return Put(ref, body, Cat("u", ++uids_));
    }
    const auto found = objects_.find(ref);
    if (found == objects_.end()) return Error(404);
    const yaml::Node before = found->second;
    const yaml::Node* conditions = body.Find(request.method == "DELETE" ? "preconditions" : "metadata");
    for (const char* key : {"uid", "resourceVersion"}) {
      const std::string_view asked = conditions ? conditions->FindScalar(key) : "";
      if (!asked.empty() && asked != before.Find("metadata")->FindScalar(key)) return Error(409, "Conflict");
    }
    EXPECT_TRUE(IsOurs(before)) << request.method << " of what is somebody else's: " << ref.ToString();
    if (request.method == "DELETE") {
      Remove(ref);
      ++deleted;
      return {absl::OkStatus(), {}, "{}"};
    }
    yaml::Node after = before;
    Merge(after, body);
    for (const char* field : {"connectionConfig", "unknownToUs"}) {
      EXPECT_EQ(At(before, "spec", field), At(after, "spec", field)) << "an edit of people is lost";
    }
    EXPECT_EQ(At(before, "metadata", "labels"), At(after, "metadata", "labels"));
    EXPECT_EQ(At(before, "status"), At(after, "status"));
    ++changed;
    return Put(ref, after, std::string(before.Find("metadata")->FindScalar("uid")));
  }

  // --- what people do
  void Edit(const UpstreamRef& ref, const std::string& patch) {
    yaml::Node object = objects_.at(ref);
    Merge(object, *yaml::FromJson(yaml::Padded(patch).view()));
    Put(ref, object, std::string(object.Find("metadata")->FindScalar("uid")));
  }
  void Make(const UpstreamRef& ref) {
    yaml::Node object = *yaml::FromJson(yaml::Padded(R"({"metadata":{"labels":{"mine":"yes"}},"spec":{}})").view());
    yaml::Node names = *yaml::FromJson(
        yaml::Padded(Cat(R"({"metadata":{"name":")", ref.name.str(), R"(","namespace":")", ref.ns.str(), "\"}}"))
            .view());
    Merge(object, names);
    Put(ref, object, Cat("u", ++uids_));
  }
  void Remove(const UpstreamRef& ref) {
    objects_.erase(ref);
    told_.push_back({ref, ""});
    ++version_;
  }

  static bool IsOurs(const yaml::Node& object) {
    return At(object, "metadata", "labels", "discovered_by") == R"("kubernetesplugin")";
  }
  const std::map<UpstreamRef, yaml::Node>& objects() const { return objects_; }
  // What the watch has still to tell, in order.
  std::deque<Told>& told() { return told_; }

  int created = 0;
  int changed = 0;
  int deleted = 0;

 private:
  // /apis/gloo.solo.io/v1/namespaces/NS/upstreams, and maybe /NAME
  static UpstreamRef RefOf(const std::string& target) {
    const std::string rest = target.substr(std::string("/apis/gloo.solo.io/v1/namespaces/").size());
    const size_t slash = rest.find('/');
    const size_t last = rest.find('/', slash + 1);
    return {rest.substr(0, slash), last == std::string::npos ? "" : rest.substr(last + 1)};
  }

  kube::WriteResult Put(const UpstreamRef& ref, yaml::Node object, const std::string& uid) {
    const std::string meta = Cat(R"({"metadata":{"uid":")", uid, R"(","resourceVersion":")", ++version_, "\"}}");
    Merge(object, *yaml::FromJson(yaml::Padded(meta).view()));
    const std::string json = yaml::EmitJson(object, 0);
    objects_[ref] = std::move(object);
    told_.push_back({ref, json});
    return {absl::OkStatus(), {}, json};
  }

  std::map<UpstreamRef, yaml::Node> objects_;
  std::deque<Told> told_;
  int version_ = 0;
  int uids_ = 0;
};

}  // namespace k8sgw::discovery::testing
