// Takes secrets out of what is shown.
//
// What is taken out, as a whole text each:
// - all texts of a Secret but its public certificates, and what Envoy's messages have for keys;
// - texts of fields and of maps whose names say that they are secret: passwords, tokens, keys of APIs and the like;
// - texts that hold a private key, or any text of a Secret that is known, wherever they stand: a header's value, a
//   credential of a filter, a message about an error.
// Numbers stay. Immutable; may be used from any thread.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace k8sgw::admin {

inline constexpr char kRedacted[] = "[redacted]";

class Redactor {
 public:
  Redactor() = default;

  // The texts of a message of secrets are not shown from now on, but for its public certificates.
  void Learn(const google::protobuf::Message& secret);

  // The text, or kRedacted.
  std::string Text(std::string text) const;
  // Messages in Any are looked into; one of an unknown type is replaced by words that say so.
  void Redact(google::protobuf::Message& message) const;

 private:
  bool IsSecret(std::string_view text) const;
  // `all`: every text goes.
  void Walk(google::protobuf::Message& message, bool all) const;
  void WalkField(google::protobuf::Message& message, const google::protobuf::FieldDescriptor* field, bool all) const;
  void WalkAny(google::protobuf::Message& any, bool all) const;

  // Short ones are secret only as a whole; longer ones also as a part, found by how they begin.
  absl::flat_hash_set<std::string> whole_;
  absl::flat_hash_map<uint64_t, std::vector<std::string>> parts_;
};

}  // namespace k8sgw::admin
