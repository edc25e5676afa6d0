#include "src/admin/redactor.h"

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/struct.pb.h>

#include "api/core/v1/metadata.proto.h"
#include "api/gloo/v1/extensions.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/config/listener/v3/listener_components.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/yaml.h"
#include "src/model/objects.h"

namespace k8sgw::admin {
namespace {

namespace tlsv3 = ::envoy::extensions::transport_sockets::tls::v3;
using google::protobuf::Message;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Shown(const Redactor& redactor, Message& message) {
  redactor.Redact(message);
  return yaml::EmitJson(EncodeProto(message), 0);
}

constexpr char kKey[] = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n";

TEST(Redactor, OfSecretsOnlyPublicCertificatesStay) {
  gloov1::Secret secret;
  secret.mutable_metadata()->set_name("tls");
  secret.mutable_tls()->set_cert_chain("public chain");
  secret.mutable_tls()->set_root_ca("public root");
  secret.mutable_tls()->set_private_key("whatever is here");
  const std::string shown = Shown(Redactor(), secret);
  EXPECT_THAT(shown, HasSubstr("public chain"));
  EXPECT_THAT(shown, HasSubstr("public root"));
  EXPECT_THAT(shown, HasSubstr(R"("name": "tls")"));
  EXPECT_THAT(shown, HasSubstr(R"("privateKey": "[redacted]")"));
  gloov1::Secret header;
  (*header.mutable_header()->mutable_headers())["x-key"] = "abc";
  EXPECT_THAT(Shown(Redactor(), header), HasSubstr(R"("x-key": "[redacted]")"));
  // Also where it does not belong.
  gloov1::Secret wrong;
  wrong.mutable_tls()->set_cert_chain(kKey);
  EXPECT_THAT(Shown(Redactor(), wrong), Not(HasSubstr("MIGH")));
}

TEST(Redactor, KeysWithinAny) {
  tlsv3::DownstreamTlsContext tls;
  auto& certificate = *tls.mutable_common_tls_context()->add_tls_certificates();
  certificate.mutable_certificate_chain()->set_inline_string("public chain");
  certificate.mutable_private_key()->set_inline_string("not even a PEM");
  certificate.mutable_password()->set_inline_bytes("open sesame");
  ::envoy::config::listener::v3::Listener listener;
  auto& socket = *listener.add_filter_chains()->mutable_transport_socket();
  socket.mutable_typed_config()->PackFrom(tls);
  const std::string shown = Shown(Redactor(), listener);
  EXPECT_THAT(shown, HasSubstr("public chain"));
  EXPECT_THAT(shown, Not(HasSubstr("not even a PEM")));
  EXPECT_EQ(listener.SerializeAsString().find("sesame"), std::string::npos);
  tlsv3::Secret generic;
  generic.mutable_generic_secret()->mutable_secret()->set_inline_string("hush");
  EXPECT_THAT(Shown(Redactor(), generic), Not(HasSubstr("hush")));
}

TEST(Redactor, WhatIsOfAnUnknownTypeIsNotShown) {
  google::protobuf::Any any;
  any.set_type_url("type.googleapis.com/no.such.Type");
  any.set_value("bytes that may be a key");
  const std::string shown = Shown(Redactor(), any);
  EXPECT_THAT(shown, HasSubstr("not shown: of the unknown type no.such.Type"));
  google::protobuf::Any broken;
  broken.set_type_url("type.googleapis.com/envoy.config.listener.v3.Listener");
  broken.set_value("\xff\xff no message");
  EXPECT_THAT(Shown(Redactor(), broken), HasSubstr("not shown"));
}

TEST(Redactor, TextsOfSecretsAreFoundWhereverTheyStand) {
  Redactor redactor;
  gloov1::Secret secret;
  (*secret.mutable_header()->mutable_headers())["authorization"] = " Bearer 0123456789\n";
  redactor.Learn(secret);
  secret.Clear();
  secret.mutable_encryption()->set_key("short");
  redactor.Learn(secret);
  ::envoy::config::core::v3::HeaderValue header;
  header.set_key("x-any");
  header.set_value("Bearer 0123456789");
  EXPECT_THAT(Shown(redactor, header), HasSubstr(R"({"key": "x-any", "value": "[redacted]"})"));
  EXPECT_EQ(redactor.Text("the value \"Bearer 0123456789\" is no token"), kRedacted);
  EXPECT_EQ(redactor.Text("Bearer 012345678"), "Bearer 012345678");
  EXPECT_EQ(redactor.Text("short"), kRedacted);
  EXPECT_EQ(redactor.Text("shorter"), "shorter");
  secret.Clear();
  auto& configs = *secret.mutable_extensions()->mutable_configs();
  (*configs["registries"].mutable_fields())["users"].set_string_value("ada:0123456789");
  redactor.Learn(secret);
  EXPECT_EQ(redactor.Text("from ada:0123456789"), kRedacted);
  EXPECT_EQ(redactor.Text("registries"), "registries");
  EXPECT_EQ(redactor.Text(""), "");
}

TEST(Redactor, NamesTellWhatIsSecret) {
  google::protobuf::Struct all;
  for (const char* name : {"password", "db_password", "clientSecret", "api-key", "x-api-key", "Authorization",
                           "session_token", "secretAccessKey", "privateKey"}) {
    (*all.mutable_fields())[name].set_string_value("HUSH");
  }
  EXPECT_THAT(Shown(Redactor(), all), Not(HasSubstr("HUSH")));
  google::protobuf::Struct fine;
  for (const char* name : {"tokenFile", "token_endpoint", "token_url", "secretName", "secret_ref", "api_key_header",
                           "passwordRef", "name", "key", "secure"}) {
    (*fine.mutable_fields())[name].set_string_value("FINE");
  }
  EXPECT_THAT(Shown(Redactor(), fine), Not(HasSubstr("redacted")));
  gloov1::Settings settings;
  settings.mutable_consul()->set_token("HUSH");
  EXPECT_THAT(Shown(Redactor(), settings), Not(HasSubstr("HUSH")));
}

}  // namespace
}  // namespace k8sgw::admin
