// What an Envoy has accepted over xDS, on disk: what it is served from when it starts and the control plane is away.
//
// Resources are kept by type and name, with their versions and bytes as the control plane sent them, private keys too,
// for their one owner (`OwnerOf` of recorder.h). Safe to be called from any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "src/sources/state/last_good.h"
#include "src/xds/engine.h"

namespace k8sgw::xds_relay {

class Memory {
 public:
  // The file is made with mode 0600. `complain` is told when something cannot be written, once for each cause.
  // Errors: the file cannot be had.
  static absl::StatusOr<std::unique_ptr<Memory>> Open(const std::string& path,
                                                      std::function<void(const std::string&)> complain);

  // Everything of another owner is forgotten.
  void SetOwner(const std::string& owner);
  // Whether there is something for this owner.
  bool Knows(const std::string& owner) const;
  void Keep(const std::string& type_url, const std::string& name, const std::string& version, std::string_view bytes);
  void Forget(const std::string& type_url, const std::string& name);
  // Forgets all of a type but these.
  void Retain(const std::string& type_url, const std::set<std::string>& names);
  // All that can be served: what an xDS server of ours knows the type of.
  xds::Update All() const;

 private:
  Memory(std::unique_ptr<state::LastGoodTexts> texts, std::function<void(const std::string&)> complain)
      : texts_(std::move(texts)), complain_(std::move(complain)) {}
  // With mutex_ held.
  void Check(const absl::Status& status);

  mutable std::mutex mutex_;
  std::unique_ptr<state::LastGoodTexts> texts_;
  const std::function<void(const std::string&)> complain_;
  std::string said_;
};

}  // namespace k8sgw::xds_relay
