// A client of the service that shows Proxies, for tests of whole processes.
//
//   proxies_client HOST:PORT [NAMESPACE [NAME [EXPRESSION]]]
//
// Prints the answer as text, or "failed: CODE MESSAGE" and exits with 1. "-" stands for nothing. Shows what
// AUTHORIZATION says, if it is set.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "api/gloo/grpc/debug.grpc.pb.h"
#include "api/gloo/v1/proxy.proto.h"

int main(int argc, char** argv) {
  const auto word = [&](int at) { return argc > at && std::string(argv[at]) != "-" ? std::string(argv[at]) : ""; };
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  const auto stub = gloo::solo::io::ProxyEndpointService::NewStub(
      grpc::CreateCustomChannel(word(1), grpc::InsecureChannelCredentials(), arguments));
  gloo::solo::io::ProxyEndpointRequest request;
  request.set_namespace_(word(2));
  request.set_name(word(3));
  request.set_expression_selector(word(4));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  if (const char* authorization = std::getenv("AUTHORIZATION")) context.AddMetadata("authorization", authorization);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  gloo::solo::io::ProxyEndpointResponse response;
  const grpc::Status status = stub->GetProxies(&context, request, &response);
  if (!status.ok()) {
    std::cout << "failed: " << status.error_code() << " " << status.error_message() << std::endl;
    return 1;
  }
  std::cout << response.DebugString() << std::flush;
  return 0;
}
