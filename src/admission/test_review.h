// For tests: AdmissionReviews as API servers write them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "src/admission/review.h"
#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/json/tree.h"

namespace k8sgw::admission {

// What a test says of a request; objects are YAML, "" for none.
struct Asked {
  std::string operation = "CREATE";
  std::string object = "";
  std::string old_object = "";
  bool dry_run = false;
  std::string version = "v1";
  bool return_proxies = false;
};

inline std::string ToJson(std::string_view text) {
  if (text.empty()) return "null";
  const yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok && stream.documents.size() == 1) << text;
  return yaml::EmitJson(stream.documents.front(), 0);
}

inline std::string ReviewText(const Asked& asked) {
  const yaml::Stream stream = yaml::Parse(asked.object.empty() ? asked.old_object : asked.object);
  const yaml::Node& object = stream.documents.front();
  std::string group(object.FindScalar("apiVersion"));
  const size_t slash = group.find('/');
  const std::string version = slash == std::string::npos ? group : group.substr(slash + 1);
  group = slash == std::string::npos ? "" : group.substr(0, slash);
  const yaml::Node* metadata = object.Find("metadata");
  const auto of_metadata = [&](const char* key) { return std::string(metadata ? metadata->FindScalar(key) : ""); };
  const std::string ns = of_metadata("namespace").empty() ? "default" : of_metadata("namespace");
  return Cat(R"({"apiVersion":"admission.k8s.io/)", asked.version,
             R"(","kind":"AdmissionReview","request":{"uid":"u-1",)", R"("kind":{"group":")", group, R"(","version":")",
             version, R"(","kind":")", object.FindScalar("kind"), R"("},"name":")", of_metadata("name"),
             R"(","namespace":")", ns, R"(","operation":")", asked.operation, R"(","dryRun":)",
             asked.dry_run ? "true" : "false", R"(,"object":)", ToJson(asked.object), R"(,"oldObject":)",
             ToJson(asked.old_object), asked.return_proxies ? R"(},"returnProxies":true})" : "}}");
}

inline absl::StatusOr<Review> ReadText(std::string text, Format format = Format::kJson) {
  const size_t size = text.size();
  text.append(yaml::kJsonPadding, '\0');
  return ReadReview(std::string_view(text).substr(0, size), format);
}

inline Review ReadAsked(const Asked& asked) {
  auto review = ReadText(ReviewText(asked));
  EXPECT_TRUE(review.ok()) << review.status();
  return review.ok() ? std::move(*review) : Review();
}

// A VirtualService `default/<name>`; `route` is the first route without its matcher.
inline std::string Service(const std::string& name, const std::string& domain, const std::string& route,
                           const std::string& metadata = "") {
  return Cat("apiVersion: gateway.solo.io/v1\nkind: VirtualService\nmetadata: {name: ", name, ", namespace: default",
             metadata, "}\nspec: {virtualHost: {domains: ['", domain, "'], routes: [{matchers: [{prefix: /}], ", route,
             "}]}}\n");
}
inline std::string To(const std::string& upstream) {
  return Cat("routeAction: {single: {upstream: {name: ", upstream, ", namespace: default}}}");
}
inline std::string StaticUpstream(const std::string& name) {
  return Cat("apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: ", name,
             ", namespace: default}\nspec: {static: {hosts: [{addr: 127.0.0.1, port: 80}]}}\n");
}
inline constexpr char kReply[] = "directResponseAction: {status: 200}";
inline constexpr char kBadRoute[] =
    "options: {regexRewrite: {pattern: {regex: '('}, substitution: x}}, directResponseAction: {status: 200}";

}  // namespace k8sgw::admission
