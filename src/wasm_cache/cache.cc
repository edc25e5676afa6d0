#include "src/wasm_cache/cache.h"

#include <algorithm>
#include <utility>

#include "src/base/text.h"
#include "src/wasm_cache/digest.h"

namespace k8sgw::wasm_cache {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kMostDoublings = 20;

}  // namespace

Cache::Cache(CacheOptions options, std::function<void()> on_change)
    : options_(std::move(options)), on_change_(std::move(on_change)) {}

Cache::~Cache() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Cache::Want(const std::set<std::string>& images, std::set<std::string> sha256s_in_use) {
  bool tell = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    std::erase_if(images_, [&](const auto& item) {
      if (images.contains(item.first)) return false;
      changed_[item.first] = std::nullopt;
      return true;
    });
    for (const std::string& name : images) {
      auto reference = ParseImageReference(name);
      if (!reference.ok() || images_.contains(name)) continue;
      Image& image = images_[name];
      image.reference = std::move(*reference);
      image.number = ++last_number_;
    }
    tell = !changed_.empty();
    for (const auto& [name, image] : images_) {
      if (image.told && !image.told->sha256.empty()) sha256s_in_use.insert(image.told->sha256);
    }
    // Together with the above: nothing is told in between that would be missing here.
    std::lock_guard<std::mutex> store_lock(store_mutex_);
    in_use_ = std::move(sha256s_in_use);
    if (store_) store_->SetInUse(in_use_);
  }
  for (size_t i = threads_.size(); !images.empty() && i < options_.threads; ++i)
    threads_.emplace_back([this] { Work(); });
  wake_.notify_all();
  if (tell) on_change_();
}

void Cache::SetLogins(Logins logins) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (logins == logins_) return;
  logins_ = std::move(logins);
  for (auto& [name, image] : images_) {
    if (image.failures == 0) continue;
    image.failures = 0;
    image.due = {};
  }
  wake_.notify_all();
}

std::map<std::string, std::optional<WasmModule>> Cache::TakeChanged() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(changed_, {});
}

bool Cache::settled() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return changed_.empty() &&
         std::ranges::all_of(images_, [](const auto& item) { return item.second.told.has_value(); });
}

Ptr<StoredModule> Cache::Read(const std::string& sha256) {
  if (!IsSha256Hex(sha256)) return nullptr;
  // Held while the disk is read: whoever comes meanwhile takes the same bytes, however many they are.
  std::lock_guard<std::mutex> lock(read_mutex_);
  std::erase_if(read_, [](const auto& item) { return item.second.expired(); });
  if (const auto it = read_.find(sha256); it != read_.end()) {
    if (Ptr<StoredModule> module = it->second.lock()) return module;
  }
  Store* store = nullptr;
  {
    // Who asks does not make us open it.
    std::lock_guard<std::mutex> store_lock(store_mutex_);
    store = store_.get();
  }
  std::optional<StoredModule> found = store ? store->Read(sha256) : std::nullopt;
  if (!found) return nullptr;
  const auto module = std::make_shared<const StoredModule>(std::move(*found));
  read_[sha256] = module;
  return module;
}

absl::StatusOr<Store*> Cache::OpenStore() {
  std::lock_guard<std::mutex> lock(store_mutex_);
  if (!store_) {
    absl::StatusOr<std::unique_ptr<Store>> opened = Store::Open(options_.store);
    if (!opened.ok()) return opened.status();
    store_ = std::move(*opened);
    store_->SetInUse(in_use_);
  }
  return store_.get();
}

void Cache::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stop_) {
    std::optional<Time> next;
    Image* image = Choose(Clock::now(), next);
    if (!image && next) {
      wake_.wait_until(lock, *next);
    } else if (!image) {
      wake_.wait(lock);
    }
    if (!image) continue;
    const auto item = std::ranges::find_if(images_, [&](const auto& entry) { return &entry.second == image; });
    Handle(item->first, *image, lock);
  }
}

Cache::Image* Cache::Choose(Time now, std::optional<Time>& next) {
  Image* best = nullptr;
  for (auto& [name, image] : images_) {
    if (image.running) continue;
    const auto running = running_.find(image.reference.registry);
    // Whoever ends there looks again.
    if (running != running_.end() && running->second >= options_.threads_per_registry) continue;
    if (image.due > now) {
      if (!next || image.due < *next) next = image.due;
    } else if (!best || image.due < best->due) {
      best = &image;
    }
  }
  return best;
}

void Cache::Handle(const std::string& name_of, Image& chosen, std::unique_lock<std::mutex>& lock) {
  const std::string name = name_of;
  const ImageReference reference = chosen.reference;
  const uint64_t number = chosen.number;
  Kept known = chosen.kept;
  const bool look = !std::exchange(chosen.looked_on_disk, true);
  const Login login = FindLogin(logins_, reference.registry, reference.repository);
  chosen.running = true;
  ++running_[reference.registry];
  // What became of the image meanwhile; nullptr when nobody wants it any more.
  const auto current = [&]() -> Image* {
    const auto it = images_.find(name);
    return it != images_.end() && it->second.number == number ? &it->second : nullptr;
  };
  bool tell = false;
  lock.unlock();
  const Result on_disk = look ? LookOnDisk(name, reference) : Result();
  lock.lock();
  if (Image* image = current(); image && on_disk.kept) {
    known = *on_disk.kept;
    Learn(name, *image, on_disk);
    tell = !changed_.empty();
  }
  const bool wanted = current() != nullptr;
  lock.unlock();
  if (tell) on_change_();
  const Result result = wanted ? PullOnce(name, reference, login, known) : Result();
  lock.lock();
  if (--running_[reference.registry] == 0) running_.erase(reference.registry);
  Image* image = current();
  if (image) {
    image->running = false;
    if (!stop_) Learn(name, *image, result);
  }
  if (result.pinned) Unpin(result.kept->sha256, image != nullptr);
  tell = !changed_.empty() && !stop_;
  lock.unlock();
  wake_.notify_all();
  if (tell) on_change_();
  lock.lock();
}

Cache::Result Cache::LookOnDisk(const std::string& name, const ImageReference& reference) {
  Result result;
  const absl::StatusOr<Store*> store = OpenStore();
  if (!store.ok()) return result;
  result.kept = (*store)->Find(name);
  // The digest in the name is that of the manifest.
  if (result.kept && !reference.digest.empty() && result.kept->manifest != reference.digest) result.kept.reset();
  return result;
}

Cache::Result Cache::PullOnce(const std::string& name, const ImageReference& reference, const Login& login,
                              Kept known) {
  Result result;
  const absl::StatusOr<Store*> store = OpenStore();
  if (!store.ok()) {
    result.status = store.status();
    result.transient = true;
    return result;
  }
  if (!known.sha256.empty() && (*store)->Has(known.sha256)) result.kept = known;
  // What is named by its digest can only be what it was.
  if (result.kept && !reference.digest.empty()) return result;
  if (!options_.registries.empty() && !options_.registries.contains(reference.registry)) {
    result.status =
        absl::PermissionDeniedError(Cat(reference.registry, " is not among the registries that images may come from"));
    return result;
  }
  Pulled pulled = Pull(reference, login, result.kept ? known.manifest : "", options_.pull, stop_);
  result.status = std::move(pulled.status);
  result.transient = pulled.transient;
  result.retry_after = pulled.retry_after;
  if (!result.status.ok() || pulled.unchanged) return result;
  const Kept kept{Sha256Hex(pulled.module), std::move(pulled.manifest_digest), std::move(pulled.media_type)};
  result.status = (*store)->Keep(name, kept, pulled.module);
  result.transient = !result.status.ok();
  result.pinned = result.status.ok();
  if (result.pinned) result.kept = kept;
  return result;
}

void Cache::Unpin(const std::string& sha256, bool told) {
  std::lock_guard<std::mutex> lock(store_mutex_);
  if (told) {
    in_use_.insert(sha256);
    store_->SetInUse(in_use_);
  }
  store_->Unpin(sha256);
}

void Cache::Learn(const std::string& name, Image& image, const Result& result) {
  image.kept = result.kept.value_or(Kept());
  WasmModule module{image.kept.sha256, ""};
  const auto now = Clock::now();
  if (result.status.ok()) {
    image.failures = 0;
    image.due = now + std::chrono::duration_cast<milliseconds>(options_.recheck * (0.9 + 0.2 * options_.random()));
  } else {
    module.problem = std::string(result.status.message());
    image.due = now + PauseAfter(image, result);
    ++image.failures;
  }
  Tell(name, image, std::move(module));
}

void Cache::Tell(const std::string& name, Image& image, WasmModule module) {
  if (image.told == module) return;
  image.told = module;
  changed_[name] = std::move(module);
}

milliseconds Cache::PauseAfter(const Image& image, const Result& result) {
  const milliseconds first = result.transient ? options_.first_retry : options_.first_long_retry;
  const int doublings = std::min(image.failures, kMostDoublings);
  const milliseconds pause = std::min<milliseconds>(first * (int64_t{1} << doublings), options_.longest_retry);
  const milliseconds asked = std::min<milliseconds>(result.retry_after, options_.longest_retry);
  return std::max(std::chrono::duration_cast<milliseconds>(pause * (0.5 + options_.random())), asked);
}

}  // namespace k8sgw::wasm_cache
