#include "src/wasm_cache/docker_config.h"

#include "absl/status/status.h"
#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/json/tree.h"

namespace k8sgw::wasm_cache {
namespace {

constexpr char kDockerHub[] = "docker.io";

// Tools write keys as hosts, as URLs, and Docker Hub's in ways of its own.
std::string NormalKey(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  while (key.ends_with('/')) key.remove_suffix(1);
  for (const std::string_view version : {"/v1", "/v2"}) {
    if (key.ends_with(version)) key.remove_suffix(version.size());
  }
  if (key == "index.docker.io" || key == "registry-1.docker.io") return kDockerHub;
  return std::string(key);
}

absl::StatusOr<Login> ReadLogin(const yaml::Node& node) {
  Login login{std::string(node.FindScalar("username")), std::string(node.FindScalar("password"))};
  if (!login.empty()) return login;
  std::string pair;
  if (!DecodeBase64(node.FindScalar("auth"), &pair)) return absl::InvalidArgumentError("has an auth that is no base64");
  const size_t colon = pair.find(':');
  if (pair.empty()) return login;
  if (colon == std::string::npos) return absl::InvalidArgumentError("has an auth that is no user:password");
  return Login{pair.substr(0, colon), pair.substr(colon + 1)};
}

}  // namespace

absl::StatusOr<Logins> ParseDockerConfig(const std::string& json) {
  const yaml::Padded padded(json);
  const absl::StatusOr<yaml::Node> root = yaml::FromJson(padded.view());
  if (!root.ok() || !root->is_mapping()) return absl::InvalidArgumentError("is no JSON object");
  const yaml::Node* auths = root->Find("auths");
  if (!auths || !auths->is_mapping()) return absl::InvalidArgumentError("has no auths");
  Logins logins;
  for (const yaml::Node::Entry& entry : auths->entries) {
    absl::StatusOr<Login> login = ReadLogin(entry.value);
    if (!login.ok()) return login.status();
    if (!login->empty()) logins.insert_or_assign(NormalKey(entry.key), std::move(*login));
  }
  return logins;
}

Login FindLogin(const Logins& logins, std::string_view registry, std::string_view repository) {
  std::string key = Cat(registry, "/", repository);
  while (true) {
    if (const auto found = logins.find(key); found != logins.end()) return found->second;
    const size_t slash = key.rfind('/');
    if (slash == std::string::npos) return {};
    key.resize(slash);
  }
}

}  // namespace k8sgw::wasm_cache
