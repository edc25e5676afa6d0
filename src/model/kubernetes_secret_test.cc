#include "src/model/kubernetes_secret.h"

#include <gtest/gtest.h>

#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "src/base/base64.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"

namespace k8sgw {
namespace {

struct Case {
  std::string_view text;
  std::string_view expected;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }

constexpr const char* kSeverities[] = {"error", "warning", "notice"};

template <class T, class Read>
std::string Show(std::string_view text, Read read) {
  const yaml::Stream stream = yaml::Parse(text);
  EXPECT_TRUE(stream.ok) << stream.error.message;
  std::string problems;
  T out;
  read(
      stream.documents.at(0),
      [&](Severity severity, const std::string& path, yaml::Mark mark, std::string message, std::string) {
        problems += Cat("\n", kSeverities[static_cast<size_t>(severity)], " ", mark.line, ": ", path, ": ", message);
      },
      &out);
  return yaml::EmitJson(EncodeProto(out), 0) + problems;
}

class KubernetesSecret : public testing::TestWithParam<Case> {};
TEST_P(KubernetesSecret, IsRead) {
  EXPECT_EQ(Show<gloo::solo::io::Secret>(GetParam().text, ReadKubernetesSecret), GetParam().expected);
}

// "Yw==" is c, "aw==" is k, "cg==" is r, "/w==" is the byte 0xFF.
constexpr Case kForms[] = {
    {"{type: kubernetes.io/tls, data: {tls.crt: Yw==, tls.key: aw==}}",
     R"({"tls": {"certChain": "c", "privateKey": "k"}})"},
    {"{type: kubernetes.io/tls, data: {tls.crt: Yw==, tls.key: aw==, ca.crt: cg==}}",
     R"({"tls": {"certChain": "c", "privateKey": "k", "rootCa": "r"}})"},
    {"{type: Opaque, data: {tls.crt: Yw==, tls.key: aw==, tls.ocsp-staple: /w==}}",
     R"({"tls": {"certChain": "c", "privateKey": "k", "ocspStaple": "/w=="}})"},
    {"{data: {ca.crt: cg==}}", R"({"tls": {"rootCa": "r"}})"},
    {"{type: kubernetes.io/tls}", R"({"tls": {}})"},
    {"{type: kubernetes.io/tls, stringData: {tls.crt: s, tls.key: t}}",
     R"({"tls": {"certChain": "s", "privateKey": "t"}})"},
    {"{data: {tls.crt: Yw==}, stringData: {tls.crt: wins}}", R"({"tls": {"certChain": "wins"}})"},
    {"{data: {tls.crt: \"Y\\nw==\"}}", R"({"tls": {"certChain": "c"}})"},
    {"{stringData: {aws_access_key_id: i, aws_secret_access_key: s, aws_session_token: t}}",
     R"({"aws": {"accessKey": "i", "secretKey": "s", "sessionToken": "t"}})"},
    {"{type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: '{}'}}",
     R"({"extensions": {"configs": {"kubernetes.io/dockerconfigjson": {".dockerconfigjson": "{}"}}}})"},
    {"{stringData: {username: u, password: p}}", R"({"credentials": {"username": "u", "password": "p"}})"},
    {"{type: gloo.solo.io/encryption, stringData: {key: k}}", R"({"encryption": {"key": "k"}})"},
    {"{type: gloo.solo.io.EncryptionKeySecret, stringData: {key: k}}", R"({"encryption": {"key": "k"}})"},
    {"{type: extauth.solo.io/accountcredentials, stringData: {username: u, password: p}}",
     R"({"credentials": {"username": "u", "password": "p"}})"},
    {"{type: kubernetes.io/basic-auth, stringData: {password: p}}", R"({"credentials": {"password": "p"}})"},
    {"{type: extauth.solo.io/oauth, stringData: {client-secret: s}}", R"({"oauth": {"clientSecret": "s"}})"},
    {"{type: Opaque, stringData: {client-secret: s}}", R"({"header": {"headers": {"client-secret": "s"}}})"},
    {"{type: extauth.solo.io/apikey, stringData: {api-key: k, user: u}}",
     R"({"apiKey": {"apiKey": "k", "metadata": {"user": "u"}}})"},
    {"{stringData: {api-key: k}}", R"({"header": {"headers": {"api-key": "k"}}})"},
    {"{stringData: {aws_secret_access_key: s}}", R"({"aws": {"secretKey": "s"}})"},
    {"{stringData: {aws: '{accessKey: a, secretKey: s, sessionToken: t}'}}",
     R"({"aws": {"accessKey": "a", "secretKey": "s", "sessionToken": "t"}})"},
    {"{type: Opaque, stringData: {azure: '{apiKeys: {_master: k}}'}}", R"({"azure": {"apiKeys": {"_master": "k"}}})"},
    {"{stringData: {tls: '{certChain: c, privateKey: k}'}}", R"({"tls": {"certChain": "c", "privateKey": "k"}})"},
    {"{stringData: {oauth: 'clientSecret: s'}}", R"({"oauth": {"clientSecret": "s"}})"},
    {"{stringData: {apiKey: '{apiKey: k, labels: [a]}'}}", R"({"apiKey": {"apiKey": "k", "labels": ["a"]}})"},
    {"{stringData: {api_key: 'api_key: k'}}", R"({"apiKey": {"apiKey": "k"}})"},
    {"{stringData: {header: 'headers: {x-a: b}'}}", R"({"header": {"headers": {"x-a": "b"}}})"},
    {"{stringData: {credentials: '{username: u, password: p}'}}",
     R"({"credentials": {"username": "u", "password": "p"}})"},
    {"{stringData: {encryption: 'key: k'}}", R"({"encryption": {"key": "k"}})"},
    {"{stringData: {extensions: 'configs: {a: {b: c}}'}}", R"({"extensions": {"configs": {"a": {"b": "c"}}}})"},
    {"{type: gloo.solo.io/header, stringData: {api-key: k, client-secret: s}}",
     R"({"header": {"headers": {"api-key": "k", "client-secret": "s"}}})"},
    {"{stringData: {header: text, aws: text}}", R"({"header": {"headers": {"aws": "text", "header": "text"}}})"},
    {"{stringData: {.dockerconfigjson: '{}'}}", "{}"},
    {"{type: kubernetes.io/dockercfg, stringData: {.dockercfg: '{}'}}", "{}"},
    {"{type: kubernetes.io/ssh-auth, stringData: {ssh-privatekey: k}}", "{}"},
    {"{type: kubernetes.io/service-account-token, stringData: {token: t}}", "{}"},
    {"{type: bootstrap.kubernetes.io/token, stringData: {token-secret: t}}", "{}"},
    {"{type: helm.sh/release.v1, stringData: {release: r}}", "{}"},
    {"{type: gloo.solo.io/header, stringData: {x-a: '1', x-b: b}}",
     R"({"header": {"headers": {"x-a": "1", "x-b": "b"}}})"},
    {"{stringData: {headers: 'headers: {x-a: b}'}}", R"({"header": {"headers": {"x-a": "b"}}})"},
    {"{stringData: {headers: 'x-a: b'}}", R"({"header": {"headers": {"x-a": "b"}}})"},
    {"{type: Opaque, stringData: {Authorization: abc}}", R"({"header": {"headers": {"Authorization": "abc"}}})"},
    {"{}", R"({"header": {}})"},
    {"{data: null, stringData: null}", R"({"header": {}})"},
};
INSTANTIATE_TEST_SUITE_P(Forms, KubernetesSecret, testing::ValuesIn(kForms));

constexpr Case kBroken[] = {
    {"type: kubernetes.io/tls\ndata:\n  tls.crt: '%%%'\n", "{\"tls\": {}}\nerror 3: data[\"tls.crt\"]: is no base64"},
    {"{data: [a]}", "{\"header\": {}}\nerror 1: data: expected a mapping of names to text"},
    {"{data: {tls.crt: [a]}}", "{\"tls\": {}}\nerror 1: data[\"tls.crt\"]: expected text"},
    {"{data: {tls.crt: null}}", "{\"tls\": {}}"},
    {"{data: {encryption: /w==, b: Yw==}}",
     "{\"header\": {\"headers\": {\"b\": \"c\"}}}\nwarning 1: data[\"encryption\"]: is no text, so it is left out"},
    {"{data: {tls.crt: /w==}}",
     "{\"tls\": {\"certChain\": \"\\ufffd\"}}\nerror 1: data[\"tls.crt\"]: is no text: it holds bytes that are not "
     "UTF-8"},
    {"{stringData: {aws: '{accessKey: a, secret: s}'}}",
     "{}\nnotice 1: stringData[\"aws\"]: secret: unknown field \"secret\""},
    {"{data: {a: /w==, b: Yw==}}",
     "{\"header\": {\"headers\": {\"b\": \"c\"}}}\nwarning 1: data[\"a\"]: is no text, so it is left out"},
};
INSTANTIATE_TEST_SUITE_P(Broken, KubernetesSecret, testing::ValuesIn(kBroken));

TEST(ConfigMap, IsRead) {
  EXPECT_EQ(Show<gloo::solo::io::Artifact>("{data: {a: x, b: }, binaryData: {c: Yw==}}", ReadConfigMap),
            R"({"data": {"a": "x", "b": "", "c": "Yw=="}})");
  EXPECT_EQ(Show<gloo::solo::io::Artifact>("{data: {a: {b: c}}, binaryData: {c: '!'}}", ReadConfigMap),
            "{\"data\": {\"a\": \"\", \"c\": \"\"}}\nerror 1: data[\"a\"]: expected text\nerror 1: binaryData[\"c\"]: "
            "is no base64");
}

TEST(ConfigMap, OfWhatIsNoBase64OnlyThatIsKept) {
  EXPECT_EQ(Show<gloo::solo::io::Artifact>(R"({data: {a: "Yw==\n", b: "half of it: is enough", c: "\xe9", d: "{}"}})",
                                           ReadConfigMap),
            R"({"data": {"a": "Yw==\n", "b": "half of it!", "c": "!", "d": "!"}})");
}

}  // namespace
}  // namespace k8sgw
