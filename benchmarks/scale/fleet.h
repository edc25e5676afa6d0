// Many bare clients of one server, on one thread.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "benchmarks/figures.h"
#include "benchmarks/scale/bare_stream.h"

namespace k8sgw::bench {

class Fleet {
 public:
  // Connects them one after another. The first keeps the newest message of each type.
  Fleet(int port, int clients, const Subscriptions& subscriptions);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // How many responses of this type each client has had, at least.
  size_t Responses(xds::Type type) const;
  // Waits until every client has had so many, and tells when the last of them had. Ends the process when that does not
  // come within two minutes.
  Clock::time_point Await(xds::Type type, size_t responses);
  // The newest message that the first client has of this type.
  std::string Kept(xds::Type type) const;

 private:
  void Run();
  void Count(size_t client, xds::Type type, Clock::time_point now);

  // How many clients have had so many responses, and when the last of them had: [responses - 1].
  struct Reached {
    size_t clients = 0;
    Clock::time_point last{};
  };

  std::vector<std::unique_ptr<BareStream>> streams_;
  int epoll_ = -1;
  int stop_ = -1;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // The following, and what the first client keeps, are guarded by mutex_.
  std::vector<std::array<size_t, xds::kTypeCount>> had_;
  std::array<std::vector<Reached>, xds::kTypeCount> reached_;
  std::thread thread_;
};

}  // namespace k8sgw::bench
