// Keeps the modules of all images that are wanted: pulled, checked again from time to time, and here for Envoys.
//
// Pulling happens on threads of its own; nobody waits for a registry. A registry that is slow holds few of them, and
// one that fails is asked again after a pause that grows. What is on disk counts at once, also while its registry is
// away; what a tag leads to is looked up every `recheck`. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "src/base/ptr.h"
#include "src/model/image_reference.h"
#include "src/model/wasm_module.h"
#include "src/wasm_cache/docker_config.h"
#include "src/wasm_cache/puller.h"
#include "src/wasm_cache/store.h"

namespace k8sgw::wasm_cache {

struct CacheOptions {
  PullOptions pull;
  StoreOptions store;
  // When not empty, images are pulled from these registries only.
  std::set<std::string, std::less<>> registries;
  size_t threads = 4;
  // How many of them one registry may hold.
  size_t threads_per_registry = 2;
  std::chrono::milliseconds recheck{300'000};
  // Between tries: after what may be better soon, and after what somebody must mend.
  std::chrono::milliseconds first_retry{500};
  std::chrono::milliseconds first_long_retry{10'000};
  std::chrono::milliseconds longest_retry{300'000};
  // Uniform in [0, 1); called by one thread at a time. Never empty.
  std::function<double()> random;
};

class Cache {
 public:
  // `on_change` is called, on threads of the cache and in Want, when TakeChanged has something to give; it must not
  // call back.
  Cache(CacheOptions options, std::function<void()> on_change);
  // What is being pulled is given up.
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // All images that are wanted from now on, as users write them, and the modules that are served to Envoys whatever
  // their images have now. Texts that are no images are left out.
  void Want(const std::set<std::string>& images, std::set<std::string> sha256s_in_use);
  // What is tried again because of it is tried at once.
  void SetLogins(Logins logins);
  // What has changed since the last call: nullopt for an image that is not wanted any more.
  std::map<std::string, std::optional<WasmModule>> TakeChanged();
  // Each wanted image has a module, or there is a reason why not, and all of that was taken.
  bool settled() const;
  // A module that is here, else nullptr; never pulls. Those who read it at the same time share its bytes.
  Ptr<StoredModule> Read(const std::string& sha256);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Image {
    ImageReference reference;
    // What was told last; nullopt before the first answer.
    std::optional<WasmModule> told;
    Kept kept;
    bool looked_on_disk = false;
    bool running = false;
    Time due{};
    int failures = 0;
    // So that the result of a pull does not go to another that has the same name later.
    uint64_t number = 0;
  };
  struct Result {
    std::optional<Kept> kept;
    absl::Status status;
    bool transient = false;
    std::chrono::seconds retry_after{0};
    // The store must be told when the module is known to be in use.
    bool pinned = false;
  };

  void Work();
  // The image whose turn it is; `next` is when there will be one.
  Image* Choose(Time now, std::optional<Time>& next);
  void Handle(const std::string& name, Image& image, std::unique_lock<std::mutex>& lock);
  // These two without the lock.
  Result LookOnDisk(const std::string& name, const ImageReference& reference);
  Result PullOnce(const std::string& name, const ImageReference& reference, const Login& login, Kept known);
  absl::StatusOr<Store*> OpenStore();
  // What was kept is in use from now on, if it was told.
  void Unpin(const std::string& sha256, bool told);
  void Learn(const std::string& name, Image& image, const Result& result);
  void Tell(const std::string& name, Image& image, WasmModule module);
  std::chrono::milliseconds PauseAfter(const Image& image, const Result& result);

  const CacheOptions options_;
  const std::function<void()> on_change_;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  std::map<std::string, Image> images_;
  std::map<std::string, std::optional<WasmModule>> changed_;
  std::map<std::string, size_t> running_;
  Logins logins_;
  uint64_t last_number_ = 0;
  // Its own lock, since opening looks at the disk. Taken with mutex_ or without it, never before it.
  std::mutex store_mutex_;
  std::unique_ptr<Store> store_;
  std::set<std::string> in_use_;
  std::mutex read_mutex_;
  std::map<std::string, std::weak_ptr<const StoredModule>> read_;
  // Started when the first image is wanted.
  std::vector<std::thread> threads_;
};

}  // namespace k8sgw::wasm_cache
