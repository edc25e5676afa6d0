// Stands in front of a service that everybody of one right may use: it is asked about each call, and whoever lacks the
// right gets nothing but the reason.
//
// Callers of this pod pass: who gets there from outside was let in by the API server, as `kubectl port-forward` is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "src/xds/authenticator.h"

namespace k8sgw::xds {

class Gate {
 public:
  struct Options {
    // Outlives the gate. nullptr: everybody passes.
    Authenticator* authenticator = nullptr;
    // Told of everybody who does not pass, on any thread. May be empty.
    std::function<void(const Refusal& refusal)> on_refusal{};
    // Whether callers of this pod pass unasked.
    bool spares_this_pod = true;
  };
  using Done = std::function<void(const absl::Status& status)>;

  explicit Gate(Options options) : options_(std::move(options)) {}
  ~Gate() { Close(); }

  // Calls `done` once, at once or later, on any thread. May be called from any thread.
  void Ask(const Caller& caller, Done done);
  // Whoever waits gets UNAVAILABLE, and so does whoever comes.
  void Close();

 private:
  // Outlives the gate, for who is still being asked about.
  struct Waiting {
    std::mutex mutex;
    bool closed = false;  // these are guarded by mutex
    uint64_t last = 0;
    std::map<uint64_t, Done> calls;
  };

  const Options options_;
  const std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
};

// Whether a peer, as gRPC writes it, is one of the two loopback addresses, or of a socket in the file system. Not all
// of 127.0.0.0/8: meshes bring calls of others into pods from 127.0.0.6.
bool IsOfThisPod(const std::string& peer);

}  // namespace k8sgw::xds
