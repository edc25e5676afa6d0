// Our proto files with their comments, which the descriptors of generated code do not have.
#pragma once

#include <google/protobuf/descriptor.h>

namespace k8sgw::crds {

// All proto files of api/ and plugins/ and what they import. Built at the first call, which takes some milliseconds and
// megabytes; nothing but the generator of custom resource definitions should need it.
const google::protobuf::DescriptorPool& CommentedProtos();

}  // namespace k8sgw::crds
