#include "src/xds/wire.h"

#include <google/protobuf/struct.pb.h>
#include <google/rpc/status.proto.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/slice.h>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/service/discovery/v3/discovery.proto.h"
#include "envoy/type/v3/semantic_version.proto.h"

namespace k8sgw::xds {
namespace {

namespace dsv3 = ::envoy::service::discovery::v3;

// Pieces below this size are joined with their neighbours: a slice costs gRPC more than copying a few kilobytes.
constexpr size_t kJoinBelow = 16 << 10;

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value > 0x7f; value >>= 7) ++size;
  return size;
}

// Sizes of fields: a tag of one byte (all numbers used here are below 16), a length, the bytes.
size_t FieldSize(size_t length) { return 1 + VarintSize(length) + length; }

// Builds a message out of slices. Small pieces are gathered in a buffer; large ones are passed by reference.
class Writer {
 public:
  void Tag(int field, size_t length) {
    text_.push_back(static_cast<char>(field << 3 | 2));
    uint64_t value = length;
    for (; value > 0x7f; value >>= 7) text_.push_back(static_cast<char>((value & 0x7f) | 0x80));
    text_.push_back(static_cast<char>(value));
  }
  // Writes an empty text as well: an empty name is one of a list, and the sizes of messages count on it.
  void Text(int field, std::string_view text) {
    Tag(field, text.size());
    text_.append(text);
  }
  void Shared(const Ptr<std::string>& bytes) {
    if (bytes->size() < kJoinBelow) {
      text_.append(*bytes);
      if (text_.size() >= kFlushAt) Flush();
      return;
    }
    Flush();
    auto* keep = new Ptr<std::string>(bytes);
    slices_.emplace_back(
        const_cast<char*>(bytes->data()), bytes->size(),
        [](void* held) { delete static_cast<Ptr<std::string>*>(held); }, keep);
  }
  // Slices that others have made.
  void Append(const std::vector<grpc::Slice>& slices) {
    Flush();
    slices_.insert(slices_.end(), slices.begin(), slices.end());
  }
  std::vector<grpc::Slice> Finish() {
    Flush();
    return std::move(slices_);
  }

 private:
  static constexpr size_t kFlushAt = 256 << 10;

  void Flush() {
    if (text_.empty()) return;
    auto* keep = new std::string(std::move(text_));
    text_.clear();
    slices_.emplace_back(keep->data(), keep->size(), [](void* held) { delete static_cast<std::string*>(held); }, keep);
  }

  std::string text_;
  std::vector<grpc::Slice> slices_;
};

// google.protobuf.Any: type_url = 1, value = 2.
size_t AnySize(const Response& response, const Resource& resource) {
  return FieldSize(response.type_url.size()) + FieldSize(resource.size);
}

void WriteAny(const Response& response, const Resource& resource, Writer& writer) {
  writer.Text(1, response.type_url);
  writer.Tag(2, resource.size);
  for (const auto& piece : resource.body) writer.Shared(piece);
}

template <class Message>
bool ParseMessage(const grpc::ByteBuffer& bytes, Message* out) {
  grpc::ByteBuffer copy(bytes);
  return grpc::GenericDeserialize<grpc::ProtoBufferReader, Message>(&copy, out).ok();
}

template <class Message>
void ReadCommon(const Message& message, Request* out) {
  if (message.has_node()) {
    out->node_id = message.node().id();
    const auto& fields = message.node().metadata().fields();
    const auto role = fields.find("role");
    out->role = role == fields.end() ? "" : role->second.string_value();
    const auto module = fields.find(kModuleField);
    out->module = module == fields.end() ? "" : module->second.string_value();
    if (message.node().has_user_agent_build_version()) {
      const auto& version = message.node().user_agent_build_version().version();
      out->envoy = EnvoyVersion{version.major_number(), version.minor_number(), version.patch()};
    }
  }
  out->type_url = message.type_url();
  out->nonce = message.response_nonce();
  if (message.has_error_detail()) out->error = message.error_detail().message();
}

}  // namespace

bool ParseStateRequest(const grpc::ByteBuffer& bytes, Request* out) {
  dsv3::DiscoveryRequest message;
  if (!ParseMessage(bytes, &message)) return false;
  ReadCommon(message, out);
  out->version = message.version_info();
  out->names.assign(message.resource_names().begin(), message.resource_names().end());
  return true;
}

bool ParseDeltaRequest(const grpc::ByteBuffer& bytes, Request* out) {
  dsv3::DeltaDiscoveryRequest message;
  if (!ParseMessage(bytes, &message)) return false;
  ReadCommon(message, out);
  out->subscribe.assign(message.resource_names_subscribe().begin(), message.resource_names_subscribe().end());
  out->unsubscribe.assign(message.resource_names_unsubscribe().begin(), message.resource_names_unsubscribe().end());
  out->initial_versions.insert(message.initial_resource_versions().begin(), message.initial_resource_versions().end());
  return true;
}

// DiscoveryResponse: version_info = 1, resources = 2, type_url = 4, nonce = 5.
std::vector<grpc::Slice> StateBody(const Response& response) {
  Writer writer;
  for (const auto& resource : response.resources) {
    writer.Tag(2, AnySize(response, *resource));
    WriteAny(response, *resource, writer);
  }
  return writer.Finish();
}

// DeltaDiscoveryResponse: system_version_info = 1, resources = 2, type_url = 4, nonce = 5, removed_resources = 6.
// Resource: version = 1, resource = 2, name = 3.
std::vector<grpc::Slice> DeltaBody(const Response& response) {
  Writer writer;
  for (const auto& resource : response.resources) {
    const size_t any = AnySize(response, *resource);
    writer.Tag(2, FieldSize(resource->version.size()) + FieldSize(any) + FieldSize(resource->name.size()));
    writer.Text(1, resource->version);
    writer.Text(3, resource->name);
    writer.Tag(2, any);
    WriteAny(response, *resource, writer);
  }
  return writer.Finish();
}

// Both kinds have these fields under the same numbers. Only delta responses say what is removed.
grpc::ByteBuffer WriteStateResponse(const Response& response, const std::vector<grpc::Slice>& body) {
  return WriteDeltaResponse(response, body);
}

grpc::ByteBuffer WriteDeltaResponse(const Response& response, const std::vector<grpc::Slice>& body) {
  Writer writer;
  writer.Text(1, response.version);
  writer.Text(4, response.type_url);
  writer.Text(5, response.nonce);
  for (const std::string& name : response.removed) writer.Text(6, name);
  writer.Append(body);
  const std::vector<grpc::Slice> all = writer.Finish();
  return grpc::ByteBuffer(all.data(), all.size());
}

}  // namespace k8sgw::xds
