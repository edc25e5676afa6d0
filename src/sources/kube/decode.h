// Reads the lines of a watch and the parts of a list. Only the metadata that the protocol needs is decoded; an object's
// own bytes are handed on as they came.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "src/sources/kube/api_status.h"

namespace k8sgw::kube {

struct ObjectMeta {
  std::string namespace_;  // "" for objects of the cluster
  std::string name;
  std::string uid;
  // Opaque: never compared but for equality.
  std::string resource_version;

  bool operator==(const ObjectMeta&) const = default;
};

// An object as it came. `json` is one JSON object (maybe with white space after it), and kJsonPadding more bytes behind
// it may be read, so simdjson takes it without a copy. Objects of a list page often have no kind and apiVersion.
struct RawObject {
  ObjectMeta meta;
  std::string_view json;
};

// Bytes behind a text that simdjson may read.
inline constexpr size_t kJsonPadding = 64;

struct WatchLine {
  enum class Type { kAdded, kModified, kDeleted, kBookmark, kError };
  Type type{};
  // Of a bookmark, only the resource version counts.
  RawObject object;
  // The bookmark after the last of the initial events of a watch that asked for them.
  bool initial_events_end = false;
  // Of kError.
  ApiStatus error;
};

struct ListPage {
  std::string resource_version;
  // The token for the next page; "" after the last one.
  std::string continue_token;
};

// Keeps the memory that decoding needs, so one is used again and again; not for several threads at once.
class Decoder {
 public:
  Decoder();
  ~Decoder();

  // Behind both texts, kJsonPadding bytes must be readable. Views in the results are views of the texts. An object
  // without a name or a resource version is an error, as is everything that is no JSON: DataLoss.
  absl::StatusOr<WatchLine> ReadLine(std::string_view padded);
  // A list without its items.
  absl::StatusOr<ListPage> ReadFrame(std::string_view padded);
  // One object, such as an item of a list.
  absl::StatusOr<RawObject> ReadObject(std::string_view padded);
  // Gives memory back that a large page needed.
  void Shrink();

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace k8sgw::kube
