#include "src/sources/kube/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/sources/kube/test_environment.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::TestEnvironment;

constexpr char kHome[] = R"(
apiVersion: v1
kind: Config
current-context: home
clusters:
- name: c1
  cluster: {server: "https://10.0.0.1:6443/", certificate-authority: pki/ca.crt, tls-server-name: kubernetes}
- name: c2
  cluster: {server: "https://two.example:443/prefix", insecure-skip-tls-verify: true, proxy-url: "http://proxy:3128"}
users:
- name: cert
  user: {client-certificate-data: Q0VSVA==, client-certificate: ignored, client-key: /abs/key.pem}
- name: token
  user: {token: abc, tokenFile: token, as: alice, as-groups: [a, b]}
- name: plugin
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./bin/get-token
      args: [--cluster, "7"]
      env: [{name: REGION, value: eu}]
      provideClusterInfo: true
      interactiveMode: IfAvailable
contexts:
- name: home
  context: {cluster: c1, user: cert, namespace: apps}
- name: other
  context: {cluster: c2, user: token}
- name: third
  context: {cluster: c1, user: plugin}
)";

std::string ErrorOf(const std::string& text, const std::string& context = "") {
  TestEnvironment environment;
  environment.files["/k/config"] = text;
  const auto config = LoadKubeconfig(environment.Get(), "/k/config", context);
  return config.ok() ? "no error" : std::string(ToStd(config.status().message()));
}

TEST(KubeconfigTest, ResolvesTheCurrentContext) {
  TestEnvironment environment;
  environment.files["/k/config"] = kHome;
  const auto config = LoadKubeconfig(environment.Get(), "/k/config", "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://10.0.0.1:6443");
  EXPECT_EQ(config->ca.file, "/k/pki/ca.crt");
  EXPECT_EQ(config->tls_server_name, "kubernetes");
  EXPECT_EQ(config->client_certificate, (Material{.data = "CERT", .file = ""}));
  EXPECT_EQ(config->client_key, (Material{.data = "", .file = "/abs/key.pem"}));
  EXPECT_EQ(config->default_namespace, "apps");
  EXPECT_EQ(config->origin, "/k/config, context home");
}

TEST(KubeconfigTest, ResolvesAChosenContext) {
  TestEnvironment environment;
  environment.files["/k/config"] = kHome;
  const auto config = LoadKubeconfig(environment.Get(), "/k/config", "other");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://two.example:443/prefix");
  EXPECT_TRUE(config->insecure_skip_tls_verify);
  EXPECT_EQ(config->proxy_url, "http://proxy:3128");
  EXPECT_EQ(config->token, (Material{.data = "abc", .file = "/k/token"}));
  EXPECT_EQ(config->impersonate_user, "alice");
  EXPECT_THAT(config->impersonate_groups, ElementsAre("a", "b"));
  EXPECT_EQ(config->default_namespace, "default");
}

TEST(KubeconfigTest, ReadsExecPlugins) {
  TestEnvironment environment;
  environment.files["/k/config"] = kHome;
  const auto config = LoadKubeconfig(environment.Get(), "/k/config", "third");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(config->exec.has_value());
  EXPECT_EQ(config->exec->command, "/k/./bin/get-token");
  EXPECT_THAT(config->exec->args, ElementsAre("--cluster", "7"));
  EXPECT_THAT(config->exec->env, ElementsAre(Pair("REGION", "eu")));
  EXPECT_TRUE(config->exec->provide_cluster_info);
}

TEST(KubeconfigTest, OfSeveralFilesTheFirstCounts) {
  TestEnvironment environment;
  environment.files["/a"] =
      "current-context: other\n"
      "users: [{name: token, user: {token: first}}]\n";
  environment.files["/k/config"] = kHome;
  const auto config = LoadKubeconfig(environment.Get(), "/missing::/a:/k/config", "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://two.example:443/prefix");
  EXPECT_EQ(config->token, (Material{.data = "first", .file = ""}));
}

TEST(KubeconfigTest, ErrorsNameFileEntryAndField) {
  const std::string rest =
      "clusters: [{name: c, cluster: {server: 'https://h'}}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
      "current-context: x\n";
  const auto user = [&](const std::string& fields) {
    return ErrorOf(rest + "users:\n- name: u\n  user: " + fields + "\n");
  };
  EXPECT_EQ(user("{client-certificate: a}"),
            "/k/config:6: users \"u\": client-key: is missing beside client-certificate");
  EXPECT_THAT(user("{client-key-data: '%%'}"), HasSubstr("/k/config:6: users \"u\": client-key-data: is no base64"));
  EXPECT_THAT(user("{token: [1]}"), HasSubstr("users \"u\": token: must be a string"));
  EXPECT_THAT(user("{auth-provider: {name: gcp}}"), HasSubstr("users \"u\": auth-provider: is not supported"));
  EXPECT_THAT(user("{exec: {apiVersion: client.authentication.k8s.io/v1}}"), HasSubstr("exec.command: is missing"));
  EXPECT_THAT(user("{exec: {command: a, apiVersion: client.authentication.k8s.io/v1alpha1}}"),
              HasSubstr("exec.apiVersion: must be"));
  EXPECT_THAT(user("{exec: 1}"), HasSubstr("exec: must have fields"));
  EXPECT_EQ(user("{}"), "no error");
  EXPECT_THAT(ErrorOf(rest), HasSubstr("contexts \"x\": user: there is no user \"u\"; there are none"));
  EXPECT_THAT(ErrorOf(rest, "y"), HasSubstr("/k/config: contexts: there is no context \"y\"; there are x"));
  EXPECT_THAT(ErrorOf("clusters: []"), HasSubstr("current-context: is missing"));
  EXPECT_THAT(ErrorOf("clusters: {a: b}"), HasSubstr("/k/config:1: clusters: must be a list"));
  EXPECT_THAT(ErrorOf("users: [{name: a, user: {}}, {name: a, user: {}}]"), HasSubstr("stands twice"));
  EXPECT_THAT(ErrorOf("a: [b"), HasSubstr("/k/config:"));
  EXPECT_THAT(ErrorOf("[1]"), HasSubstr("is no kubeconfig"));
}

TEST(KubeconfigTest, ErrorsOfClusters) {
  const auto cluster = [&](const std::string& fields) {
    return ErrorOf("clusters: [{name: c, cluster: " + fields +
                   "}]\ncontexts: [{name: x, context: {cluster: c}}]\n"
                   "current-context: x\n");
  };
  EXPECT_EQ(cluster("{server: 'https://h'}"), "no error");
  EXPECT_THAT(cluster("{}"), HasSubstr("clusters \"c\": server: is missing"));
  EXPECT_THAT(cluster("{server: 'h:6443'}"), HasSubstr("server: must begin with https://"));
  EXPECT_THAT(cluster("{server: 'https://h', insecure-skip-tls-verify: 5}"), HasSubstr("must be true or false"));
  EXPECT_THAT(cluster("{server: 'https://h', insecure-skip-tls-verify: true, certificate-authority: x}"),
              HasSubstr("cannot stand beside"));
}

TEST(KubeconfigTest, InCluster) {
  TestEnvironment environment;
  environment.variables = {{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}};
  const std::string folder = kServiceAccountFolder;
  environment.files[folder + "/namespace"] = "gloo-system\n";
  const auto without = LoadClientConfig(environment.Get(), {});
  EXPECT_THAT(std::string(ToStd(without.status().message())), HasSubstr("automountServiceAccountToken"));
  environment.files[folder + "/token"] = "t";
  const auto config = LoadClientConfig(environment.Get(), {});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->server, "https://[fd00::1]:443");
  EXPECT_EQ(config->token.file, folder + "/token");
  EXPECT_EQ(config->ca.file, folder + "/ca.crt");
  EXPECT_EQ(config->default_namespace, "gloo-system");
}

TEST(KubeconfigTest, TheOrderOfChoices) {
  TestEnvironment environment;
  const auto server = [&](const ConfigChoice& choice) {
    const auto config = LoadClientConfig(environment.Get(), choice);
    return config.ok() ? config->server : std::string(ToStd(config.status().message()));
  };
  const auto file = [](const std::string& host) {
    return "clusters: [{name: c, cluster: {server: 'https://" + host +
           "'}}]\ncontexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n";
  };
  environment.variables["HOME"] = "/h";
  EXPECT_THAT(server({}), HasSubstr("no kubeconfig: /h/.kube/config does not exist"));
  environment.files["/h/.kube/config"] = file("home");
  EXPECT_EQ(server({}), "https://home");
  environment.variables["KUBERNETES_SERVICE_HOST"] = "pod";
  environment.variables["KUBERNETES_SERVICE_PORT"] = "1";
  environment.files[std::string(kServiceAccountFolder) + "/token"] = "t";
  EXPECT_EQ(server({}), "https://pod:1");
  EXPECT_EQ(server({.kubeconfig = "", .context = "x"}), "https://home");
  environment.variables["KUBECONFIG"] = "/e";
  environment.files["/e"] = file("env");
  EXPECT_EQ(server({}), "https://env");
  environment.files["/f"] = file("flag");
  EXPECT_EQ(server({.kubeconfig = "/f", .context = ""}), "https://flag");
}

}  // namespace
}  // namespace k8sgw::kube
