// What `kubectl explain` tells about a field, from the comments of the proto files.
#pragma once

#include <google/protobuf/descriptor.h>

#include <string>

namespace k8sgw::crds {

// The comment of a message as running text; lines of a paragraph are joined. Descriptors are those of
// CommentedProtos().
std::string Describe(const google::protobuf::Descriptor& message);

// The comment of a field, or that of its message when it has none; then the values of an enum, each with its first
// sentence, and the fields that cannot be set beside this one.
std::string Describe(const google::protobuf::FieldDescriptor& field);

}  // namespace k8sgw::crds
