#include "tests/fuzz/mutate.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "src/base/proto_codec.h"
#include "src/model/objects.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t capacity);

namespace k8sgw::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using yaml::Node;

// What values are at the borders of what is allowed, and names that objects of other documents have.
constexpr const char* kTexts[] = {"",
                                  "a",
                                  "b",
                                  "default",
                                  "gloo-system",
                                  "*",
                                  "*.example.com",
                                  "example.com",
                                  "example.com:8080",
                                  "/",
                                  "/a/../b",
                                  "//",
                                  "^/.*$",
                                  "(",
                                  "[a-z]+",
                                  "%REQ(:path)%",
                                  "%",
                                  "\r\n",
                                  "::",
                                  "0.0.0.0",
                                  "127.0.0.1",
                                  "localhost",
                                  "0s",
                                  "1ms",
                                  "-1s",
                                  "999999999s",
                                  "x-a",
                                  ":path",
                                  "host",
                                  "content-type",
                                  "GET",
                                  "\xC3\xA9",
                                  "100",
                                  "-1",
                                  "true",
                                  "null",
                                  "gateway-proxy",
                                  "http",
                                  "https",
                                  "h2",
                                  "TLSv1_2",
                                  "a_b",
                                  "a.b",
                                  "a~b",
                                  "{{ x }}",
                                  "\\1",
                                  "/static",
                                  "x=y",
                                  "petstore",
                                  "~",
                                  "[::1]",
                                  "1.2.3.4/33",
                                  "utf-8"};
constexpr int64_t kNumbers[] = {0,     1,   2,   3,   -1,  80,        443,       8080,      65535,
                                65536, 100, 200, 503, 999, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  // Below `n`, which is not 0.
  size_t Below(size_t n) { return random_() % n; }

  std::string Text() { return kTexts[Below(std::size(kTexts))]; }
  int64_t Number() { return kNumbers[Below(std::size(kNumbers))]; }

  // --- trees

  void Collect(Node& node, std::vector<Node*>& out) {
    out.push_back(&node);
    for (Node& item : node.items) Collect(item, out);
    for (Node::Entry& entry : node.entries) Collect(entry.value, out);
  }

  void MutateTree(std::vector<Node>& documents) {
    std::vector<Node*> all;
    for (Node& document : documents) Collect(document, all);
    Node& node = *all[Below(all.size())];
    switch (Below(7)) {
      case 0: node = ScalarOf(Text(), Below(2) == 0); break;
      case 1: node = ScalarOf(std::to_string(Number()), false); break;
      case 2: node = Node(*all[Below(all.size())]); break;
      case 3: std::swap(node.kind, all[Below(all.size())]->kind); break;
      case 4:
        if (!node.items.empty()) node.items.push_back(Node(node.items[Below(node.items.size())]));
        if (!node.entries.empty())
          node.entries.erase(node.entries.begin() + static_cast<ptrdiff_t>(Below(node.entries.size())));
        break;
      case 5:
        if (!node.items.empty())
          node.items.erase(node.items.begin() + static_cast<ptrdiff_t>(Below(node.items.size())));
        if (!node.entries.empty()) node.entries[Below(node.entries.size())].key = Text();
        break;
      case 6: MutateDocuments(documents); break;
    }
  }

  // Another document of the same, with another name or the same one.
  void MutateDocuments(std::vector<Node>& documents) {
    const size_t at = Below(documents.size());
    if (Below(3) == 0 && documents.size() > 1) {
      documents.erase(documents.begin() + static_cast<ptrdiff_t>(at));
      return;
    }
    Node copy = documents[at];
    for (Node::Entry& entry : copy.entries) {
      if (entry.key != "metadata" || Below(4) == 0) continue;
      for (Node::Entry& name : entry.value.entries) {
        if (name.key == "name") name.value = ScalarOf(std::string(1, static_cast<char>('a' + Below(5))), true);
      }
    }
    documents.push_back(std::move(copy));
  }

  static Node ScalarOf(std::string text, bool quoted) {
    Node node;
    node.kind = Node::Kind::kScalar;
    node.quoted = quoted;
    node.scalar = std::move(text);
    return node;
  }

  // --- messages

  // Changes the spec of some object by the description of its kind; false when it has none.
  bool MutateObject(std::vector<Node>& documents) {
    Node& document = documents[Below(documents.size())];
    const KindInfo* kind = FindKind(document.FindScalar("kind"));
    if (!kind || !document.is_mapping()) return false;
    const std::string package(kind->api_version.substr(0, kind->api_version.find('/')));
    const auto* descriptor = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
        (package == "v1" ? "gloo.solo.io" : package) + "." + std::string(KindName(kind->kind)));
    if (!descriptor) return false;
    std::unique_ptr<Message> message(
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
    Node* spec = nullptr;
    for (Node::Entry& entry : document.entries) {
      if (entry.key == "spec") spec = &entry.value;
    }
    if (!spec) return false;
    DecodeProto(*spec, message.get());
    for (size_t times = 1 + Below(3); times > 0; --times) MutateMessage(message.get(), 0);
    *spec = EncodeProto(*message);
    return true;
  }

  // Goes down a random way, and changes one field there.
  void MutateMessage(Message* message, int depth) {
    const auto* descriptor = message->GetDescriptor();
    if (descriptor->field_count() == 0) return;
    const Reflection* r = message->GetReflection();
    std::vector<const FieldDescriptor*> set;
    r->ListFields(*message, &set);
    const bool down = !set.empty() && Below(4) != 0;
    const FieldDescriptor* field =
        down ? set[Below(set.size())]
             : descriptor->field(static_cast<int>(Below(static_cast<size_t>(descriptor->field_count()))));
    if (down && Below(12) == 0) return r->ClearField(message, field);
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return SetScalar(message, field);
    if (depth > 12) return;
    if (!field->is_repeated()) return MutateMessage(r->MutableMessage(message, field), depth + 1);
    const int size = r->FieldSize(*message, field);
    if (size == 0 || Below(6) == 0) return MutateMessage(r->AddMessage(message, field), depth + 1);
    const int at = static_cast<int>(Below(static_cast<size_t>(size)));
    if (Below(8) == 0 && size > 1)
      return r->SwapElements(message, field, at, static_cast<int>(Below(static_cast<size_t>(size))));
    if (Below(10) == 0) return r->RemoveLast(message, field);
    if (Below(6) == 0 && !field->is_map()) {
      std::unique_ptr<Message> copy(r->GetRepeatedMessage(*message, field, at).New());
      copy->CopyFrom(r->GetRepeatedMessage(*message, field, at));
      r->AddAllocatedMessage(message, field, copy.release());
    }
    MutateMessage(r->MutableRepeatedMessage(message, field, at), depth + 1);
  }

  void SetScalar(Message* message, const FieldDescriptor* field) {
    const Reflection* r = message->GetReflection();
    const auto put = [&](auto value, auto set, auto add) {
      (r->*(field->is_repeated() ? add : set))(message, field, value);
    };
    const int64_t number = Below(4) == 0 ? static_cast<int64_t>(random_()) : Number();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL: return put(number % 2 == 0, &Reflection::SetBool, &Reflection::AddBool);
      case FieldDescriptor::CPPTYPE_INT32:
        return put(static_cast<int32_t>(number), &Reflection::SetInt32, &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_INT64: return put(number, &Reflection::SetInt64, &Reflection::AddInt64);
      case FieldDescriptor::CPPTYPE_UINT32:
        return put(static_cast<uint32_t>(number), &Reflection::SetUInt32, &Reflection::AddUInt32);
      case FieldDescriptor::CPPTYPE_UINT64:
        return put(static_cast<uint64_t>(number), &Reflection::SetUInt64, &Reflection::AddUInt64);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return put(static_cast<double>(number) / 2, &Reflection::SetDouble, &Reflection::AddDouble);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return put(static_cast<float>(number) / 2, &Reflection::SetFloat, &Reflection::AddFloat);
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto* type = field->enum_type();
        return put(type->value(static_cast<int>(Below(static_cast<size_t>(type->value_count())))), &Reflection::SetEnum,
                   &Reflection::AddEnum);
      }
      case FieldDescriptor::CPPTYPE_STRING: return put(Text(), &Reflection::SetString, &Reflection::AddString);
      case FieldDescriptor::CPPTYPE_MESSAGE: return;
    }
  }

 private:
  std::minstd_rand random_;
};

}  // namespace

size_t MutateText(uint8_t* data, size_t size, size_t capacity, unsigned seed) {
  Mutator mutator(seed);
  const size_t way = mutator.Below(10);
  if (way == 0) return LLVMFuzzerMutate(data, size, capacity);
  // A file that is not written to its end.
  if (way == 1 && size > 1) return 1 + mutator.Below(size - 1);
  yaml::Stream stream = yaml::Parse({reinterpret_cast<const char*>(data), size});
  if (!stream.ok || stream.documents.empty()) return LLVMFuzzerMutate(data, size, capacity);
  if (way < 5 || !mutator.MutateObject(stream.documents)) mutator.MutateTree(stream.documents);
  std::string text;
  for (const yaml::Node& document : stream.documents) text += "---\n" + yaml::Emit(document);
  if (text.size() > capacity) return LLVMFuzzerMutate(data, size, capacity);
  std::memcpy(data, text.data(), text.size());
  return text.size();
}

}  // namespace k8sgw::fuzz
