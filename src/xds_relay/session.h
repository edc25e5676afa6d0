// One ADS stream of an Envoy, and the streams to whoever answers it. Internal to relay.cc.
//
// Threads: the one of the call, which sends what the Envoy says; one that reads from the Envoy; one that hands answers
// to it; while it is served from memory, one that looks for the control plane.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "envoy/service/discovery/v3/ads.grpc.pb.h"
#include "src/xds_relay/recorder.h"

namespace k8sgw::xds_relay {

// What sessions share.
class SessionHost {
 public:
  using Stub = envoy::service::discovery::v3::AggregatedDiscoveryService::Stub;

  virtual ~SessionHost() = default;
  virtual Memory& memory() = 0;
  virtual Stub& upstream() = 0;
  // The server of what is kept, for this role; nullptr when it cannot be had.
  virtual Stub* FromMemory(const std::string& role) = 0;
  // Whether the Envoy was ever given something; it ends with us, so it still has that.
  virtual bool IsServed() const = 0;
  virtual void SetServed() = 0;
  virtual std::chrono::milliseconds patience() const = 0;
  virtual void Log(const std::string& what, bool is_error) = 0;
};

inline auto OpenStream(SessionHost::Stub& stub, grpc::ClientContext* context, const dsv3::DeltaDiscoveryRequest*) {
  return stub.DeltaAggregatedResources(context);
}
inline auto OpenStream(SessionHost::Stub& stub, grpc::ClientContext* context, const dsv3::DiscoveryRequest*) {
  return stub.StreamAggregatedResources(context);
}

// What is served from memory says so where Envoy's metrics show it: `cluster_manager.cds.version` is the hash of this.
// Only delta responses do, whose version is for the eye alone; that of the others comes back as what the Envoy has.
inline void MarkKept(dsv3::DeltaDiscoveryResponse& response) { response.set_system_version_info("kept"); }
inline void MarkKept(dsv3::DiscoveryResponse&) {}

template <class Request, class Response>
class Session {
 public:
  using Down = grpc::ServerReaderWriter<Response, Request>;
  using Up = grpc::ClientReaderWriter<Request, Response>;

  Session(SessionHost& host, grpc::ServerContext& context, Down& down)
      : host_(host), context_(context), down_(down), recorder_(host.memory(), !host.IsServed()) {}

  void Run() {
    std::thread reader([this] { ReadDown(); });
    const grpc::Status status = Serve();
    if (!status.ok() && status.error_code() != grpc::StatusCode::CANCELLED) Tell(status);
    // The reader would wait for the Envoy, which waits for us.
    context_.TryCancel();
    reader.join();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::time_point kNever = Clock::time_point::max();
  static constexpr std::chrono::milliseconds kRetry{250};
  static constexpr std::chrono::milliseconds kProbe{1000};
  static constexpr std::chrono::seconds kProbePatience{5};

  // A stream to whoever answers.
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<Up> stream;
    std::thread pump;
    bool answered = false;
    bool ended = false;
  };

  void ReadDown() {
    Request request;
    while (down_.Read(&request)) {
      std::lock_guard<std::mutex> lock(mutex_);
      inbox_.push_back(std::move(request));
      changed_.notify_all();
    }
    std::lock_guard<std::mutex> lock(mutex_);
    gone_ = true;
    changed_.notify_all();
  }

  grpc::Status Serve() {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return gone_ || !inbox_.empty(); });
      if (gone_) return grpc::Status::OK;
      first_ = inbox_.front();
    }
    const bool may_fall_back = !host_.IsServed() && host_.memory().Knows(OwnerOf(first_.node()));
    const auto deadline = Clock::now() + host_.patience();
    while (true) {
      bool answered = false;
      const grpc::Status status = Talk(host_.upstream(), true, may_fall_back ? deadline : kNever, &answered);
      if (IsGone()) return grpc::Status::OK;
      if (answered || !may_fall_back) return status;
      if (Clock::now() >= deadline) return ServeFromMemory(status);
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait_for(lock, kRetry, [this] { return gone_; });
    }
  }

  grpc::Status ServeFromMemory(const grpc::Status& why) {
    SessionHost::Stub* stub = host_.FromMemory(RoleOf(first_.node()));
    if (!stub) return why;
    host_.Log("the control plane cannot be had (" + why.error_message() + "): Envoy is served what it had last", false);
    std::thread prober([this] { Probe(); });
    bool answered = false;
    const grpc::Status status = Talk(*stub, false, kNever, &answered);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
      if (probe_) probe_->TryCancel();
      changed_.notify_all();
    }
    prober.join();
    if (back_) host_.Log("the control plane answers again: Envoy goes over to it", false);
    return status;
  }

  // Passes on what both say until one ends, the control plane is back, or nothing came until `until`.
  grpc::Status Talk(SessionHost::Stub& stub, bool record, Clock::time_point until, bool* answered) {
    Call call;
    PassHeadersOn(call.context);
    call.stream = OpenStream(stub, &call.context, static_cast<const Request*>(nullptr));
    // What was said to one who did not answer is said to the next.
    size_t next = 0;
    call.pump = std::thread([&] { Pump(call, record); });
    std::unique_lock<std::mutex> lock(mutex_);
    while (!gone_ && !call.ended && !back_) {
      for (Request& request : inbox_) said_.push_back(std::move(request));
      inbox_.clear();
      if (call.answered) {
        // Nobody else will need what was said.
        until = kNever;
      }
      if (Clock::now() >= until) break;
      if (next < said_.size()) {
        const Request request = said_[next++];
        if (record) recorder_.OnRequest(request);
        lock.unlock();
        call.stream->Write(request);
        lock.lock();
        if (call.answered && next == said_.size()) {
          said_.clear();
          next = 0;
        }
        continue;
      }
      const bool waits = until != kNever;
      const auto wake = [&] { return gone_ || call.ended || back_ || !inbox_.empty() || (waits && call.answered); };
      waits ? void(changed_.wait_until(lock, until, wake)) : changed_.wait(lock, wake);
    }
    *answered = call.answered;
    lock.unlock();
    call.context.TryCancel();
    call.pump.join();
    return call.stream->Finish();
  }

  void Pump(Call& call, bool record) {
    Response response;
    while (call.stream->Read(&response)) {
      if (!record) MarkKept(response);
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (record) recorder_.OnResponse(response);
        call.answered = true;
        host_.SetServed();
        changed_.notify_all();
      }
      if (!down_.Write(response)) break;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    call.ended = true;
    changed_.notify_all();
  }

  // Asks the control plane what the Envoy asks first, until it answers.
  void Probe() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!done_) {
      grpc::ClientContext context;
      PassHeadersOn(context);
      context.set_deadline(std::chrono::system_clock::now() + kProbePatience);
      probe_ = &context;
      lock.unlock();
      Response response;
      bool answers = false;
      {
        auto stream = OpenStream(host_.upstream(), &context, static_cast<const Request*>(nullptr));
        answers = stream->Write(first_) && stream->Read(&response);
        context.TryCancel();
        stream->Finish();
      }
      lock.lock();
      probe_ = nullptr;
      if (answers) {
        back_ = true;
        changed_.notify_all();
        return;
      }
      changed_.wait_for(lock, kProbe, [this] { return done_; });
    }
  }

  void PassHeadersOn(grpc::ClientContext& to) const {
    const auto range = context_.client_metadata().equal_range("authorization");
    for (auto it = range.first; it != range.second; ++it) {
      to.AddMetadata("authorization", std::string(it->second.data(), it->second.size()));
    }
  }

  void Tell(const grpc::Status& status) {
    host_.Log("the control plane: " + std::to_string(status.error_code()) + ", " + status.error_message(), true);
  }

  bool IsGone() {
    std::lock_guard<std::mutex> lock(mutex_);
    return gone_;
  }

  SessionHost& host_;
  grpc::ServerContext& context_;
  Down& down_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Recorder recorder_;           // these are guarded by mutex_
  std::vector<Request> inbox_;  // from the Envoy, and not passed on yet
  std::vector<Request> said_;   // what it said as long as nobody answered
  bool gone_ = false;
  bool back_ = false;
  bool done_ = false;
  grpc::ClientContext* probe_ = nullptr;
  // Set before there are other threads that look at it.
  Request first_;
};

}  // namespace k8sgw::xds_relay
