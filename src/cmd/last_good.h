// Last good versions over a restart: where they are kept, and when.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "src/cmd/control_plane.h"
#include "src/cmd/event_loop.h"
#include "src/cmd/keep_timer.h"
#include "src/sources/file/directory_source.h"

namespace k8sgw {

class LastGoodKeeper {
 public:
  // Nothing is kept when `state_dir` is empty.
  LastGoodKeeper(std::string state_dir, const ControlPlane& control)
      : state_dir_(std::move(state_dir)), control_(control) {}

  bool enabled() const { return !state_dir_.empty(); }
  // To be called before the source starts. A folder whose texts cannot be kept is served all the same, with a warning.
  void Attach(file::DirectorySource& source);
  // Something was applied: Keep is to be called at deadline().
  void Touch();
  std::optional<EventLoop::Time> deadline() const { return timer_.deadline(); }
  // Keeps a part of what has changed, so that nothing else waits for long.
  void Keep(const std::set<file::DirectorySource*>& sources);

 private:
  const std::string state_dir_;
  const ControlPlane& control_;
  KeepTimer timer_{"last good versions are not kept for the next start"};
};

}  // namespace k8sgw
