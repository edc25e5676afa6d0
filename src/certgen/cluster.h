// An API server, one call after the other.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "src/sources/kube/credentials.h"
#include "src/sources/kube/http.h"
#include "src/sources/kube/loop.h"
#include "src/sources/kube/writer.h"

namespace k8sgw::certgen {

class Cluster {
 public:
  explicit Cluster(kube::ClientConfig config);

  // Tries again for a minute while the server is away or busy. A write that is tried again may have been done the first
  // time, so it must carry a resourceVersion, or make something new.
  kube::WriteResult Call(const kube::WriteRequest& request);

 private:
  kube::WriteResult Try(const kube::WriteRequest& request);
  void Sleep(std::chrono::milliseconds time);
  // Until there is something to do, and does it.
  void Wait();

  kube::Loop loop_;
  kube::Credentials credentials_;
  kube::HttpClient client_;
  kube::Writer writer_;
};

}  // namespace k8sgw::certgen
