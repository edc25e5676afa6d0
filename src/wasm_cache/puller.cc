#include "src/wasm_cache/puller.h"

#include <utility>

#include "src/base/text.h"
#include "src/wasm_cache/digest.h"
#include "src/wasm_cache/manifest.h"
#include "src/wasm_cache/module.h"
#include "src/wasm_cache/session.h"

namespace k8sgw::wasm_cache {
namespace {

constexpr char kModuleType[] = "application/wasm";

absl::Status Lie(const ImageReference& reference, std::string_view what) {
  return absl::DataLossError(Cat(reference.registry, ": ", what));
}

std::string_view WordsOf(const absl::Status& status) { return {status.message().data(), status.message().size()}; }

class Pulling {
 public:
  Pulling(const ImageReference& reference, const Login& login, const PullOptions& options,
          const std::atomic<bool>& stop)
      : reference_(reference), options_(options), session_(reference, login, options.fetch, stop) {}

  Pulled Run(const std::string& known_manifest) {
    Pulled out;
    out.status = TryAll(known_manifest, out);
    switch (out.status.code()) {
      case absl::StatusCode::kUnavailable:
      case absl::StatusCode::kDeadlineExceeded:
      case absl::StatusCode::kResourceExhausted:
        out.transient = true;
        out.retry_after = session_.retry_after();
        break;
      default: break;
    }
    return out;
  }

 private:
  absl::Status TryAll(const std::string& known_manifest, Pulled& out) {
    if (!known_manifest.empty()) {
      // Many registries count what is got, but not such questions.
      const auto head = session_.Get("manifests/" + reference_.tag_or_digest(), kManifestTypes, 0, true);
      // Some do not know the method.
      if (!head.ok() && head.status().code() != absl::StatusCode::kFailedPrecondition) return head.status();
      out.unchanged = head.ok() && head->digest == known_manifest;
      if (out.unchanged) {
        out.manifest_digest = known_manifest;
        return absl::OkStatus();
      }
    }
    absl::StatusOr<Manifest> manifest = GetManifest(reference_.tag_or_digest(), reference_.digest, out.manifest_digest);
    if (!manifest.ok()) return manifest.status();
    out.unchanged = out.manifest_digest == known_manifest;
    if (out.unchanged) return absl::OkStatus();
    if (manifest->is_index) {
      const absl::StatusOr<Descriptor> picked = PickManifest(*manifest);
      if (!picked.ok()) return Lie(reference_, WordsOf(picked.status()));
      std::string ignored;
      manifest = GetManifest(picked->digest, picked->digest, ignored);
      if (!manifest.ok()) return manifest.status();
      if (manifest->is_index) return Lie(reference_, "the index leads to another index");
    }
    const absl::StatusOr<ModuleLayer> layer = PickLayer(*manifest);
    if (!layer.ok()) return Lie(reference_, WordsOf(layer.status()));
    return GetModule(*layer, out);
  }

  // `wanted` is the digest that it must have, or "" when only the registry says.
  absl::StatusOr<Manifest> GetManifest(const std::string& name, const std::string& wanted, std::string& digest) {
    const auto answer = session_.Get("manifests/" + name, kManifestTypes, options_.max_manifest_bytes);
    if (!answer.ok()) return answer.status();
    digest = Sha256Digest(answer->body);
    const std::string& claimed = wanted.empty() ? answer->digest : wanted;
    if (!claimed.empty() && claimed != digest) return Lie(reference_, "the manifest has another digest than it should");
    absl::StatusOr<Manifest> manifest = ParseManifest(answer->body);
    if (!manifest.ok()) return Lie(reference_, WordsOf(manifest.status()));
    return manifest;
  }

  absl::Status GetModule(const ModuleLayer& layer, Pulled& out) {
    const Descriptor& descriptor = layer.descriptor;
    if (descriptor.size > options_.max_module_bytes) {
      return Lie(reference_, Cat("the layer has ", descriptor.size, " bytes, and at most ", options_.max_module_bytes,
                                 " are taken"));
    }
    absl::StatusOr<FetchAnswer> answer = session_.Get("blobs/" + descriptor.digest, "", descriptor.size);
    if (!answer.ok()) return answer.status();
    // Cut off, and the connection ended as if all were well.
    if (answer->body.size() != descriptor.size) {
      return Lie(reference_, Cat("the layer has ", answer->body.size(), " bytes in place of ", descriptor.size));
    }
    if (Sha256Digest(answer->body) != descriptor.digest)
      return Lie(reference_, "the layer has another digest than it should");
    absl::StatusOr<std::string> module =
        ExtractModule(std::move(answer->body), layer.packing, options_.max_module_bytes);
    if (!module.ok()) return Lie(reference_, WordsOf(module.status()));
    out.module = std::move(*module);
    out.media_type = layer.packing == Packing::kPlain ? descriptor.media_type : kModuleType;
    return absl::OkStatus();
  }

  const ImageReference& reference_;
  const PullOptions& options_;
  Session session_;
};

}  // namespace

Pulled Pull(const ImageReference& reference, const Login& login, const std::string& known_manifest,
            const PullOptions& options, const std::atomic<bool>& stop) {
  return Pulling(reference, login, options, stop).Run(known_manifest);
}

}  // namespace k8sgw::wasm_cache
