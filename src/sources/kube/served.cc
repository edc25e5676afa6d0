#include "src/sources/kube/served.h"

#include <simdjson.h>

#include <optional>

#include "src/base/text.h"

namespace k8sgw::kube {
namespace {

namespace dom = simdjson::dom;

std::string VersionOf(const Resource& resource) { return Cat(resource.group, "/", resource.version); }

// Whether `object` has this text under `key`; nothing when there is no text at all.
std::optional<bool> Is(const dom::object& object, std::string_view key, std::string_view text) {
  std::string_view found;
  if (object[key].get(found) != simdjson::SUCCESS) return std::nullopt;
  return found == text;
}

// Whether all elements are objects whose text under `key` is another one, and there is any.
bool AllDiffer(const dom::array& array, std::string_view key, std::string_view text) {
  for (const dom::element element : array) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS || Is(object, key, text).value_or(true)) return false;
  }
  return array.size() > 0;
}

}  // namespace

std::string ServedPath(const Resource& resource) { return Cat("/apis/", VersionOf(resource)); }

bool LacksResource(std::string_view body, const Resource& resource) {
  dom::parser parser;
  dom::object root;
  dom::array resources;
  const simdjson::padded_string padded(body);
  return parser.parse(padded).get(root) == simdjson::SUCCESS && Is(root, "kind", "APIResourceList") == true &&
         Is(root, "groupVersion", VersionOf(resource)) == true &&
         root["resources"].get(resources) == simdjson::SUCCESS && AllDiffer(resources, "name", resource.plural);
}

bool LacksVersion(std::string_view body, const Resource& resource) {
  dom::parser parser;
  dom::object root;
  dom::array groups;
  const simdjson::padded_string padded(body);
  if (parser.parse(padded).get(root) != simdjson::SUCCESS || Is(root, "kind", "APIGroupList") != true ||
      root["groups"].get(groups) != simdjson::SUCCESS)
    return false;
  for (const dom::element element : groups) {
    dom::object group;
    dom::array versions;
    if (element.get(group) != simdjson::SUCCESS) return false;
    const std::optional<bool> is_ours = Is(group, "name", resource.group);
    if (!is_ours) return false;
    if (!*is_ours) continue;
    if (group["versions"].get(versions) != simdjson::SUCCESS ||
        !AllDiffer(versions, "groupVersion", VersionOf(resource)))
      return false;
  }
  return groups.size() > 0;
}

}  // namespace k8sgw::kube
