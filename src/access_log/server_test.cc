#include "src/access_log/server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <sstream>
#include <thread>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/data/accesslog/v3/accesslog.proto.h"
#include "envoy/service/accesslog/v3/als.grpc.pb.h"
#include "envoy/service/accesslog/v3/als.proto.h"
#include "src/access_log/metrics_port.h"
#include "src/base/test_folder.h"
#include "src/base/test_wait.h"
#include "src/rpc/test_bomb.h"
#include "src/rpc/test_raw_client.h"

namespace k8sgw::access_log {
namespace {

namespace alsv3 = ::envoy::service::accesslog::v3;
using ::k8sgw::testing::TestFolder;
using ::testing::HasSubstr;

constexpr size_t kBound = 1 << 20;

class ServerTest : public ::testing::Test {
 protected:
  // As in the program: who reads the pipe may be gone before a write that is stuck in it.
  ServerTest() { signal(SIGPIPE, SIG_IGN); }
  void Start(const std::string& path) {
    sink_ =
        std::make_unique<Sink>(OutputOptions{path, int64_t{1} << 40, 1}, kBound, [this](bool, const std::string& what) {
          std::lock_guard<std::mutex> lock(mutex_);
          said_ += what + "\n";
        });
    auto server = Server::Start({.address = "127.0.0.1:0"}, *sink_, metrics_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->port()), grpc::InsecureChannelCredentials());
    stub_ = alsv3::AccessLogService::NewStub(channel_);
  }
  void Stop() {
    server_->Shutdown();
    sink_->Close();
  }
  std::string Lines(const std::string& path) const {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
  }
  static alsv3::StreamAccessLogsMessage Message(int number, int entries, size_t padding = 0) {
    alsv3::StreamAccessLogsMessage message;
    for (int i = 0; i < entries; ++i) {
      auto& request = *message.mutable_http_logs()->add_log_entry()->mutable_request();
      request.set_path("/" + std::to_string(number) + "/" + std::to_string(i) + "/");
      request.set_user_agent(std::string(padding, 'x'));
    }
    return message;
  }
  // Sends so many messages of one stream; only the first one says who sends them.
  grpc::Status Send(const std::string& log, int messages, int entries, size_t padding = 0) {
    grpc::ClientContext context;
    alsv3::StreamAccessLogsResponse response;
    const auto stream = stub_->StreamAccessLogs(&context, &response);
    for (int i = 0; i < messages; ++i) {
      alsv3::StreamAccessLogsMessage message = Message(i, entries, padding);
      if (i == 0) message.mutable_identifier()->set_log_name(log);
      if (!stream->Write(message)) break;
      ++sent_;
    }
    stream->WritesDone();
    return stream->Finish();
  }

  // What gRPC health says of a service: 1 is SERVING, 2 is NOT_SERVING, 0 is that it does not know it.
  int Health(const std::string& service) {
    std::string request = {'\n', static_cast<char>(service.size())};
    request += service;
    const grpc::Slice slice(request);
    const grpc::ByteBuffer buffer(&slice, 1);
    grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(channel_);
    grpc::ClientContext context;
    grpc::ByteBuffer answer;
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &buffer, &answer,
                   [&](grpc::Status its) { done.set_value(std::move(its)); });
    const grpc::Status status = done.get_future().get();
    grpc::Slice bytes;
    if (!status.ok() || !answer.TrySingleSlice(&bytes).ok() || bytes.size() != 2) return 0;
    return bytes.begin()[1];
  }

  TestFolder folder_;
  std::mutex mutex_;
  std::string said_;
  Metrics metrics_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<alsv3::AccessLogService::Stub> stub_;
  std::atomic<int> sent_{0};
};

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

TEST_F(ServerTest, AStreamIsReadToItsEndAndEachLineKnowsItsSender) {
  const std::string path = folder_ / "log";
  Start(path);
  std::vector<std::thread> threads;
  for (const char* name : {"one", "two", "three"})
    threads.emplace_back([this, name] { EXPECT_TRUE(Send(name, 100, 7).ok()); });
  for (std::thread& thread : threads) thread.join();
  Stop();
  const std::string lines = Lines(path);
  for (const std::string name : {"one", "two", "three"}) {
    EXPECT_EQ(Count(lines, R"("msg":"received http request","logger_name":")" + name + "\""), 700u);
    EXPECT_EQ(Count(lines, R"("msg":"access log stream begins","logger_name":")" + name + "\""), 1u);
  }
  EXPECT_EQ(Count(lines, R"("request_path":"/99/6/")"), 3u);
  EXPECT_EQ(sink_->stats().written_entries, 2100u);
  EXPECT_EQ(sink_->stats().queued_bytes, 0u);
}

// A pipe that nobody reads is the slowest of disks.
TEST_F(ServerTest, ASlowReaderStopsTheStreamsAndLosesNothing) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDWR | O_NONBLOCK);
  Start(path);
  constexpr int kMessages = 600;
  std::thread client([this] { EXPECT_TRUE(Send("slow", kMessages, 4, 16 << 10).ok()); });
  // 38 MiB are on their way, and come to a halt.
  EXPECT_TRUE(testing::Await([this] { return sink_->stats().waiting > 0; })) << "nobody waits";
  const int stuck = sent_;
  EXPECT_LT(stuck, kMessages / 2);
  EXPECT_LT(sink_->stats().queued_bytes, kBound + (256 << 10));
  std::string lines;
  std::vector<char> buffer(1 << 20);
  std::atomic<bool> over{false};
  std::thread reading([&] {
    while (!over) {
      const ssize_t n = read(reader, buffer.data(), buffer.size());
      if (n > 0) lines.append(buffer.data(), static_cast<size_t>(n));
    }
    for (ssize_t n; (n = read(reader, buffer.data(), buffer.size())) > 0;)
      lines.append(buffer.data(), static_cast<size_t>(n));
  });
  client.join();
  Stop();
  over = true;
  reading.join();
  close(reader);
  EXPECT_EQ(Count(lines, "received http request"), size_t{4 * kMessages});
  EXPECT_EQ(sink_->stats().lost_entries, 0u);
}

// Nobody reads the pipe, and nobody will.
TEST_F(ServerTest, StreamsThatWaitGoOnWhenTheSinkIsGivenUpAndAllOfThemIsCounted) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDWR | O_NONBLOCK);
  Start(path);
  constexpr int kMessages = 600;
  std::thread client([this] { EXPECT_TRUE(Send("slow", kMessages, 4, 16 << 10).ok()); });
  EXPECT_TRUE(testing::Await([this] { return sink_->stats().waiting > 0; })) << "nobody waits";
  sink_->GiveUp();
  client.join();
  EXPECT_TRUE(testing::Await([this] { return server_->streams() == 0; }));
  Stop();
  close(reader);
  EXPECT_EQ(sink_->stats().written_entries + sink_->stats().lost_entries, uint64_t{4 * kMessages});
  EXPECT_GT(sink_->stats().given_up_entries, 0u);
}

TEST_F(ServerTest, AnEndThatStreamsKeepGoesOnWhenTheSinkIsGivenUp) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDWR | O_NONBLOCK);
  Start(path);
  std::thread client([this] { EXPECT_FALSE(Send("slow", 600, 4, 16 << 10).ok()); });
  EXPECT_TRUE(testing::Await([this] { return sink_->stats().waiting > 0; })) << "nobody waits";
  const std::future<void> ended = std::async(std::launch::async, [this] { server_->Shutdown(); });
  EXPECT_EQ(ended.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout) << "a stream has its message";
  sink_->GiveUp();
  ended.wait();
  client.join();
  Stop();
  close(reader);
  EXPECT_EQ(server_->streams(), 0u);
}

TEST_F(ServerTest, WhoSendsIsSaidOnceForAStream) {
  const std::string path = folder_ / "log";
  Start(path);
  grpc::ClientContext context;
  alsv3::StreamAccessLogsResponse response;
  const auto stream = stub_->StreamAccessLogs(&context, &response);
  for (const char* name : {"first", "second", "third"}) {
    alsv3::StreamAccessLogsMessage message = Message(1, 1);
    message.mutable_identifier()->set_log_name(name);
    EXPECT_TRUE(stream->Write(message));
  }
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  Stop();
  EXPECT_EQ(Count(Lines(path), R"("msg":"access log stream begins","logger_name":"first")"), 1u);
  EXPECT_EQ(Count(Lines(path), "access log stream begins"), 1u);
  EXPECT_EQ(Count(Lines(path), R"("msg":"received http request","logger_name":"first")"), 3u);
}

// Nobody reads the pipe, and messages have nothing but who sends them.
TEST_F(ServerTest, ASlowReaderStopsAlsoStreamsThatOnlySayWhoSends) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDWR | O_NONBLOCK);
  Start(path);
  alsv3::StreamAccessLogsMessage message;
  message.mutable_identifier()->set_log_name("log");
  auto& fields = *message.mutable_identifier()->mutable_node()->mutable_metadata()->mutable_fields();
  struct Call {
    grpc::ClientContext context;
    alsv3::StreamAccessLogsResponse response;
    std::unique_ptr<grpc::ClientWriter<alsv3::StreamAccessLogsMessage>> stream;
  };
  std::vector<std::unique_ptr<Call>> calls;
  // 15 KiB in each of 200, which is more than may wait, and then 3 MiB again and again in one of them.
  for (int i = 0; i < 200; ++i) {
    calls.push_back(std::make_unique<Call>());
    calls.back()->stream = stub_->StreamAccessLogs(&calls.back()->context, &calls.back()->response);
    fields["text"].set_string_value(std::string(15 << 10, 'x'));
    EXPECT_TRUE(calls.back()->stream->Write(message));
    // The first one finds room.
    const auto has_come = [this] { return sink_->stats().queued_bytes + sink_->stats().written_bytes > 0; };
    EXPECT_TRUE(testing::Await(has_come));
  }
  EXPECT_TRUE(testing::Await([this] { return sink_->stats().waiting > 0; })) << "nobody waits";
  fields["text"].set_string_value(std::string(3 << 20, 'x'));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(calls.front()->stream->Write(message));
  calls.front()->stream->WritesDone();
  EXPECT_TRUE(calls.front()->stream->Finish().ok()) << "it was written long since";
  EXPECT_LT(sink_->stats().queued_bytes, kBound + (128 << 10));
  for (const auto& call : calls) call->context.TryCancel();
  std::vector<char> buffer(1 << 20);
  std::atomic<bool> over{false};
  std::thread reading([&] {
    while (!over) static_cast<void>(read(reader, buffer.data(), buffer.size()));
  });
  Stop();
  over = true;
  reading.join();
  close(reader);
}

// Of messages that take ten times as much in memory as on their way, and become one line.
TEST_F(ServerTest, WhatWaitsHasABoundOfAllStreamsTogether) {
  const std::string path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const int reader = open(path.c_str(), O_RDWR | O_NONBLOCK);
  Start(path);
  std::thread slow([this] { EXPECT_TRUE(Send("slow", 100, 4, 16 << 10).ok()); });
  EXPECT_TRUE(testing::Await([this] { return sink_->stats().waiting > 0; })) << "nobody waits";
  const std::string large = [] {
    alsv3::StreamAccessLogsMessage message;
    auto& metadata = *message.mutable_http_logs()->add_log_entry()->mutable_common_properties()->mutable_metadata();
    auto& values = *(*(*metadata.mutable_filter_metadata())["a"].mutable_fields())["b"].mutable_list_value();
    for (int i = 0; i < 900'000; ++i) values.add_values()->set_null_value(google::protobuf::NULL_VALUE);
    return message.SerializeAsString();
  }();
  const testing::MemoryWatch memory;
  std::vector<std::unique_ptr<testing::RawClient>> clients;
  uint64_t refused = 0;
  for (uint64_t i = 1; i <= 14; ++i) {
    clients.push_back(std::make_unique<testing::RawClient>(server_->port()));
    testing::RawClient& client = *clients.back();
    const uint32_t call = client.Open("/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs");
    client.Send(call, testing::RawClient::Prefix(large.size()) + large);
    bool ended = false;
    EXPECT_TRUE(testing::Await([&] {
      ended = client.Ended(call, std::chrono::milliseconds(1));
      return ended || sink_->stats().waiting == 1 + i - refused;
    }));
    if (!ended) continue;
    EXPECT_EQ(client.Status(call), 8);
    ++refused;
  }
  EXPECT_GE(refused, 4u);
  EXPECT_LT(refused, 12u);
  EXPECT_EQ(sink_->stats().lost_entries, refused);
  EXPECT_LT(memory.Grown(), (size_t{550} << 20)) << "14 of them take 700 MiB";
  clients.clear();
  std::vector<char> buffer(1 << 20);
  std::atomic<bool> over{false};
  std::thread reading([&] {
    while (!over) static_cast<void>(read(reader, buffer.data(), buffer.size()));
  });
  slow.join();
  Stop();
  over = true;
  reading.join();
  close(reader);
}

TEST_F(ServerTest, AFullDiskIsSaidAndCounted) {
  Start("/dev/full");
  EXPECT_TRUE(Send("log", 10, 5).ok());
  Stop();
  EXPECT_EQ(sink_->stats().lost_entries, 50u);
  EXPECT_EQ(sink_->stats().written_entries, 0u);
  EXPECT_THAT(said_, HasSubstr("/dev/full cannot be written: No space left on device"));
}

TEST_F(ServerTest, AStreamWithoutAnythingIsNoHarm) {
  Start(folder_ / "log");
  EXPECT_TRUE(Send("log", 0, 0).ok());
  EXPECT_TRUE(Send("log", 3, 0).ok());
  grpc::ClientContext context;
  alsv3::StreamAccessLogsResponse response;
  const auto stream = stub_->StreamAccessLogs(&context, &response);
  // Entries before anybody said who sends them.
  EXPECT_TRUE(stream->Write(Message(1, 1)));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  Stop();
  EXPECT_EQ(sink_->stats().written_entries, 1u);
  EXPECT_EQ(server_->streams(), 0u);
}

TEST_F(ServerTest, NothingIsUnpacked) {
  Start(folder_ / "log");
  testing::ExpectNothingIsUnpacked(server_->port(), {"/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"});
  EXPECT_TRUE(Send("log", 1, 1).ok());
}

TEST_F(ServerTest, AMessageThatIsTooLargeEndsOnlyItsStream) {
  Start(folder_ / "log");
  EXPECT_EQ(Send("log", 1, 1, 5 << 20).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Send("log", 1, 1).ok());
}

TEST_F(ServerTest, AClientThatBreaksOffLeavesWhatItSent) {
  Start(folder_ / "log");
  {
    grpc::ClientContext context;
    alsv3::StreamAccessLogsResponse response;
    const auto stream = stub_->StreamAccessLogs(&context, &response);
    EXPECT_TRUE(stream->Write(Message(1, 3)));
    EXPECT_TRUE(testing::Await([this] { return sink_->stats().written_entries == 3; }));
    context.TryCancel();
    EXPECT_FALSE(stream->Finish().ok());
  }
  EXPECT_TRUE(testing::Await([this] { return server_->streams() == 0; }));
}

TEST_F(ServerTest, HealthKnowsThePublishedName) {
  Start(folder_ / "log");
  EXPECT_EQ(Health(""), 1);
  EXPECT_EQ(Health("AccessLog"), 1);
  EXPECT_EQ(Health("another"), 0);
  server_->StopServing();
  EXPECT_EQ(Health(""), 2);
  EXPECT_EQ(Health("AccessLog"), 2);
}

TEST(MetricsPortTest, APortThatIsTakenIsSaid) {
  const auto first = MetricsPort::Open(0, [] { return std::string("text"); });
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = MetricsPort::Open((*first)->port(), [] { return std::string(); });
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("for metrics"));
}

}  // namespace
}  // namespace k8sgw::access_log
