// How to reach an API server and who we are there: what a kubeconfig file or a pod's service account says, resolved to
// one cluster and one user. Files are named here and read later, again and again, because they are rotated.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace k8sgw::kube {

// Bytes that stand in the configuration itself, or in a file. When both are given, `data` counts, but for tokens.
struct Material {
  std::string data;
  std::string file;

  bool empty() const { return data.empty() && file.empty(); }
  bool operator==(const Material&) const = default;
};

// A program that prints an ExecCredential (client.authentication.k8s.io).
struct ExecPlugin {
  std::string api_version;
  // A name that is looked up in PATH, or a path.
  std::string command;
  std::vector<std::string> args;
  // Added to our own environment.
  std::vector<std::pair<std::string, std::string>> env;
  bool provide_cluster_info = false;
  // What to tell users when the command is missing.
  std::string install_hint;

  bool operator==(const ExecPlugin&) const = default;
};

struct ClientConfig {
  // https://host[:port][/prefix], without a slash at the end. Credentials are only ever sent to https.
  std::string server;
  Material ca;
  bool insecure_skip_tls_verify = false;
  // The name that the server's certificate must have; "" means the host of `server`.
  std::string tls_server_name;
  std::string proxy_url;

  Material client_certificate;
  Material client_key;
  // Of a token, the file counts when both are given, as soon as it can be read.
  Material token;
  std::string username;
  std::string password;
  std::optional<ExecPlugin> exec;
  std::string impersonate_user;
  std::string impersonate_uid;
  std::vector<std::string> impersonate_groups;

  // Where objects without a namespace belong.
  std::string default_namespace = "default";
  // Where this configuration comes from, for messages: "the service account" or "/home/x/.kube/config, context y".
  std::string origin;
};

// What is read from outside the process; tests bring their own.
struct Environment {
  // "" when the variable is not set.
  std::function<std::string(const std::string& name)> variable;
  // NotFound when there is no such file. The messages name the path.
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
};

// The process's own.
Environment RealEnvironment();

}  // namespace k8sgw::kube
