// Objects of an API server as trees: what stands where in them, and how to make small ones.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/yaml.h"

namespace k8sgw::cli {

// What a control plane says of an object.
struct ObjectStatus {
  // Pending, Accepted, Rejected or Warning.
  std::string state;
  std::string reason;
};

// The value under these keys, one in the other; nullptr when there is none.
const yaml::Node* At(const yaml::Node& node, std::initializer_list<std::string_view> keys);
// Its text; "" when there is none.
std::string TextAt(const yaml::Node& node, std::initializer_list<std::string_view> keys);
// Its items; none when there is no list.
const std::vector<yaml::Node>& ItemsAt(const yaml::Node& node, std::initializer_list<std::string_view> keys);
// 0 when there is no number.
long NumberAt(const yaml::Node& node, std::initializer_list<std::string_view> keys);
// Whether the value is true.
bool IsTrueAt(const yaml::Node& node, std::initializer_list<std::string_view> keys);

std::string NameOf(const yaml::Node& object);
std::string NamespaceOf(const yaml::Node& object);
// "namespace/name", or the name alone.
std::string PathOf(const yaml::Node& object);
// By the namespace of the control plane that wrote it. Statuses of before there were several stand under "".
std::map<std::string, ObjectStatus> StatusesOf(const yaml::Node& object);

yaml::Node MakeMap();
yaml::Node MakeList(std::vector<yaml::Node> items = {});
// Text, whatever it looks like; and what it looks like, such as a number.
yaml::Node MakeText(std::string text);
yaml::Node MakePlain(std::string text);
// Appends a field to a mapping, and returns its value.
yaml::Node& Put(yaml::Node& map, std::string key, yaml::Node value);
// The same, when the text is not "".
void PutText(yaml::Node& map, std::string key, std::string text);
// The mapping at `key`, made when it is missing.
yaml::Node& MapAt(yaml::Node& map, std::string_view key);
// apiVersion, kind and metadata.
yaml::Node MakeObject(std::string_view api_version, std::string_view kind, const std::string& ns,
                      const std::string& name);

}  // namespace k8sgw::cli
