#include "src/sources/kube/decode.h"

#include <simdjson.h>

#include "src/base/text.h"

namespace k8sgw::kube {
namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::error_code;
using simdjson::SUCCESS;

static_assert(kJsonPadding >= simdjson::SIMDJSON_PADDING);

constexpr char kInitialEventsEnd[] = "k8s.io/initial-events-end";
// What the parser may keep between two texts.
constexpr size_t kKeptCapacity = 4 << 20;

// Why decoding stopped.
struct Failure {
  error_code code = SUCCESS;
  const char* what = "";

  bool operator()(error_code error, const char* where) {
    if (error != SUCCESS && code == SUCCESS) {
      code = error;
      what = where;
    }
    return code != SUCCESS;
  }
  absl::Status ToStatus() const {
    return absl::DataLossError(
        Cat("the API server's answer cannot be read: ", what, ": ", simdjson::error_message(code)));
  }
};

bool ReadText(ondemand::value value, std::string& text, Failure& failure) {
  std::string_view view;
  if (failure(value.get_string().get(view), "metadata")) return false;
  text.assign(view);
  return true;
}

// Calls `take` with each field until it says no; `take` must use up the value or leave it alone.
template <class Take>
bool EachField(ondemand::object& object, const char* where, Failure& failure, Take take) {
  for (auto field : object) {
    std::string_view key;
    ondemand::value value;
    if (failure(field.unescaped_key().get(key), where) || failure(field.value().get(value), where)) return false;
    if (!take(key, value)) return false;
  }
  return true;
}

bool ReadMeta(ondemand::object& metadata, ObjectMeta& meta, Failure& failure) {
  return EachField(metadata, "metadata", failure, [&](std::string_view key, ondemand::value value) {
    std::string* text = key == "name"              ? &meta.name
                        : key == "namespace"       ? &meta.namespace_
                        : key == "uid"             ? &meta.uid
                        : key == "resourceVersion" ? &meta.resource_version
                                                   : nullptr;
    return text == nullptr || ReadText(value, *text, failure);
  });
}

// The metadata of an object and its bytes.
bool ReadRaw(ondemand::value value, RawObject& raw, Failure& failure) {
  ondemand::object object;
  if (failure(value.get_object().get(object), "object")) return false;
  ondemand::value metadata;
  const error_code found = object.find_field_unordered("metadata").get(metadata);
  if (found == SUCCESS) {
    ondemand::object fields;
    if (failure(metadata.get_object().get(fields), "metadata") || !ReadMeta(fields, raw.meta, failure)) return false;
  } else if (found != simdjson::NO_SUCH_FIELD) {
    return !failure(found, "metadata");
  }
  return !failure(object.raw_json().get(raw.json), "object");
}

absl::Status CheckMeta(const ObjectMeta& meta) {
  if (!meta.name.empty() && !meta.resource_version.empty()) return absl::OkStatus();
  return absl::DataLossError(
      Cat("the API server sent an object without a ", meta.name.empty() ? "name" : "resource version: ", meta.name));
}

bool TypeOf(std::string_view word, WatchLine::Type& type) {
  if (word == "ADDED")
    type = WatchLine::Type::kAdded;
  else if (word == "MODIFIED")
    type = WatchLine::Type::kModified;
  else if (word == "DELETED")
    type = WatchLine::Type::kDeleted;
  else if (word == "BOOKMARK")
    type = WatchLine::Type::kBookmark;
  else if (word == "ERROR")
    type = WatchLine::Type::kError;
  else
    return false;
  return true;
}

bool HasInitialEventsEnd(std::string_view json) {
  simdjson::dom::parser parser;
  std::string_view flag;
  return parser.parse(simdjson::padded_string(json))["metadata"]["annotations"][kInitialEventsEnd].get(flag) ==
             SUCCESS &&
         flag == "true";
}

}  // namespace

struct Decoder::Parser {
  ondemand::parser ondemand;

  // Opens a text that must be one JSON object.
  bool Open(std::string_view padded, ondemand::document& document, ondemand::object& root, Failure& failure) {
    const simdjson::padded_string_view text(padded.data(), padded.size(), padded.size() + kJsonPadding);
    return !failure(ondemand.iterate(text).get(document), "the text") &&
           !failure(document.get_object().get(root), "the text");
  }
};

Decoder::Decoder() : parser_(std::make_unique<Parser>()) {}
Decoder::~Decoder() = default;

void Decoder::Shrink() {
  if (parser_->ondemand.capacity() > kKeptCapacity) parser_ = std::make_unique<Parser>();
}

absl::StatusOr<WatchLine> Decoder::ReadLine(std::string_view padded) {
  Failure failure;
  ondemand::document document;
  ondemand::object root;
  if (!parser_->Open(padded, document, root, failure)) return failure.ToStatus();
  WatchLine line;
  std::string word;
  bool has_object = false;
  EachField(root, "event", failure, [&](std::string_view key, ondemand::value value) {
    if (key == "type") return ReadText(value, word, failure);
    if (key != "object") return true;
    has_object = true;
    return ReadRaw(value, line.object, failure);
  });
  if (failure.code != SUCCESS) return failure.ToStatus();
  if (!has_object || !TypeOf(word, line.type))
    return absl::DataLossError(
        Cat("the API server sent an event of the unknown type '", word, "', or without an object"));
  if (line.type == WatchLine::Type::kError) {
    line.error = ParseApiStatus(0, line.object.json);
    return line;
  }
  if (line.type == WatchLine::Type::kBookmark) {
    line.initial_events_end = HasInitialEventsEnd(line.object.json);
    if (line.object.meta.resource_version.empty())
      return absl::DataLossError("the API server sent a bookmark without a resource version");
    return line;
  }
  if (absl::Status status = CheckMeta(line.object.meta); !status.ok()) return status;
  return line;
}

absl::StatusOr<ListPage> Decoder::ReadFrame(std::string_view padded) {
  Failure failure;
  ondemand::document document;
  ondemand::object root;
  if (!parser_->Open(padded, document, root, failure)) return failure.ToStatus();
  ListPage page;
  bool has_items = false;
  EachField(root, "list", failure, [&](std::string_view key, ondemand::value value) {
    if (key == "metadata") {
      ondemand::object fields;
      return !failure(value.get_object().get(fields), "metadata") &&
             EachField(fields, "metadata", failure, [&](std::string_view name, ondemand::value field) {
               if (name == "resourceVersion") return ReadText(field, page.resource_version, failure);
               return name != "continue" || ReadText(field, page.continue_token, failure);
             });
    }
    if (key != "items") return true;
    has_items = true;
    // Some servers write an empty list as null.
    ondemand::json_type type;
    if (failure(value.type().get(type), "items")) return false;
    return type == ondemand::json_type::null || type == ondemand::json_type::array ||
           !failure(simdjson::INCORRECT_TYPE, "items");
  });
  if (failure.code != SUCCESS) return failure.ToStatus();
  if (!has_items || page.resource_version.empty())
    return absl::DataLossError("the API server's answer is no list: it lacks items or a resource version");
  return page;
}

absl::StatusOr<RawObject> Decoder::ReadObject(std::string_view padded) {
  Failure failure;
  ondemand::document document;
  ondemand::value root;
  RawObject raw;
  const simdjson::padded_string_view text(padded.data(), padded.size(), padded.size() + kJsonPadding);
  if (failure(parser_->ondemand.iterate(text).get(document), "the text") ||
      failure(document.get_value().get(root), "the text") || !ReadRaw(root, raw, failure)) {
    return failure.ToStatus();
  }
  if (absl::Status status = CheckMeta(raw.meta); !status.ok()) return status;
  return raw;
}

}  // namespace k8sgw::kube
