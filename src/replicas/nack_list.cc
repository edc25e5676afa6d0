#include "src/replicas/nack_list.h"

#include <optional>
#include <utility>

#include "src/base/printable.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/model/objects.h"

namespace k8sgw::replicas {
namespace {

// Names in a cluster have 253 bytes, those of resources hold some of them, and messages some of those.
constexpr size_t kMostNameBytes = 2 << 10;
constexpr size_t kMostMessageBytes = 4 << 10;
constexpr size_t kMostProblems = 100;

std::string Field(std::string_view key, std::string_view value) {
  return Cat("\"", key, "\":\"", JsonEscaped(value), "\"");
}

std::string Write(const Problem& problem) {
  return Cat("{", Field("kind", KindName(problem.object.kind)), ",", Field("namespace", problem.object.ns.str()), ",",
             Field("name", problem.object.name.str()), ",", Field("path", problem.path), ",",
             Field("message", problem.message), ",", Field("fix", problem.fix), "}");
}

std::string Write(const NackInForce& nack) {
  std::string out = Cat("{", Field("role", nack.role), ",", Field("type", xds::TypeUrl(nack.type)), ",",
                        Field("name", nack.name), ",", Field("version", nack.version), ",\"problems\":[");
  for (const Problem& problem : nack.problems) out += Cat(&problem == nack.problems.data() ? "" : ",", Write(problem));
  return out + "]}";
}

// Whether all of it has been read.
bool Read(const yaml::Node& from, std::string_view key, size_t most, std::string& to) {
  const yaml::Node* value = from.Find(key);
  if (!value || !value->is_scalar() || !value->quoted || value->scalar.size() > most) return false;
  to = value->scalar;
  return true;
}

std::optional<Problem> ReadProblem(const yaml::Node& from) {
  std::string kind, ns, name;
  Problem problem;
  problem.severity = Severity::kError;
  const bool whole = Read(from, "kind", kMostNameBytes, kind) && Read(from, "namespace", kMostNameBytes, ns) &&
                     Read(from, "name", kMostNameBytes, name) && Read(from, "path", kMostNameBytes, problem.path) &&
                     Read(from, "message", kMostMessageBytes, problem.message) &&
                     Read(from, "fix", kMostNameBytes, problem.fix);
  const KindInfo* info = whole ? FindKind(kind) : nullptr;
  if (!info || name.empty()) return std::nullopt;
  problem.object = {info->kind, ns, name};
  return problem;
}

std::optional<NackInForce> ReadNack(const yaml::Node& from) {
  NackInForce nack;
  std::string url;
  const yaml::Node* problems = from.Find("problems");
  if (!problems || problems->items.empty() || problems->items.size() > kMostProblems ||
      !Read(from, "role", kMostNameBytes, nack.role) || !Read(from, "type", kMostNameBytes, url) ||
      !Read(from, "name", kMostNameBytes, nack.name) || !Read(from, "version", kMostNameBytes, nack.version)) {
    return std::nullopt;
  }
  const std::optional<xds::Type> type = xds::TypeOfUrl(url);
  if (!type || nack.role.empty()) return std::nullopt;
  nack.type = *type;
  for (const yaml::Node& item : problems->items) {
    std::optional<Problem> problem = ReadProblem(item);
    if (!problem) return std::nullopt;
    nack.problems.push_back(std::move(*problem));
  }
  return nack;
}

}  // namespace

std::string WriteNacks(const std::vector<NackInForce>& nacks, size_t most_bytes, size_t* left_out) {
  std::string out;
  *left_out = 0;
  // One that is too large must not hide the others, and those that have no room are not all made for nothing.
  size_t made = 0;
  for (const NackInForce& nack : nacks) {
    const std::string text = made < 2 * most_bytes ? Write(nack) : std::string();
    made += text.size();
    if (text.empty() || out.size() + text.size() + 2 > most_bytes) {
      ++*left_out;
    } else {
      out += Cat(out.empty() ? "[" : ",", text);
    }
  }
  return out.empty() ? out : out + "]";
}

absl::StatusOr<NackList> ReadNacks(const std::string& text) {
  const yaml::Padded padded(text);
  const absl::StatusOr<yaml::Node> root = yaml::FromJson(padded.view());
  if (!root.ok()) return root.status();
  const yaml::Node* list = root->Find("refusals");
  if (!list || !list->is_sequence()) return absl::DataLossError("it has no list of refusals");
  NackList out;
  for (const yaml::Node& item : list->items) {
    if (std::optional<NackInForce> nack = ReadNack(item)) {
      out.nacks.push_back(std::move(*nack));
    } else {
      ++out.left_out;
    }
  }
  return out;
}

}  // namespace k8sgw::replicas
