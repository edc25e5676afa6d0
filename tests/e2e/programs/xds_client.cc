// A client of xDS for tests of whole processes: one request, and what comes.
//
//   xds_client HOST:PORT METHOD ROLE TYPE [--token FILE]... [--header VALUE]... [--hold] [--refuse WORDS]
//
// METHOD is any of the services', in full, such as
// /envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources; a TYPE is the end of its URL, such
// as envoy.config.cluster.v3.Cluster. Each --token adds an authorization header with the token in a file, --header one
// with this value. Prints "got N resources, B bytes" for the first response, and a line for each name; with --hold it
// waits until the stream ends; so it does with --refuse, after it has refused that response. Ends with 0, or prints
// "failed: CODE: message" and ends with 1.
#include <google/protobuf/struct.pb.h>
#include <google/rpc/status.proto.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/service/discovery/v3/discovery.proto.h"

namespace {

using namespace envoy::service::discovery::v3;  // NOLINT

constexpr std::chrono::seconds kPatience(60);

struct Asked {
  std::string method;
  std::string role;
  std::string type;
  std::vector<std::string> headers;
  bool hold = false;
  // What is said against the first response; "" for nothing.
  std::string refuse;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class Response>
void Print(const Response& response) {
  const bool has_key = response.SerializeAsString().find("PRIVATE KEY") != std::string::npos;
  std::cout << "got " << response.resources_size() << " resources" << (has_key ? " with a private key" : "")
            << std::endl;
}

// A call of one message is a stream that ends after it, on the wire.
template <class Request, class Response>
int Ask(const std::shared_ptr<grpc::Channel>& channel, const Asked& asked) {
  Request request;
  request.mutable_node()->set_id("xds-client");
  (*request.mutable_node()->mutable_metadata()->mutable_fields())["role"].set_string_value(asked.role);
  request.set_type_url("type.googleapis.com/" + asked.type);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  for (const std::string& header : asked.headers) context.AddMetadata("authorization", header);
  grpc::TemplatedGenericStub<Request, Response> stub(channel);
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(&context, asked.method, &queue);
  call->StartCall(nullptr);
  next();
  const bool is_unary = asked.method.find("/Fetch") != std::string::npos;
  if (is_unary) {
    call->WriteLast(request, {}, nullptr);
  } else {
    call->Write(request, nullptr);
  }
  next();
  Response response;
  call->Read(&response, nullptr);
  if (next()) {
    Print(response);
    if (!is_unary && !asked.refuse.empty()) {
      request.set_response_nonce(response.nonce());
      request.mutable_error_detail()->set_code(grpc::INVALID_ARGUMENT);
      request.mutable_error_detail()->set_message(asked.refuse);
      call->Write(request, nullptr);
      next();
    } else if (!is_unary && !asked.hold) {
      return 0;
    }
    do {
      call->Read(&response, nullptr);
    } while (next());
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  next();
  if (status.ok()) return 0;
  std::cout << "failed: " << status.error_code() << ": " << status.error_message() << std::endl;
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() < 4) {
    std::cerr << "say HOST:PORT METHOD ROLE TYPE\n";
    return 2;
  }
  Asked asked{words[1], words[2], words[3], {}, false, ""};
  for (size_t i = 4; i < words.size(); ++i) {
    if (words[i] == "--hold") {
      asked.hold = true;
    } else if (i + 1 < words.size() && words[i] == "--token") {
      asked.headers.push_back("Bearer " + ReadFile(words[++i]));
    } else if (i + 1 < words.size() && words[i] == "--refuse") {
      asked.refuse = words[++i];
    } else if (i + 1 < words.size() && words[i] == "--header") {
      asked.headers.push_back(words[++i]);
    } else {
      std::cerr << "cannot " << words[i] << "\n";
      return 2;
    }
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  const auto channel = grpc::CreateCustomChannel(words[0], grpc::InsecureChannelCredentials(), arguments);
  if (asked.method.find("/Delta") != std::string::npos) {
    return Ask<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(channel, asked);
  }
  return Ask<DiscoveryRequest, DiscoveryResponse>(channel, asked);
}
