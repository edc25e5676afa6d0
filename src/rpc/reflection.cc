#include "src/rpc/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/server_initializer.h>
#include <grpcpp/impl/service_type.h>

#include <atomic>
#include <mutex>
#include <set>

#include "src/rpc/one_request.h"

namespace k8sgw::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::UnknownField;
// Messages of a few fields: not worth their generated code.
using Message = google::protobuf::UnknownFieldSet;

constexpr char kMethod[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

// Anybody may ask, and an answer to few bytes can be large: so many are there at once.
constexpr int kMostCalls = 16;

// Numbers of fields.
enum Request { kHost = 1, kFileByName = 3, kFileOfSymbol = 4, kFileOfExtension = 5, kExtensionsOf = 6, kList = 7 };
enum Response { kValidHost = 1, kOriginal = 2, kFiles = 4, kNumbers = 5, kServices = 6, kError = 7 };

void Add(Message& message, int field, const Message& value) {
  value.SerializeToString(message.AddLengthDelimited(field));
}

// The last value of a field is the one that counts; "" and 0 for none.
std::string Text(const Message& message, int number) {
  std::string text;
  for (int i = 0; i < message.field_count(); ++i) {
    const UnknownField& field = message.field(i);
    if (field.number() == number && field.type() == UnknownField::TYPE_LENGTH_DELIMITED)
      text = field.length_delimited();
  }
  return text;
}

int Number(const Message& message, int number) {
  int value = 0;
  for (int i = 0; i < message.field_count(); ++i) {
    const UnknownField& field = message.field(i);
    if (field.number() == number && field.type() == UnknownField::TYPE_VARINT) value = static_cast<int>(field.varint());
  }
  return value;
}

void AddError(Message& out, grpc::StatusCode code, const char* what) {
  Message error;
  error.AddVarint(1, static_cast<uint64_t>(code));
  error.AddLengthDelimited(2, what);
  Add(out, kError, error);
}

// A file, and all that it imports, each once.
void AddFile(const FileDescriptor& file, std::set<const FileDescriptor*>& seen, Message& out) {
  if (!seen.insert(&file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  proto.SerializeToString(out.AddLengthDelimited(1));
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), seen, out);
}

void AddFiles(const FileDescriptor* file, Message& out) {
  if (!file) return AddError(out, grpc::StatusCode::NOT_FOUND, "there is no such name");
  std::set<const FileDescriptor*> seen;
  Message files;
  AddFile(*file, seen, files);
  Add(out, kFiles, files);
}

const FileDescriptor* FileOfExtension(const std::string& bytes) {
  Message asked;
  if (!asked.ParseFromString(bytes)) return nullptr;
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const Descriptor* type = pool.FindMessageTypeByName(Text(asked, 1));
  const FieldDescriptor* extension = type ? pool.FindExtensionByNumber(type, Number(asked, 2)) : nullptr;
  return extension ? extension->file() : nullptr;
}

void AddExtensions(const std::string& name, Message& out) {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const Descriptor* type = pool.FindMessageTypeByName(name);
  if (!type) return AddError(out, grpc::StatusCode::NOT_FOUND, "there is no such name");
  std::vector<const FieldDescriptor*> extensions;
  pool.FindAllExtensions(type, &extensions);
  Message numbers;
  numbers.AddLengthDelimited(1, name);
  for (const FieldDescriptor* one : extensions) numbers.AddVarint(2, static_cast<uint64_t>(one->number()));
  Add(out, kNumbers, numbers);
}

void AddServices(const std::vector<std::string>& services, Message& out) {
  Message list;
  for (const std::string& name : services) {
    Message service;
    service.AddLengthDelimited(1, name);
    Add(list, 1, service);
  }
  Add(out, kServices, list);
}

class Service final : public grpc::Service {
 public:
  Service() {
    AddMethod(new grpc::internal::RpcServiceMethod(kMethod, grpc::internal::RpcMethod::BIDI_STREAMING, nullptr));
    MarkMethodRawCallback(0, new OneRequestHandler([this](grpc::CallbackServerContext*) { return new Call(*this); }));
  }

  void SetNames(std::vector<std::string> names) {
    std::lock_guard<std::mutex> lock(mutex_);
    names_ = std::move(names);
  }

 private:
  // Requests one after the other: the next one is read when the answer to the one before has gone.
  class Call final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    explicit Call(Service& service) : service_(service) {
      if (++service_.calls_ > kMostCalls) {
        Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many ask for descriptions at once"});
      } else {
        StartRead(&bytes_);
      }
    }
    void OnReadDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::OK);
      grpc::Slice whole;
      std::string request;
      if (bytes_.DumpToSingleSlice(&whole).ok())
        request.assign(reinterpret_cast<const char*>(whole.begin()), whole.size());
      const std::string answer = AnswerReflection(request, service_.Names());
      if (answer.empty()) return Finish({grpc::StatusCode::INVALID_ARGUMENT, "that is no request of reflection"});
      const grpc::Slice slice(answer);
      bytes_ = grpc::ByteBuffer(&slice, 1);
      StartWrite(&bytes_);
    }
    void OnWriteDone(bool ok) override {
      if (!ok) return Finish(grpc::Status::CANCELLED);
      bytes_.Clear();
      StartRead(&bytes_);
    }
    void OnDone() override {
      --service_.calls_;
      delete this;
    }

   private:
    Service& service_;
    grpc::ByteBuffer bytes_;
  };

  std::vector<std::string> Names() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return names_;
  }

  std::atomic<int> calls_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> names_;  // guarded by mutex_
};

class Plugin final : public grpc::ServerBuilderPlugin {
 public:
  std::string name() override { return "reflection v1"; }
  void InitServer(grpc::ServerInitializer* server) override { server->RegisterService(service_); }
  void Finish(grpc::ServerInitializer* server) override { service_->SetNames(*server->GetServiceList()); }
  void ChangeArguments(const std::string&, void*) override {}

 private:
  // The server has it, too.
  const std::shared_ptr<Service> service_ = std::make_shared<Service>();
};

}  // namespace

std::unique_ptr<grpc::ServerBuilderPlugin> MakeReflection() { return std::make_unique<Plugin>(); }

std::string AnswerReflection(const std::string& request, const std::vector<std::string>& services) {
  Message asked;
  if (!asked.ParseFromString(request)) return "";
  // They are alternatives, of which the last one counts.
  int what = 0;
  for (int i = 0; i < asked.field_count(); ++i) {
    const int number = asked.field(i).number();
    if (number >= kFileByName && number <= kList) what = number;
  }
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  const std::string text = Text(asked, what);
  Message out;
  if (const std::string host = Text(asked, kHost); !host.empty()) out.AddLengthDelimited(kValidHost, host);
  out.AddLengthDelimited(kOriginal, request);
  switch (what) {
    case kFileByName: AddFiles(pool.FindFileByName(text), out); break;
    case kFileOfSymbol: AddFiles(pool.FindFileContainingSymbol(text), out); break;
    case kFileOfExtension: AddFiles(FileOfExtension(text), out); break;
    case kExtensionsOf: AddExtensions(text, out); break;
    case kList: AddServices(services, out); break;
    default: AddError(out, grpc::StatusCode::UNIMPLEMENTED, "nothing is asked that is known");
  }
  std::string answer;
  out.SerializeToString(&answer);
  return answer;
}

}  // namespace k8sgw::rpc
