// A client of GlooValidationService for tests of whole processes: asks once, or listens, and prints what comes.
//
//   validation_client HOST:PORT validate            the response as text, one line
//   validation_client HOST:PORT delete NS NAME      the same, with this Upstream gone
//   validation_client HOST:PORT grow BYTES          the same, with an Upstream so large
//   validation_client HOST:PORT send REQUEST        the same, with a request in protobuf's text format
//   validation_client HOST:PORT listen              "resync" for each notification, until the stream ends
//   validation_client HOST:PORT call METHOD         any method, with an empty message
//
// Each call shows what AUTHORIZATION says, if it is set. Ends with 0, or prints "failed: CODE: message" and ends
// with 1.
#include <google/protobuf/text_format.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <future>
#include <iostream>
#include <string>
#include <vector>

#include "api/core/v1/metadata.proto.h"
#include "api/core/v1/ref.proto.h"
#include "api/gloo/grpc/validation.grpc.pb.h"
#include "api/gloo/grpc/validation.proto.h"
#include "api/gloo/v1/upstream.proto.h"

namespace {

using namespace gloo::solo::io;  // NOLINT

int Report(const grpc::Status& status) {
  if (status.ok()) return 0;
  std::cout << "failed: " << status.error_code() << ": " << status.error_message() << std::endl;
  return 1;
}

void Authorize(grpc::ClientContext& context) {
  if (const char* authorization = std::getenv("AUTHORIZATION")) context.AddMetadata("authorization", authorization);
}

int Validate(GlooValidationService::Stub& stub, const GlooValidationServiceRequest& request) {
  grpc::ClientContext context;
  Authorize(context);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  GlooValidationServiceResponse response;
  const grpc::Status status = stub.Validate(&context, request, &response);
  if (status.ok()) std::cout << response.ShortDebugString() << std::endl;
  return Report(status);
}

int Listen(GlooValidationService::Stub& stub) {
  grpc::ClientContext context;
  Authorize(context);
  const auto stream = stub.NotifyOnResync(&context, {});
  NotifyOnResyncResponse message;
  while (stream->Read(&message)) std::cout << "resync" << std::endl;
  return Report(stream->Finish());
}

int CallAny(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) {
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(channel);
  grpc::ClientContext context;
  Authorize(context);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  const grpc::Slice empty("");
  const grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer answer;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, method, {}, &request, &answer,
                 [&](grpc::Status status) { done.set_value(std::move(status)); });
  return Report(done.get_future().get());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::string what = words.size() > 1 ? words[1] : "";
  if (words.size() < 2) {
    std::cerr << "say HOST:PORT and what to do\n";
    return 2;
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  const auto channel = grpc::CreateCustomChannel(words[0], grpc::InsecureChannelCredentials(), arguments);
  const auto stub = GlooValidationService::NewStub(channel);
  GlooValidationServiceRequest request;
  if (what == "listen") return Listen(*stub);
  if (what == "call" && words.size() == 3) return CallAny(channel, words[2]);
  if (what == "delete" && words.size() == 4) {
    auto& ref = *request.mutable_deleted_resources()->add_upstream_refs();
    ref.set_namespace_(words[2]);
    ref.set_name(words[3]);
  } else if (what == "grow" && words.size() == 3) {
    auto& metadata = *request.mutable_modified_resources()->add_upstreams()->mutable_metadata();
    metadata.set_name("large");
    metadata.set_namespace_("gloo-system");
    (*metadata.mutable_annotations())["text"] = std::string(std::stoul(words[2]), 'x');
  } else if (what == "send" && words.size() == 3) {
    if (!google::protobuf::TextFormat::ParseFromString(words[2], &request)) return 2;
  } else if (what != "validate") {
    std::cerr << "cannot " << what << "\n";
    return 2;
  }
  return Validate(*stub, request);
}
