// Structural schemas (OpenAPI v3, as the API server wants them) of protobuf messages.
//
// A schema is never stricter than the one that is published for the kind: an object that could be stored once can be
// stored again, whatever the controllers think of it, or nobody could write its status any more. So there are types and
// no lists of enum values, no required fields and no exclusions, except where the protos have the options of
// api/kubernetes/schema.proto. What is wrong beyond types is for the validation to say, which knows the right spelling.
//
// | protobuf                        | schema                                                           |
// |---------------------------------|------------------------------------------------------------------|
// | bool, string, float and double  | boolean, string, number                                          |
// | bytes                           | string, format byte (base64)                                     |
// | int32, uint32                   | integer of that size                                             |
// | int64, uint64; enums            | integer; string; either may be text or a number                  |
// | Duration, Timestamp, FieldMask  | string                                                           |
// | wrappers                        | as what they wrap, and nullable                                  |
// | Struct, Any; Value              | object that keeps everything; whatever                           |
// | map, repeated                   | object with additionalProperties, array                          |
// | messages that contain themselves| open, one level deep; everything is kept below                   |
//
// Open means that fields without a place in the schema are kept, and that numbers may be written as text. Elsewhere the
// API server drops such fields (pruning), and kubectl refuses them beforehand.
#pragma once

#include <google/protobuf/descriptor.h>

#include "src/base/yaml.h"

namespace k8sgw::crds {

struct SchemaOptions {
  // What `kubectl explain` shows, which is more than half of the bytes.
  bool descriptions = true;
  // The whole message is open.
  bool open = false;
};

// The schema of `message`, a descriptor of CommentedProtos(). The fields `metadata` of objects are left out.
yaml::Node SchemaOf(const google::protobuf::Descriptor& message, const SchemaOptions& options);

}  // namespace k8sgw::crds
