// Options from several places, joined: by top-level field, the nearest place wins.
#pragma once

#include <google/protobuf/message.h>

#include "src/gateway/places.h"

namespace transformation::options::gloo::solo::io {
class TransformationStages;
}

namespace k8sgw::gateway {

namespace transformationv1 = ::transformation::options::gloo::solo::io;

// Copies each top-level field of `from` into `into` where `into` has none. Nothing inside a field is merged, and a
// oneof counts as one field. "Has none" means: no message, an empty list, map or string, a zero, an unset oneof; a
// wrapper or a member of a oneof that is set to zero is there. Both messages have the same type. For each field taken,
// `sources` gets its place: that in `from_sources`, or else `from_place`, where the options message `from` stands.
void MergeOptions(google::protobuf::Message& into, const google::protobuf::Message& from, const Source& from_place,
                  const proxy::OptionSources& from_sources, proxy::OptionSources& sources);

// Whether MergeOptions would take anything.
bool TakesOptions(const google::protobuf::Message& into, const google::protobuf::Message& from);

// inheritTransformation: the parent's early and regular transformations after the child's own.
void InheritTransformations(const transformationv1::TransformationStages& parent,
                            transformationv1::TransformationStages& child);

}  // namespace k8sgw::gateway
