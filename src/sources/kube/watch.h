// Something that follows all objects of one kind; ListWatch in production.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "src/sources/kube/reflector.h"

namespace k8sgw::kube {

class Watch {
 public:
  // Told on the thread of the loop. The batch's views are good during the call; the rest may be kept.
  struct Consumer {
    std::function<void(const Batch& batch)> on_batch;
    // The phase, whether it synced, or what is wrong is another; after the batch that made it so.
    std::function<void(const Health& health)> on_health;
  };

  virtual ~Watch() = default;
  // See Reflector::Poke.
  virtual void Poke() = 0;
  // Up to where what was told follows the server; see Reflector::resource_version.
  virtual const std::string& version() const = 0;
};

// Makes them. Nothing is told before it returns.
using Follow = std::function<std::unique_ptr<Watch>(const Resource&, ReflectorOptions, Watch::Consumer)>;

}  // namespace k8sgw::kube
