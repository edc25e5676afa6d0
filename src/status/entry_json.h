// Our entry in an object's JSON: read from what the server has, and written as a patch that touches nothing else; and
// the form of a kind that has one status for all control planes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/name.h"
#include "src/status/entry.h"

namespace k8sgw::status {

// What the server has at our place.
struct Found {
  // Entry::Hash of it; 0 when there is nothing, or something that we would not write.
  uint64_t hash = 0;
  // Its subresources, which are to be removed when they are not wanted any longer.
  std::vector<Name> subresources;
  // Of Form::kAlone: the generation of the object.
  int64_t generation = 0;

  bool operator==(const Found&) const = default;
};

// Keeps the memory that reading needs; not for several threads at once.
class EntryReader {
 public:
  // `ns` is the control plane's.
  explicit EntryReader(std::string ns);
  ~EntryReader();

  // `padded` is one object of the API server, with kube::kJsonPadding readable bytes behind it. Never fails: what
  // cannot be read is as if it were not there. Fields that we never write are ignored where nobody could take them for
  // ours, so that they cause no writes.
  Found Read(std::string_view padded, Form form = Form::kByNamespace);
  // The same for a text without padding, such as an answer.
  Found ReadCopy(std::string_view json, Form form = Form::kByNamespace);

 private:
  struct Parser;
  const std::string ns_;
  std::unique_ptr<Parser> parser_;
};

// The JSON merge patch that makes `entry` the one of `ns`, whatever of `found` was there. It holds for the object with
// this uid only: for another one of the same name the server refuses it.
std::string PatchOf(std::string_view ns, std::string_view uid, const Entry& entry, const Found& found,
                    Form form = Form::kByNamespace);

}  // namespace k8sgw::status
