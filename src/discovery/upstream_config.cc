#include "src/discovery/upstream_config.h"

#include <memory>

#include "api/gloo/v1/upstream.proto.h"
#include "src/base/proto_codec.h"
#include "src/base/text.h"
#include "src/json/tree.h"

namespace k8sgw::discovery {
namespace {

constexpr char kDeepMerge[] = "gloo.solo.io/upstream_config.deep_merge";
constexpr size_t kMaxMistakes = 10;
constexpr size_t kMaxMistakeBytes = 300;

// Texts of people who want to do harm are as long as they can be.
std::string Shortened(std::string text) {
  if (text.size() <= kMaxMistakeBytes) return text;
  size_t end = kMaxMistakeBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

class Reader {
 public:
  void Read(std::string_view text, size_t max_bytes, gloov1::Upstream& out) {
    if (text.size() > max_bytes)
      return Mistake(Cat("it has ", text.size(), " bytes, at most ", max_bytes, " are read"));
    const auto tree = yaml::FromJson(yaml::Padded(std::string(text)).view());
    if (!tree.ok()) return Mistake(std::string(tree.status().message()));
    if (!tree->is_mapping()) return Mistake("it is no JSON object");
    for (const DecodeProblem& problem : DecodeProto(*tree, &out)) {
      Mistake(Cat(problem.path, problem.path.empty() ? "" : ": ", problem.message));
      LeaveOut(problem.path, out);
    }
    out.clear_metadata();
    out.clear_discovery_metadata();
    out.clear_namespaced_statuses();
    if (out.upstream_type_case() != gloov1::Upstream::UPSTREAM_TYPE_NOT_SET && !out.has_kube()) {
      Mistake("an annotation cannot lead away from its Service");
      out.clear_upstream_type();
    }
  }

  std::vector<std::string> Take() {
    if (count_ > kMaxMistakes) mistakes_.push_back(Cat(kUpstreamConfig, ": and ", count_ - kMaxMistakes, " more"));
    return std::move(mistakes_);
  }

 private:
  // The whole field of an Upstream that the path leads into: half of a TLS configuration is worse than none.
  static void LeaveOut(std::string_view path, gloov1::Upstream& out) {
    const std::string name(path.substr(0, path.find_first_of(".[")));
    const auto& fields = *out.GetDescriptor();
    for (int i = 0; i < fields.field_count(); ++i) {
      if (fields.field(i)->json_name() == name) out.GetReflection()->ClearField(&out, fields.field(i));
    }
  }

  void Mistake(const std::string& what) {
    if (++count_ <= kMaxMistakes) mistakes_.push_back(Shortened(Cat(kUpstreamConfig, ": ", what)));
  }

  std::vector<std::string> mistakes_;
  size_t count_ = 0;
};

}  // namespace

std::string_view FindAnnotation(const Labels& annotations, std::string_view key) {
  const auto found = annotations.find(std::string(key));
  return found == annotations.end() ? std::string_view() : found->second;
}

UpstreamConfig ReadUpstreamConfig(const Labels& annotations, size_t max_bytes) {
  UpstreamConfig config;
  const std::string_view text = FindAnnotation(annotations, kUpstreamConfig);
  if (text.empty()) return config;
  Reader reader;
  auto fields = std::make_shared<gloov1::Upstream>();
  reader.Read(text, max_bytes, *fields);
  config.fields = std::move(fields);
  config.deep = FindAnnotation(annotations, kDeepMerge) == "true";
  config.mistakes = reader.Take();
  return config;
}

void MergeInto(const UpstreamConfig& config, gloov1::Upstream* out) {
  if (!config.fields) return;
  if (!config.deep) {
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    config.fields->GetReflection()->ListFields(*config.fields, &fields);
    for (const auto* field : fields) out->GetReflection()->ClearField(out, field);
  }
  out->MergeFrom(*config.fields);
}

}  // namespace k8sgw::discovery
