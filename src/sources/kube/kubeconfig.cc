#include "src/sources/kube/kubeconfig.h"

#include <map>
#include <string_view>

#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/base/yaml_scalar.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

// One named entry of `clusters`, `users` or `contexts`, and the file that it stands in.
struct Entry {
  std::string file;
  std::string place;  // users "bob"
  const yaml::Node* node = nullptr;

  std::string Where(std::string_view field, const yaml::Node* at = nullptr) const {
    const uint32_t line = at != nullptr ? at->mark.line : node->mark.line;
    return Cat(file, ":", line, ": ", place, ": ", field);
  }
};

struct Files {
  std::vector<yaml::Stream> streams;
  std::map<std::string, Entry> clusters;
  std::map<std::string, Entry> users;
  std::map<std::string, Entry> contexts;
  std::string current_context;
  std::string names;
};

// Reads the fields of an entry; the first that is wrong is kept as an error.
class FieldReader {
 public:
  explicit FieldReader(const Entry& entry) : entry_(entry) {}

  const absl::Status& status() const { return status_; }
  void Fail(std::string_view field, std::string_view what, const yaml::Node* at = nullptr) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(Cat(entry_.Where(field, at), ": ", what));
  }

  std::string Text(std::string_view field) { return TextOf(entry_.node->Find(field), field); }
  std::string TextOf(const yaml::Node* node, std::string_view field) {
    if (node == nullptr || node->is_null()) return "";
    if (!node->is_scalar()) Fail(field, "must be a string", node);
    return node->scalar;
  }
  bool Flag(const yaml::Node* parent, std::string_view field) {
    const yaml::Node* node = parent->Find(field);
    if (node == nullptr || node->is_null()) return false;
    const auto value = node->is_scalar() && !node->quoted ? yaml::ParseBool(node->scalar) : std::nullopt;
    if (!value) Fail(field, "must be true or false", node);
    return value.value_or(false);
  }
  std::vector<std::string> List(const yaml::Node* parent, std::string_view field) {
    std::vector<std::string> items;
    const yaml::Node* node = parent->Find(field);
    if (node == nullptr || node->is_null()) return items;
    if (!node->is_sequence()) Fail(field, "must be a list of strings", node);
    for (const yaml::Node& item : node->items) items.push_back(TextOf(&item, field));
    return items;
  }
  // `field` names a file, `field`-data holds the same in base64.
  Material FileOrData(const std::string& field) {
    Material material;
    const std::string data_field = field + "-data";
    const std::string data = Text(data_field);
    if (!data.empty() && !DecodeBase64(data, &material.data))
      Fail(data_field, "is no base64: encode the PEM text with `base64 -w0`", entry_.node->Find(data_field));
    if (material.data.empty()) material.file = Path(Text(field));
    return material;
  }
  // Relative paths count from the folder of the file.
  std::string Path(const std::string& path) const {
    if (path.empty() || path[0] == '/') return path;
    const size_t slash = entry_.file.rfind('/');
    return slash == std::string::npos ? path : entry_.file.substr(0, slash + 1) + path;
  }

 private:
  const Entry& entry_;
  absl::Status status_;
};

// Adds the entries of one list; those that an earlier file named stay.
absl::Status AddEntries(const std::string& file, const yaml::Node& root, std::string_view list, std::string_view what,
                        std::map<std::string, Entry>& entries) {
  const yaml::Node* items = root.Find(list);
  if (items == nullptr || items->is_null()) return absl::OkStatus();
  if (!items->is_sequence()) {
    return absl::InvalidArgumentError(
        Cat(file, ":", items->mark.line, ": ", list, ": must be a list of entries with name and ", what));
  }
  for (const yaml::Node& item : items->items) {
    const std::string name(item.FindScalar("name"));
    const yaml::Node* value = item.Find(what);
    const std::string place = Cat(list, " \"", name, "\"");
    if (name.empty() || value == nullptr || !value->is_mapping()) {
      return absl::InvalidArgumentError(
          Cat(file, ":", item.mark.line, ": ", place, ": needs a name and, under ", what, ", its fields"));
    }
    const auto [it, added] = entries.try_emplace(name, Entry{file, place, value});
    if (!added && it->second.file == file) {
      return absl::InvalidArgumentError(
          Cat(file, ":", item.mark.line, ": ", place, ": stands twice in this file: remove one"));
    }
  }
  return absl::OkStatus();
}

absl::Status AddFile(const std::string& file, const std::string& text, Files& files) {
  if (text.size() > kMaxKubeconfigBytes)
    return absl::InvalidArgumentError(Cat(file, ": is larger than ", kMaxKubeconfigBytes, " bytes"));
  const yaml::Stream& stream = files.streams.emplace_back(yaml::Parse(text));
  if (!stream.ok) return absl::InvalidArgumentError(Cat(file, ":", stream.error.mark.line, ": ", stream.error.message));
  if (stream.documents.empty()) return absl::OkStatus();
  const yaml::Node& root = stream.documents[0];
  if (!root.is_mapping()) return absl::InvalidArgumentError(Cat(file, ": is no kubeconfig: it holds no fields"));
  for (auto [list, what, entries] :
       {std::tuple{"clusters", "cluster", &files.clusters}, std::tuple{"users", "user", &files.users},
        std::tuple{"contexts", "context", &files.contexts}}) {
    if (absl::Status status = AddEntries(file, root, list, what, *entries); !status.ok()) return status;
  }
  if (files.current_context.empty()) files.current_context = root.FindScalar("current-context");
  return absl::OkStatus();
}

absl::StatusOr<Files> ReadFiles(const Environment& environment, const std::string& paths) {
  Files files;
  for (size_t begin = 0; begin <= paths.size();) {
    const size_t end = std::min(paths.find(':', begin), paths.size());
    const std::string file = paths.substr(begin, end - begin);
    begin = end + 1;
    if (file.empty()) continue;
    const absl::StatusOr<std::string> text = environment.read_file(file);
    if (absl::IsNotFound(text.status())) continue;
    if (!text.ok()) return text.status();
    files.names += (files.names.empty() ? "" : ", ") + file;
    if (absl::Status status = AddFile(file, *text, files); !status.ok()) return status;
  }
  if (files.names.empty())
    return absl::NotFoundError(Cat("no kubeconfig: ", paths, " does not exist; set KUBECONFIG or give its path"));
  return files;
}

absl::Status ReadCluster(const Entry& entry, ClientConfig& config) {
  FieldReader reader(entry);
  config.server = reader.Text("server");
  while (config.server.ends_with('/')) config.server.pop_back();
  if (config.server.empty()) reader.Fail("server", "is missing: write https://host:port");
  if (!config.server.starts_with("https://") && !config.server.starts_with("http://"))
    reader.Fail("server", "must begin with https://, such as https://10.0.0.1:6443", entry.node->Find("server"));
  config.ca = reader.FileOrData("certificate-authority");
  config.insecure_skip_tls_verify = reader.Flag(entry.node, "insecure-skip-tls-verify");
  if (config.insecure_skip_tls_verify && !config.ca.empty())
    reader.Fail("insecure-skip-tls-verify", "cannot stand beside a certificate-authority: remove one of them");
  config.tls_server_name = reader.Text("tls-server-name");
  config.proxy_url = reader.Text("proxy-url");
  return reader.status();
}

void ReadExec(const yaml::Node& node, FieldReader& reader, ClientConfig& config) {
  ExecPlugin& exec = config.exec.emplace();
  const auto text = [&](std::string_view name) { return reader.TextOf(node.Find(name), Cat("exec.", name)); };
  exec.command = text("command");
  if (exec.command.empty()) reader.Fail("exec.command", "is missing: name the program", &node);
  // A name alone is looked up in PATH; a path counts from the folder of the file.
  if (exec.command.find('/') != std::string::npos) exec.command = reader.Path(exec.command);
  exec.api_version = text("apiVersion");
  if (exec.api_version != "client.authentication.k8s.io/v1" &&
      exec.api_version != "client.authentication.k8s.io/v1beta1") {
    reader.Fail("exec.apiVersion", "must be client.authentication.k8s.io/v1 or /v1beta1: update the plugin", &node);
  }
  exec.args = reader.List(&node, "args");
  exec.install_hint = text("installHint");
  exec.provide_cluster_info = reader.Flag(&node, "provideClusterInfo");
  if (text("interactiveMode") == "Always")
    reader.Fail("exec.interactiveMode", "is Always, but nobody is there to answer: choose another plugin", &node);
  const yaml::Node* env = node.Find("env");
  if (env == nullptr || env->is_null()) return;
  if (!env->is_sequence()) reader.Fail("exec.env", "must be a list of entries with name and value", env);
  for (const yaml::Node& item : env->items) {
    const std::string name(item.FindScalar("name"));
    if (name.empty() || name.find('=') != std::string::npos)
      reader.Fail("exec.env", "an entry needs a name without '=', and a value", &item);
    exec.env.emplace_back(name, item.FindScalar("value"));
  }
}

absl::Status ReadUser(const Entry& entry, ClientConfig& config) {
  FieldReader reader(entry);
  const yaml::Node& node = *entry.node;
  config.client_certificate = reader.FileOrData("client-certificate");
  config.client_key = reader.FileOrData("client-key");
  if (config.client_certificate.empty() != config.client_key.empty()) {
    const bool key = config.client_key.empty();
    reader.Fail(key ? "client-key" : "client-certificate",
                key ? "is missing beside client-certificate" : "is missing beside client-key");
  }
  config.token = {.data = reader.Text("token"), .file = reader.Path(reader.Text("tokenFile"))};
  config.username = reader.Text("username");
  config.password = reader.Text("password");
  config.impersonate_user = reader.Text("as");
  config.impersonate_uid = reader.Text("as-uid");
  config.impersonate_groups = reader.List(&node, "as-groups");
  if (const yaml::Node* extra = node.Find("as-user-extra"); extra != nullptr && !extra->is_null())
    reader.Fail("as-user-extra", "is not supported", extra);
  if (const yaml::Node* provider = node.Find("auth-provider"); provider != nullptr && !provider->is_null())
    reader.Fail("auth-provider", "is not supported, as kubectl dropped it too: use an exec plugin", provider);
  if (const yaml::Node* exec = node.Find("exec"); exec != nullptr && !exec->is_null()) {
    if (!exec->is_mapping())
      reader.Fail("exec", "must have fields such as command", exec);
    else
      ReadExec(*exec, reader, config);
  }
  return reader.status();
}

std::string Known(const std::map<std::string, Entry>& entries) {
  std::string names;
  for (const auto& [name, entry] : entries) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "there are none" : "there are " + names;
}

absl::StatusOr<ClientConfig> Resolve(const Files& files, const std::string& chosen) {
  const std::string& name = chosen.empty() ? files.current_context : chosen;
  if (name.empty()) {
    return absl::InvalidArgumentError(
        Cat(files.names, ": current-context: is missing: set it, or choose a context; ", Known(files.contexts)));
  }
  const auto context = files.contexts.find(name);
  if (context == files.contexts.end()) {
    return absl::InvalidArgumentError(
        Cat(files.names, ": contexts: there is no context \"", name, "\"; ", Known(files.contexts)));
  }
  FieldReader reader(context->second);
  const std::string cluster = reader.Text("cluster");
  const std::string user = reader.Text("user");
  ClientConfig config;
  if (const std::string ns = reader.Text("namespace"); !ns.empty()) config.default_namespace = ns;
  config.origin = Cat(context->second.file, ", context ", name);
  const auto cluster_entry = files.clusters.find(cluster);
  if (cluster_entry == files.clusters.end())
    reader.Fail("cluster", Cat("there is no cluster \"", cluster, "\"; ", Known(files.clusters)));
  const auto user_entry = files.users.find(user);
  if (!user.empty() && user_entry == files.users.end())
    reader.Fail("user", Cat("there is no user \"", user, "\"; ", Known(files.users)));
  if (!reader.status().ok()) return reader.status();
  if (absl::Status status = ReadCluster(cluster_entry->second, config); !status.ok()) return status;
  if (user.empty()) return config;
  if (absl::Status status = ReadUser(user_entry->second, config); !status.ok()) return status;
  return config;
}

}  // namespace

absl::StatusOr<ClientConfig> LoadKubeconfig(const Environment& environment, const std::string& paths,
                                            const std::string& context) {
  const absl::StatusOr<Files> files = ReadFiles(environment, paths);
  if (!files.ok()) return files.status();
  return Resolve(*files, context);
}

absl::StatusOr<ClientConfig> LoadInCluster(const Environment& environment) {
  const std::string host = environment.variable("KUBERNETES_SERVICE_HOST");
  const std::string port = environment.variable("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return absl::NotFoundError(
        "this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; give a kubeconfig");
  }
  ClientConfig config;
  const bool ipv6 = host.find(':') != std::string::npos;
  config.server = Cat("https://", ipv6 ? "[" : "", host, ipv6 ? "]" : "", ":", port);
  const std::string folder = kServiceAccountFolder;
  config.token.file = folder + "/token";
  config.ca.file = folder + "/ca.crt";
  if (const auto token = environment.read_file(config.token.file); !token.ok())
    return absl::Status(token.status().code(),
                        Cat(ToStd(token.status().message()), ": is automountServiceAccountToken off for this pod?"));
  if (const auto ns = environment.read_file(folder + "/namespace"); ns.ok()) {
    const std::string name = Trim(*ns);
    if (!name.empty()) config.default_namespace = name;
  }
  config.origin = "the service account";
  return config;
}

absl::StatusOr<ClientConfig> LoadClientConfig(const Environment& environment, const ConfigChoice& choice) {
  if (!choice.kubeconfig.empty()) return LoadKubeconfig(environment, choice.kubeconfig, choice.context);
  if (const std::string paths = environment.variable("KUBECONFIG"); !paths.empty())
    return LoadKubeconfig(environment, paths, choice.context);
  if (choice.context.empty() && !environment.variable("KUBERNETES_SERVICE_HOST").empty())
    return LoadInCluster(environment);
  return LoadKubeconfig(environment, environment.variable("HOME") + "/.kube/config", choice.context);
}

}  // namespace k8sgw::kube
