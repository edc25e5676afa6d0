#include "src/sources/kube/credentials.h"

#include <simdjson.h>

#include <utility>

#include "absl/time/time.h"
#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

namespace dom = simdjson::dom;

// Not before the end, as the answer takes time too.
constexpr auto kExpirySlack = std::chrono::seconds(10);

// A file that is being written has no end yet.
bool IsWholePem(const std::string& text) {
  const size_t begin = text.rfind("-----BEGIN ");
  return begin != std::string::npos && text.find("-----END ", begin) != std::string::npos;
}

// A token stands in a header, so nothing may follow it there.
bool IsToken(const std::string& text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return false;
  }
  return !text.empty();
}

std::string TextOf(const dom::object& object, std::string_view key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

yaml::Node TextNode(std::string text) {
  yaml::Node node;
  node.kind = yaml::Node::Kind::kScalar;
  node.quoted = true;
  node.scalar = std::move(text);
  return node;
}

yaml::Node FlagNode(bool flag) {
  yaml::Node node = TextNode(flag ? "true" : "false");
  node.quoted = false;
  return node;
}

void Put(yaml::Node& map, std::string key, yaml::Node value) {
  map.kind = yaml::Node::Kind::kMapping;
  map.entries.push_back({std::move(key), {}, std::move(value)});
}

}  // namespace

Credentials::Credentials(ClientConfig config, Environment environment, ExecRunner run, Options options)
    : config_(std::move(config)), environment_(std::move(environment)), run_(std::move(run)), options_(options) {}

absl::Status Credentials::Read(const Material& material, bool pem, Cached& cached) const {
  if (!material.file.empty() && (pem ? material.data.empty() : true)) {
    const absl::StatusOr<std::string> text = environment_.read_file(material.file);
    const std::string content = text.ok() ? (pem ? *text : Trim(*text)) : "";
    if (text.ok() && (pem ? IsWholePem(content) : IsToken(content))) {
      cached = {content, true};
      return absl::OkStatus();
    }
    if (cached.good) return absl::OkStatus();
    if (material.data.empty()) {
      return text.ok() ? absl::InvalidArgumentError(Cat(material.file, ": holds no ", pem ? "PEM text" : "token"))
                       : text.status();
    }
  }
  cached = {material.data, !material.data.empty()};
  return absl::OkStatus();
}

absl::Status Credentials::ReadAll() {
  absl::Status status = Read(config_.ca, true, ca_);
  if (status.ok()) status = Read(config_.client_certificate, true, certificate_);
  if (status.ok()) status = Read(config_.client_key, true, key_);
  if (status.ok()) status = Read(config_.token, false, token_);
  return status;
}

absl::Status Credentials::ReadInTime(Time now, bool fresh) {
  if (!fresh && read_at_ && now - *read_at_ < options_.reread) return absl::OkStatus();
  if (absl::Status status = ReadAll(); !status.ok()) return status;
  read_at_ = now;
  return absl::OkStatus();
}

std::string Credentials::ExecInfo() const {
  yaml::Node cluster;
  Put(cluster, "server", TextNode(config_.server));
  if (!config_.tls_server_name.empty()) Put(cluster, "tls-server-name", TextNode(config_.tls_server_name));
  if (config_.insecure_skip_tls_verify) Put(cluster, "insecure-skip-tls-verify", FlagNode(true));
  if (!config_.proxy_url.empty()) Put(cluster, "proxy-url", TextNode(config_.proxy_url));
  if (ca_.good) Put(cluster, "certificate-authority-data", TextNode(EncodeBase64(ca_.text)));
  yaml::Node spec;
  if (config_.exec->provide_cluster_info) Put(spec, "cluster", std::move(cluster));
  Put(spec, "interactive", FlagNode(false));
  yaml::Node root;
  Put(root, "kind", TextNode("ExecCredential"));
  Put(root, "apiVersion", TextNode(config_.exec->api_version));
  Put(root, "spec", std::move(spec));
  return yaml::EmitJson(root, 0);
}

Credentials::PluginRun Credentials::MustRun(Time now, WallTime wall, bool fresh) {
  if (!config_.exec || !UsesTls() || !ReadInTime(now, false).ok()) return {};
  const bool expired = exec_ && exec_->expires && wall + kExpirySlack >= *exec_->expires;
  if (exec_ && !expired && !fresh) return {};
  // What a run has just given is used, also when it ends at once: another run would give no better.
  const bool just_ran = exec_tried_ && now - *exec_tried_ < options_.exec_retry;
  if (just_ran && (!exec_error_.ok() || !fresh)) return {};
  return [run = run_, plugin = *config_.exec, info = ExecInfo()] { return run(plugin, info); };
}

void Credentials::Take(Time now, const absl::StatusOr<std::string>& printed) {
  // What hangs until it is ended is not run again at once.
  exec_tried_ = now;
  exec_error_ = ReadPrinted(printed);
}

absl::Status Credentials::ReadPrinted(const absl::StatusOr<std::string>& printed) {
  const auto fail = [&](std::string what) {
    return absl::UnavailableError(Cat(config_.origin, ": the exec plugin ", config_.exec->command, " ", what));
  };
  if (!printed.ok()) {
    const std::string hint = config_.exec->install_hint.empty() ? "" : ": " + config_.exec->install_hint;
    return fail(Cat(ToStd(printed.status().message()), hint));
  }
  dom::parser parser;
  dom::object root;
  dom::object status;
  // The text outlives the views into it.
  const simdjson::padded_string text(*printed);
  if (parser.parse(text).get(root) != simdjson::SUCCESS || TextOf(root, "kind") != "ExecCredential")
    return fail("printed no ExecCredential");
  if (TextOf(root, "apiVersion") != config_.exec->api_version)
    return fail(Cat("printed another apiVersion than ", config_.exec->api_version));
  if (root["status"].get(status) != simdjson::SUCCESS) return fail("printed no status");
  ExecResult result{TextOf(status, "token"), TextOf(status, "clientCertificateData"), TextOf(status, "clientKeyData"),
                    std::nullopt};
  if (result.certificate_pem.empty() != result.key_pem.empty()) return fail("printed a certificate or a key alone");
  if (result.token.empty() && result.key_pem.empty()) return fail("printed neither a token nor a certificate");
  if (!result.token.empty() && !IsToken(result.token)) return fail("printed a token with white space in it");
  if (const std::string expires = TextOf(status, "expirationTimestamp"); !expires.empty()) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, expires, &time, &error))
      return fail(Cat("printed the expirationTimestamp '", expires, "', which is no time"));
    result.expires = absl::ToChronoTime(time);
  }
  exec_ = std::move(result);
  return absl::OkStatus();
}

Identity Credentials::Build() const {
  Identity identity{ca_.text, certificate_.text, key_.text, {}};
  std::string token = token_.text;
  if (exec_ && token.empty()) token = exec_->token;
  if (exec_ && identity.key_pem.empty()) {
    identity.certificate_pem = exec_->certificate_pem;
    identity.key_pem = exec_->key_pem;
  }
  if (!token.empty())
    identity.headers.push_back("Authorization: Bearer " + token);
  else if (!config_.username.empty())
    identity.headers.push_back("Authorization: Basic " + EncodeBase64(Cat(config_.username, ":", config_.password)));
  if (!config_.impersonate_user.empty()) identity.headers.push_back("Impersonate-User: " + config_.impersonate_user);
  if (!config_.impersonate_uid.empty()) identity.headers.push_back("Impersonate-Uid: " + config_.impersonate_uid);
  for (const std::string& group : config_.impersonate_groups) identity.headers.push_back("Impersonate-Group: " + group);
  return identity;
}

absl::StatusOr<Ptr<Identity>> Credentials::Get(Time now, WallTime wall, bool fresh) {
  if (!UsesTls()) return std::make_shared<const Identity>();
  if (absl::Status status = ReadInTime(now, fresh); !status.ok()) return status;
  if (const PluginRun run = MustRun(now, wall, fresh)) {
    const Time started = std::chrono::steady_clock::now();
    const absl::StatusOr<std::string> printed = run();
    Take(now + (std::chrono::steady_clock::now() - started), printed);
  }
  // What the server refused may be good for another one behind the same name.
  if (config_.exec && !exec_) return exec_error_;
  Identity identity = Build();
  if (!identity_ || *identity_ != identity) identity_ = std::make_shared<const Identity>(std::move(identity));
  return identity_;
}

}  // namespace k8sgw::kube
