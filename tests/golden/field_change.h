// Fields in the objects of a case, and ways to change them.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "src/model/objects.h"

namespace k8sgw::golden {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// From the spec of an object to one of the messages in it: fields, with the index in those that are lists.
using Path = std::vector<std::pair<const FieldDescriptor*, int>>;

// The message at `path`, which is made when it is not there.
Message* Follow(Message* spec, const Path& path);

// As in problems: "virtualHost.routes[2].options"; with a field below it.
std::string PathText(const Path& path);
std::string PathText(const Path& path, const FieldDescriptor* field);

// The spec of an object, or nullptr when the object is gone.
const Message* SpecOf(const Change& object);

// The object with its spec changed.
using Mutation = std::function<void(Message*)>;
Change Changed(const Change& object, const Mutation& mutation);

// Wrappers, durations and the like: their first field stands for the whole.
bool IsPlain(const Descriptor* type);

bool IsSet(const Message& message, const FieldDescriptor* field);

// Gives the field another value; `variant` is 0 to kVariants - 1. The first takes the field away.
constexpr int kVariants = 5;
void ChangeField(Message* message, const FieldDescriptor* field, int variant);

}  // namespace k8sgw::golden
