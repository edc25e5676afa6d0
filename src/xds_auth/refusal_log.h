// Lines for the log about callers that got nothing: enough to find them, and no flood.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "src/sources/kube/call_limit.h"
#include "src/xds/authenticator.h"

namespace k8sgw::xds_auth {

// May be used by any thread.
class RefusalLog {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // What to write now: of each address and role once in a minute, and of all together one in a second, after the first
  // ten. A line says how many were left out before it. Nothing in it ends a line.
  std::optional<std::string> Line(const xds::Refusal& refusal, Time now);

 private:
  std::mutex mutex_;
  kube::CallLimit limit_{{1, 10}};  // these are guarded by mutex_
  std::map<std::pair<std::string, std::string>, Time> told_;
  int64_t left_out_ = 0;
};

}  // namespace k8sgw::xds_auth
