// An API server, one call after the other: for programs that do one thing and end.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "src/sources/kube/credentials.h"
#include "src/sources/kube/http.h"
#include "src/sources/kube/loop.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::kube {

class Caller {
 public:
  struct Options {
    // While the server is away or busy, a call is tried again for so long; 0 tries once.
    std::chrono::seconds patience{60};
    // Of one try.
    std::chrono::milliseconds timeout{10'000};
  };

  Caller(ClientConfig config, Options options);

  // A write that is tried again may have been done the first time, so it must carry a resourceVersion, or make
  // something new.
  WriteResult Call(const WriteRequest& request);
  // Does what is due in the loop until `done` says so or the time is over; false for the latter.
  bool WaitFor(const std::function<bool()>& done, std::chrono::milliseconds limit);

  const ClientConfig& config() const { return credentials_.config(); }
  Loop& loop() { return loop_; }
  Credentials& credentials() { return credentials_; }
  HttpClient& client() { return client_; }

 private:
  WriteResult Try(const WriteRequest& request);
  // Until there is something to do, and does it.
  void Wait();

  const Options options_;
  Loop loop_;
  Credentials credentials_;
  HttpClient client_;
  Writer writer_;
};

}  // namespace k8sgw::kube
