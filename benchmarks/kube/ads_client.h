// A bare delta ADS client: subscribes to everything that a proxy would, acknowledges everything, keeps counts.
#pragma once

#include <memory>
#include <string>

#include "benchmarks/kube/board.h"

namespace k8sgw::bench {

class AdsClient {
 public:
  // Connects to 127.0.0.1:`port` as soon as somebody listens there.
  AdsClient(int port, const std::string& role);
  ~AdsClient();
  AdsClient(const AdsClient&) = delete;
  AdsClient& operator=(const AdsClient&) = delete;

  // Looks at every response as it came.
  Board& board();
  // Waits until at least so many clusters and virtual hosts, and endpoints for all clusters that want some, are there;
  // returns when the last of that came. Ends the process when it does not come within a minute.
  Clock::time_point AwaitComplete(size_t clusters, size_t virtual_hosts);
  int responses() const;
  size_t clusters() const;
  // The newest bytes of the first table of routes, as an Any's value.
  std::string routes() const;

 private:
  class Stream;
  struct Channel;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace k8sgw::bench
