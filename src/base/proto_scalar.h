// One scalar of YAML as the value of a protobuf field that is no message. Internal to proto_decode.cc.
#pragma once

#include <google/protobuf/message.h>

#include <optional>
#include <string>

#include "src/base/yaml.h"

namespace k8sgw {

struct ScalarProblem {
  std::string message;
  std::string fix;
};

// Sets the field, or appends to it when `add`; returns what is wrong. `node` is a scalar.
std::optional<ScalarProblem> DecodeScalar(const yaml::Node& node, bool add,
                                          const google::protobuf::FieldDescriptor* field,
                                          google::protobuf::Message* message);

}  // namespace k8sgw
