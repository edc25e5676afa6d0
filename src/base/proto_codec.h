// Protobuf messages from and to YAML trees, by the JSON mapping of protobuf, with errors that teach.
//
// Differences from protobuf's own JSON parser, which has neither places nor paths: every problem is collected (not
// only the first), has the field path and the line, and names the nearest right field or enum value.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "src/base/yaml.h"

namespace k8sgw {

// Something wrong with one field of a document.
struct DecodeProblem {
  // Path from the decoded message, such as `virtualHost.routes[2].matchers[0].prefix`; "" is the message itself.
  std::string path;
  yaml::Mark mark;
  // What is wrong, such as `unknown field "prefx"`.
  std::string message;
  // How to mend it, such as `did you mean "prefix"?`; may be empty.
  std::string fix;
};

// Fills `message` from `node` and returns all problems found; fields with problems are left unset.
// Field names are accepted in lowerCamelCase and as written in the proto file. Null means unset. Durations ("1.5s"),
// wrappers, Timestamp, Struct/Value/ListValue, Any ("@type"), bytes (base64), maps and enums (name or number) follow
// https://protobuf.dev/programming-guides/json/. Two members of one oneof are a problem, and so are messages that are
// nested deeper than Envoy reads.
std::vector<DecodeProblem> DecodeProto(const yaml::Node& node, google::protobuf::Message* message);

// The message as a tree: lowerCamelCase names, fields in the order of their numbers, maps sorted by key, unset fields
// left out, known Any types expanded with "@type". Equal messages give equal trees.
yaml::Node EncodeProto(const google::protobuf::Message& message);

// Deterministic wire bytes (maps sorted), for hashes and for resources.
std::string SerializeDeterministic(const google::protobuf::Message& message);

}  // namespace k8sgw
