#include "src/sources/kube/resource_path.h"

#include "src/base/text.h"

namespace k8sgw::kube {

bool IsCustom(const Resource& resource) {
  return resource.group.find('.') != std::string::npos && resource.group != "discovery.k8s.io";
}

std::string EscapeUrl(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string CollectionPath(const Resource& resource) {
  std::string path =
      resource.group.empty() ? Cat("/api/", resource.version) : Cat("/apis/", resource.group, "/", resource.version);
  if (!resource.namespace_.empty()) path += Cat("/namespaces/", EscapeUrl(resource.namespace_));
  return Cat(path, "/", resource.plural);
}

std::string ObjectPath(const Resource& resource, std::string_view name, std::string_view subresource) {
  return Cat(CollectionPath(resource), "/", EscapeUrl(name), subresource.empty() ? "" : "/", subresource);
}

}  // namespace k8sgw::kube
