// Any bytes as a file: parsed, decoded, written again.
#include <algorithm>

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/matchable_http_gateway.proto.h"
#include "api/gateway/v1/matchable_tcp_gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/base/hash.h"
#include "src/base/proto_codec.h"
#include "src/model/kubernetes.h"
#include "src/sources/file/store.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/require.h"

namespace k8sgw::fuzz {
namespace {

yaml::Node ParseOne(const std::string& text, std::string_view what) {
  yaml::Stream stream = yaml::Parse(text);
  Require(stream.ok, what, stream.error.message + "\n" + text);
  return stream.documents.empty() ? yaml::Node() : std::move(stream.documents.front());
}

// A key that is longer cannot stand before its colon in one line, and JSON has no other way.
bool HasLongKey(const yaml::Node& node) {
  const auto in_entry = [](const yaml::Node::Entry& entry) {
    return entry.key.size() > 150 || HasLongKey(entry.value);
  };
  return std::any_of(node.entries.begin(), node.entries.end(), in_entry) ||
         std::any_of(node.items.begin(), node.items.end(), HasLongKey);
}

void CheckText(const yaml::Node& document) {
  const std::string text = yaml::Emit(document);
  Require(yaml::Emit(ParseOne(text, "what was emitted can be parsed")) == text, "emitting is stable", text);
  if (HasLongKey(document)) return;
  const std::string json = yaml::EmitJson(document, 0);
  Require(yaml::EmitJson(ParseOne(json, "emitted JSON can be parsed"), 0) == json, "emitting JSON is stable", json);
}

void CheckMessage(const google::protobuf::Message& message) {
  const std::string bytes = SerializeDeterministic(message);
  std::unique_ptr<google::protobuf::Message> again(message.New());
  Require(again->ParseFromString(bytes), "what is decoded can be sent", message.DebugString());
  const std::string text = yaml::Emit(EncodeProto(message));
  again->Clear();
  const auto problems = DecodeProto(ParseOne(text, "an encoded message can be parsed"), again.get());
  Require(problems.empty(), "an encoded message can be decoded", text);
  Require(SerializeDeterministic(*again) == bytes, "decoding is the inverse of encoding", text);
}

void CheckObject(const AnyObject& object) {
  std::visit(
      [](const auto& value) {
        if constexpr (requires { CheckMessage(value->spec); }) CheckMessage(value->spec);
      },
      object);
}

void CheckStore(const std::string& path, std::string_view text, bool ok) {
  file::FileStore store("default");
  const std::vector<Change> changes = store.Update(path, text);
  for (const Change& change : changes) Require(!change.gone(), "a new file takes nothing away");
  Require(store.Update(path, text).empty(), "the same text again changes nothing");
  if (!ok) Require(!store.problems().empty(), "what cannot be parsed is reported");
  for (const Change& change : store.Update(path, "["))
    Require(false, "a broken file changes nothing", change.key.ToString());
  Require(store.Remove(path).size() == changes.size(), "removal takes away what was there");
}

void Check(std::string_view text) {
  const yaml::Stream stream = yaml::Parse(text);
  for (const yaml::Node& document : stream.documents) {
    CheckText(document);
    const DecodedDocument decoded = DecodeKubernetes(document, "default");
    for (const Change& change : decoded.objects) CheckObject(change.object);
    for (const PlacedProblem& problem : decoded.problems) {
      Require(!problem.problem.message.empty(), "every problem has words");
      document.Locate(problem.problem.path);
    }
  }
  constexpr const char* kPaths[] = {"f.yaml", "upstreams/ns/a.yaml", "virtualservices/ns/a.yaml", "settings/ns/a.yaml"};
  CheckStore(kPaths[Hash64(text) % std::size(kPaths)], text, stream.ok);
}

}  // namespace
}  // namespace k8sgw::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  k8sgw::fuzz::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t capacity, unsigned seed) {
  return k8sgw::fuzz::MutateText(data, size, capacity, seed);
}
