#include "src/wasm_cache/manifest.h"

#include <algorithm>
#include <charconv>

#include "absl/status/status.h"
#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/model/image_reference.h"

namespace k8sgw::wasm_cache {
namespace {

constexpr size_t kMaxEntries = 1000;
// The type that images of modules had first, what the Wasm working group of the CNCF says, and what wasm-to-oci writes.
constexpr std::string_view kModuleTypes[] = {"application/vnd.module.wasm.content.layer.v1+wasm", "application/wasm",
                                             "application/vnd.wasm.content.layer.v1+wasm"};
constexpr std::string_view kTarGzipTypes[] = {"application/vnd.oci.image.layer.v1.tar+gzip",
                                              "application/vnd.docker.image.rootfs.diff.tar.gzip"};
constexpr std::string_view kTarTypes[] = {"application/vnd.oci.image.layer.v1.tar",
                                          "application/vnd.docker.image.rootfs.diff.tar"};

absl::Status Bad(const std::string& what) { return absl::DataLossError("the manifest " + what); }

absl::StatusOr<Descriptor> ReadDescriptor(const yaml::Node& node) {
  Descriptor out;
  out.media_type = node.FindScalar("mediaType");
  out.digest = node.FindScalar("digest");
  if (!IsSha256Digest(out.digest)) {
    return Bad(Cat("names something by the digest \"", Printable(std::string_view(out.digest).substr(0, 100)),
                   "\", which is no sha256"));
  }
  const std::string_view size = node.FindScalar("size");
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), out.size);
  if (size.empty() || error != std::errc() || end != size.data() + size.size())
    return Bad("names something without its size");
  if (const yaml::Node* platform = node.Find("platform")) {
    out.os = platform->FindScalar("os");
    out.architecture = platform->FindScalar("architecture");
  }
  return out;
}

bool Has(const auto& types, const std::string& type) { return std::ranges::find(types, type) != std::end(types); }

}  // namespace

absl::StatusOr<Manifest> ParseManifest(const std::string& body) {
  const yaml::Padded padded(body);
  const absl::StatusOr<yaml::Node> root = yaml::FromJson(padded.view());
  if (!root.ok() || !root->is_mapping()) return Bad("is no JSON object");
  Manifest out;
  const yaml::Node* entries = root->Find("layers");
  if (const yaml::Node* manifests = root->Find("manifests"); manifests && !entries) {
    out.is_index = true;
    entries = manifests;
  }
  if (!entries) {
    if (root->FindScalar("schemaVersion") == "1") return Bad("is of schema 1: push the image with a newer tool");
    return Bad("has neither layers nor manifests");
  }
  if (!entries->is_sequence()) return Bad("has layers that are no list");
  if (entries->items.size() > kMaxEntries) return Bad(Cat("has more than ", kMaxEntries, " entries"));
  for (const yaml::Node& item : entries->items) {
    absl::StatusOr<Descriptor> descriptor = ReadDescriptor(item);
    if (!descriptor.ok()) return descriptor.status();
    out.entries.push_back(std::move(*descriptor));
  }
  return out;
}

absl::StatusOr<Descriptor> PickManifest(const Manifest& index) {
  if (index.entries.empty()) return Bad("is an index of nothing");
  const auto find = [&](const auto& fits) -> const Descriptor* {
    const auto it = std::ranges::find_if(index.entries, fits);
    return it == index.entries.end() ? nullptr : &*it;
  };
  if (const auto* found = find([](const Descriptor& d) { return d.architecture == "wasm"; })) return *found;
  if (const auto* found = find([](const Descriptor& d) { return d.os == "linux" && d.architecture == "amd64"; }))
    return *found;
  return index.entries.front();
}

absl::StatusOr<ModuleLayer> PickLayer(const Manifest& manifest) {
  for (const Descriptor& layer : manifest.entries) {
    if (Has(kModuleTypes, layer.media_type)) return ModuleLayer{layer, Packing::kPlain};
  }
  if (manifest.entries.empty()) return Bad("has no layers, so there is no module");
  const Descriptor& last = manifest.entries.back();
  if (Has(kTarGzipTypes, last.media_type)) return ModuleLayer{last, Packing::kTarGzip};
  if (Has(kTarTypes, last.media_type)) return ModuleLayer{last, Packing::kTar};
  return Bad(Cat("has no layer of a WebAssembly module: the last is of type \"",
                 Printable(std::string_view(last.media_type).substr(0, 100)), "\""));
}

}  // namespace k8sgw::wasm_cache
