// A port as its clients see it.
#include "src/rpc/port.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <gtest/gtest.h>

#include <chrono>

#include "grpcpp/generic/generic_stub.h"
#include "src/base/address.h"
#include "src/base/test_ipv6.h"
#include "src/base/test_wait.h"
#include "src/rpc/one_request.h"
#include "src/rpc/test_bomb.h"
#include "src/rpc/test_raw_client.h"

namespace k8sgw::rpc {
namespace {

// What is asked for here is what stands beside it.
class Bare final : public grpc::Service {
 public:
  Bare() {
    AddMethod(
        new grpc::internal::RpcServiceMethod("/bare.Service/Call", grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
    MarkMethodCallback(0,
                       new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                           [](grpc::CallbackServerContext* context, const grpc::ByteBuffer* in, grpc::ByteBuffer* out) {
                             grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
                             // gRPC calls with nothing when a call was ended before its request was there.
                             if (in->Valid()) *out = *in;
                             reactor->Finish(in->Valid() ? grpc::Status::OK : grpc::Status::CANCELLED);
                             return reactor;
                           }));
  }
};

// Never reads.
class Deaf final : public grpc::Service {
 public:
  Deaf() {
    AddMethod(
        new grpc::internal::RpcServiceMethod("/bare.Service/Call", grpc::internal::RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodCallback(0, new OneRequestHandler([](grpc::CallbackServerContext*) { return new Reactor; }));
  }

 private:
  struct Reactor final : grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
    void OnDone() override { delete this; }
  };
};

// Answers with the request, if that comes soon enough.
class Patient final : public grpc::Service {
 public:
  explicit Patient(std::chrono::milliseconds patience) {
    AddMethod(
        new grpc::internal::RpcServiceMethod("/bare.Service/Call", grpc::internal::RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodCallback(0, new OneRequestHandler([patience](grpc::CallbackServerContext*) {
                         const auto echo = [](OneRequest& its, grpc::ByteBuffer& request) { its.Answer(request); };
                         auto* call = new OneRequest(echo, patience);
                         call->Admit(grpc::Status::OK);
                         return call;
                       }));
  }
};

grpc::Status Call(int port, const std::string& method, const std::string& request, std::string* answer = nullptr) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto channel =
      grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), arguments);
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const grpc::Slice slice(request);
  grpc::ByteBuffer in(&slice, 1);
  grpc::ByteBuffer out;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(&context, method, in, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&out, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  grpc::Slice whole;
  if (answer && out.DumpToSingleSlice(&whole).ok()) {
    answer->assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
  }
  return status;
}

constexpr char kHealth[] = "/grpc.health.v1.Health/Check";
constexpr char kReflection[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
constexpr char kOlderReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
// HealthCheckResponse: status = 1.
const std::string kServing("\x08\x01", 2);
const std::string kNotServing("\x08\x02", 2);

TEST(Port, HealthSaysWhatItIsTold) {
  auto port = Port::Open({.address = "127.0.0.1:0"}, {});
  ASSERT_TRUE(port.ok()) << port.status();
  std::string answer;
  EXPECT_TRUE(Call((*port)->number(), kHealth, "", &answer).ok());
  EXPECT_EQ(answer, kNotServing);
  (*port)->SetServing(true);
  (*port)->SetServing(true, "one");
  EXPECT_TRUE(Call((*port)->number(), kHealth, "", &answer).ok());
  EXPECT_EQ(answer, kServing);
  EXPECT_TRUE(Call((*port)->number(), kHealth, std::string("\x0a\x03one", 5), &answer).ok());
  EXPECT_EQ(answer, kServing);
  EXPECT_EQ(Call((*port)->number(), kHealth, std::string("\x0a\x03two", 5)).error_code(), grpc::StatusCode::NOT_FOUND);
}

// A field of a message, shorter than 128 bytes.
std::string Field(int number, const std::string& value) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(value.size())} + value;
}

// gRPC's own answers under the older name are what is expected under the newer.
TEST(Port, ReflectionHasTwoNames) {
  Bare bare;
  auto port = Port::Open({.address = "127.0.0.1:0"}, {&bare});
  ASSERT_TRUE(port.ok()) << port.status();
  const auto ask = [&](const char* method, const std::string& request) {
    std::string answer;
    const grpc::Status status = Call((*port)->number(), method, request, &answer);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return answer;
  };
  const std::string host = Field(1, "gloo");
  const std::string file = "google/protobuf/descriptor.proto";
  const std::string options = "google.protobuf.FieldOptions";
  const std::string ours = ask(kReflection, Field(7, "*"));
  for (const char* name : {"bare.Service", "grpc.reflection.v1.ServerReflection", "v1alpha.ServerReflection"}) {
    EXPECT_NE(ours.find(name), std::string::npos) << name;
  }
  for (const std::string& request :
       {Field(7, "*"), host + Field(7, "*"), Field(3, file), host + Field(4, options + ".ctype"),
        Field(4, "grpc.reflection.v1alpha.ServerReflection"), Field(6, options)}) {
    EXPECT_EQ(ask(kReflection, request), ask(kOlderReflection, request)) << request;
  }
  // Of an error the words differ, and the code does not.
  for (const std::string& request : {Field(3, "none.proto"), Field(4, "no.Symbol"), Field(6, "no.Message"),
                                     Field(5, Field(1, options) + "\x10\x01"), std::string()}) {
    const auto code = [at = Field(2, request).size()](const std::string& answer) {
      return answer.size() < at + 4 ? answer : answer.substr(0, at + 1) + answer.substr(at + 2, 2);
    };
    EXPECT_EQ(code(ask(kReflection, request)), code(ask(kOlderReflection, request))) << request;
  }
  EXPECT_EQ(Call((*port)->number(), kReflection, "\xff").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// Also while calls are open: one that has asked nothing, one that reads no answers, and one whose client has gone in
// the middle of a request.
TEST(Port, EndsWithCallsOfReflection) {
  auto port = Port::Open({.address = "127.0.0.1:0"}, {});
  ASSERT_TRUE(port.ok()) << port.status();
  testing::RawClient silent((*port)->number());
  silent.Open(kReflection);
  testing::RawClient asks((*port)->number());
  const uint32_t call = asks.Open(kReflection);
  for (int i = 0; i < 50; ++i) asks.Send(call, testing::RawClient::Prefix(3) + "\x3a\x01*");
  {
    testing::RawClient leaves((*port)->number());
    leaves.Send(leaves.Open(kReflection), testing::RawClient::Prefix(100) + "\x3a");
  }
  EXPECT_TRUE(Call((*port)->number(), kReflection, Field(7, "*")).ok());
  (*port)->Shutdown();
  EXPECT_TRUE(asks.Ended(call, std::chrono::seconds(5)));
}

TEST(Port, CallsOfReflectionAreCounted) {
  const auto port = Port::Open({.address = "127.0.0.1:0"}, {});
  ASSERT_TRUE(port.ok()) << port.status();
  const auto code = [&] { return Call((*port)->number(), kReflection, Field(7, "*")).error_code(); };
  {
    testing::RawClient many((*port)->number());
    for (int i = 0; i < 16; ++i) many.Open(kReflection);
    EXPECT_TRUE(testing::Await([&] { return code() == grpc::StatusCode::RESOURCE_EXHAUSTED; }));
  }
  EXPECT_TRUE(testing::Await([&] { return code() == grpc::StatusCode::OK; }));
}

TEST(Port, OffersNothingElseWhenItShallNot) {
  // Also when another one of this process does.
  auto other = Port::Open({.address = "127.0.0.1:0"}, {});
  Bare bare;
  auto port = Port::Open({.address = "127.0.0.1:0", .max_request_bytes = 100, .describes_itself = false}, {&bare});
  ASSERT_TRUE(port.ok()) << port.status();
  (*port)->SetServing(true);
  std::string answer;
  EXPECT_TRUE(Call((*port)->number(), "/bare.Service/Call", "hello", &answer).ok());
  EXPECT_EQ(answer, "hello");
  EXPECT_EQ(Call((*port)->number(), "/bare.Service/Call", std::string(101, 'x')).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  for (const char* method : {kHealth, kReflection, kOlderReflection}) {
    EXPECT_EQ(Call((*port)->number(), method, "").error_code(), grpc::StatusCode::UNIMPLEMENTED) << method;
  }
}

TEST(Port, NothingIsUnpacked) {
  Bare bare;
  auto port = Port::Open({.address = "127.0.0.1:0"}, {&bare});
  ASSERT_TRUE(port.ok()) << port.status();
  testing::ExpectNothingIsUnpacked((*port)->number(), {"/bare.Service/Call", kHealth, kReflection, kOlderReflection});
}

TEST(Port, WhoCouldPackButDoesNotIsServed) {
  Bare bare;
  auto port = Port::Open({.address = "127.0.0.1:0"}, {&bare});
  ASSERT_TRUE(port.ok()) << port.status();
  const testing::RawClient::Headers all[] = {
      {}, {{"grpc-encoding", "identity"}}, {{"grpc-accept-encoding", "identity,deflate,gzip"}}};
  for (const testing::RawClient::Headers& headers : all) {
    testing::RawClient client((*port)->number());
    const uint32_t call = client.Open("/bare.Service/Call", headers);
    client.Send(call, testing::RawClient::Prefix(5) + "hello", true);
    EXPECT_EQ(client.Status(call), 0) << (headers.empty() ? "" : headers.front().first);
  }
}

TEST(Port, UnfinishedRequestsHaveABoundTogether) {
  Bare bare;
  auto port = Port::Open({.address = "127.0.0.1:0", .max_held_bytes = 16 << 20}, {&bare});
  ASSERT_TRUE(port.ok()) << port.status();
  const std::string part(8 << 20, 'x');
  for (const char* method : {"/bare.Service/Call", kHealth, kReflection}) {
    const testing::MemoryWatch memory;
    std::vector<std::unique_ptr<testing::RawClient>> clients;
    size_t sent = 0;
    int ended = 0;
    // Each says that a GiB comes: gRPC compares that with the largest size only when it is there.
    for (int i = 0; i < 20; ++i) {
      clients.push_back(std::make_unique<testing::RawClient>((*port)->number()));
      const uint32_t call = clients.back()->Open(method);
      clients.back()->Send(call, testing::RawClient::Prefix(1 << 30));
      sent += clients.back()->Send(call, part);
    }
    for (const auto& client : clients) ended += client->Ended(1, std::chrono::seconds(1));
    EXPECT_GT(sent, size_t{40} << 20) << "so much was to be refused";
    EXPECT_GE(ended, 16) << method;
    EXPECT_LT(memory.Grown(), (size_t{48} << 20)) << method;
  }
  EXPECT_TRUE(testing::Await([&] { return Call((*port)->number(), "/bare.Service/Call", "hello").ok(); }));
}

// Who is not read may send a window, however much memory there is.
TEST(Port, WhoIsNotReadSendsNoMoreThanAWindow) {
  Deaf deaf;
  auto port = Port::Open({.address = "127.0.0.1:0"}, {&deaf});
  ASSERT_TRUE(port.ok()) << port.status();
  testing::RawClient client((*port)->number());
  // gRPC would look how much goes through, and raise the windows of all calls.
  const uint32_t first = client.Open("/bare.Service/Call");
  const std::string part(16 << 20, 'x');
  size_t sent = client.Send(first, testing::RawClient::Prefix(1 << 30));
  sent += client.Send(first, part, false, std::chrono::milliseconds(500));
  EXPECT_LE(sent, 65535u);
  const uint32_t second = client.Open("/bare.Service/Call");
  EXPECT_LE(client.Send(second, part, false, std::chrono::milliseconds(500)), 65535u);
}

// Who might ask when a call was opened may not a long time after.
TEST(Port, ARequestThatComesTooLateIsNotAnswered) {
  for (const bool in_time : {true, false}) {
    Patient patient(in_time ? std::chrono::minutes(10) : std::chrono::minutes(0));
    auto port = Port::Open({.address = "127.0.0.1:0"}, {&patient});
    ASSERT_TRUE(port.ok()) << port.status();
    testing::RawClient client((*port)->number());
    const uint32_t call = client.Open("/bare.Service/Call");
    client.Send(call, testing::RawClient::Prefix(5) + "hello", true);
    EXPECT_EQ(client.Status(call), in_time ? 0 : 4);
  }
}

TEST(Port, IsSharedWithNobody) {
  auto port = Port::Open({.address = "127.0.0.1:0"}, {});
  ASSERT_TRUE(port.ok()) << port.status();
  const std::string address = "127.0.0.1:" + std::to_string((*port)->number());
  auto second = Port::Open({.address = address}, {});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(std::string(second.status().message()),
            "cannot listen on " + address + ": is the port in use by another process?");
  (*port)->Shutdown();
  (*port)->Shutdown();
  EXPECT_TRUE(Port::Open({.address = address}, {}).ok());
}

TEST(Port, AnAddressThatIsNoneIsAnError) {
  for (const char* address : {"", "here", "300.0.0.1:1"}) {
    EXPECT_FALSE(Port::Open({.address = address}, {}).ok()) << address;
  }
}

TEST(Port, AnyAddressIsOfBothFamilies) {
  if (!testing::HasIpv6()) GTEST_SKIP() << "this machine has no IPv6";
  Bare service;
  const auto port = Port::Open({.address = AnyAddress(0)}, {&service});
  ASSERT_TRUE(port.ok()) << port.status();
  EXPECT_TRUE(testing::Answers("127.0.0.1", (*port)->number()));
  EXPECT_TRUE(testing::Answers("::1", (*port)->number()));
}

TEST(Port, WithoutIpv6ItIsThatOfIpv4) {
  const bool ran = testing::RunWithoutIpv6([] {
    Bare service;
    const auto port = Port::Open({.address = AnyAddress(0)}, {&service});
    ASSERT_TRUE(port.ok()) << port.status();
    EXPECT_TRUE(testing::Answers("127.0.0.1", (*port)->number()));
  });
  if (!ran) GTEST_SKIP() << "no seccomp here";
}

}  // namespace
}  // namespace k8sgw::rpc
