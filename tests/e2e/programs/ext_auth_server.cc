// An authorization server for tests of whole processes, with gRPC.
//
//   ext_auth_server PORT [--tls CERTIFICATE KEY AUTHORITY]
//
// Serves envoy.service.auth.v3.Authorization on loopback; with --tls, clients must show a certificate of the authority.
// What it is told goes back in headers: to the upstream when it allows, to the client when it denies.
//
//   x-auth-context   the context extensions, "a=1,b=2"
//   x-auth-path      method and path of the request
//   x-auth-body      the body
//   x-auth-peer      the name in the certificate of the caller
//   x-auth-authority the host header of the call
//   x-auth-headers   the names of the headers of the request, "a,b"
//
// It denies requests with "x-deny: STATUS", waits as long as "x-delay: MS" says, and else calls the user "alice" in
// x-user-id; it takes x-secret from the request, and gives the client x-checked.
#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <thread>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/service/auth/v3/attribute_context.proto.h"
#include "envoy/service/auth/v3/external_auth.grpc.pb.h"
#include "envoy/service/auth/v3/external_auth.proto.h"
#include "envoy/type/v3/http_status.proto.h"

namespace {

using namespace envoy::service::auth::v3;  // NOLINT
using Headers = google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValueOption>;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Add(const std::string& name, const std::string& value, Headers* out) {
  auto& header = *out->Add()->mutable_header();
  header.set_key(name);
  header.set_value(value);
}

std::string Joined(const google::protobuf::Map<std::string, std::string>& map) {
  std::string text;
  for (const auto& [key, value] : std::map<std::string, std::string>(map.begin(), map.end())) {
    text += (text.empty() ? "" : ",") + key + "=" + value;
  }
  return text;
}

std::string Names(const google::protobuf::Map<std::string, std::string>& map) {
  std::string text;
  for (const auto& [key, value] : std::map<std::string, std::string>(map.begin(), map.end())) {
    text += (text.empty() ? "" : ",") + key;
  }
  return text;
}

class Server final : public Authorization::Service {
 public:
  grpc::Status Check(grpc::ServerContext* context, const CheckRequest* in, CheckResponse* out) override {
    const auto& attributes = in->attributes();
    const auto& http = attributes.request().http();
    const auto header = [&](const char* name) {
      const auto found = http.headers().find(name);
      return found == http.headers().end() ? std::string() : found->second;
    };
    if (const std::string delay = header("x-delay"); !delay.empty()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(std::stoi(delay)));
    }
    const auto tell = [&](Headers* headers) {
      Add("x-auth-context", Joined(attributes.context_extensions()), headers);
      Add("x-auth-path", http.method() + " " + http.path(), headers);
      Add("x-auth-body", http.raw_body().empty() ? http.body() : "raw:" + http.raw_body(), headers);
      std::string peer;
      for (const auto& name : context->auth_context()->FindPropertyValues("x509_common_name")) {
        peer += std::string(name.data(), name.size());
      }
      Add("x-auth-peer", peer, headers);
      const grpc::string_ref authority = context->ExperimentalGetAuthority();
      Add("x-auth-authority", std::string(authority.data(), authority.size()), headers);
      Add("x-auth-headers", Names(http.headers()), headers);
    };
    if (const std::string status = header("x-deny"); !status.empty()) {
      out->mutable_status()->set_code(grpc::StatusCode::PERMISSION_DENIED);
      auto& denied = *out->mutable_denied_response();
      denied.mutable_status()->set_code(static_cast<envoy::type::v3::StatusCode>(std::stoi(status)));
      denied.set_body("denied by the server");
      tell(denied.mutable_headers());
      return grpc::Status::OK;
    }
    auto& allowed = *out->mutable_ok_response();
    tell(allowed.mutable_headers());
    Add("x-user-id", "alice", allowed.mutable_headers());
    allowed.add_headers_to_remove("x-secret");
    Add("x-checked", "yes", allowed.mutable_response_headers_to_add());
    return grpc::Status::OK;
  }
};

std::shared_ptr<grpc::ServerCredentials> Credentials(int argc, char** argv) {
  if (argc < 6 || std::string(argv[2]) != "--tls") return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_key_cert_pairs.push_back({ReadFile(argv[4]), ReadFile(argv[3])});
  options.pem_root_certs = ReadFile(argv[5]);
  return grpc::SslServerCredentials(options);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  Server service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:" + std::string(argv[1]), Credentials(argc, argv), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (!server || port == 0) return 1;
  std::cout << "ready on port " << port << std::endl;
  server->Wait();
}
