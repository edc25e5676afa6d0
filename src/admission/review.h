// The AdmissionReview of an API server, read: who asks what about which objects. Pure.
//
// Everything is decoded here, so that what waits for its verdict is small, whatever the bytes were. What API servers
// and kubectl note for themselves in an object (status, managedFields, the last applied configuration) is left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "src/model/objects.h"

namespace k8sgw::admission {

enum class Operation { kCreate, kUpdate, kDelete, kOther };

// One object that the review is about.
struct Item {
  // `kind` is kDocument for a kind that is not judged; the rest is what is known.
  ResourceKey key;
  // The object as it would be. Gone for deletions; nullopt when it cannot be decoded.
  std::optional<Change> change;
  Problems problems;
  // An annotation asks not to look.
  bool skip = false;
  // Nothing differs from the old object but its status and other bookkeeping.
  bool same = false;
};

struct Review {
  // Of the envelope: "admission.k8s.io/v1" or "…/v1beta1". The answer has the same.
  std::string api_version;
  std::string uid;
  Operation operation = Operation::kOther;
  // request.kind, request.namespace and request.name.
  std::string group;
  std::string kind;
  std::string ns;
  std::string name;
  bool dry_run = false;
  // The answer is to have the Proxies that there would be; of the body, beside the request.
  bool return_proxies = false;
  // The object, or all those of a List.
  std::vector<Item> items;
  // The review is about a Namespace, and these are the labels it would have; it has no items.
  bool is_namespace = false;
  Labels labels;
};

enum class Format { kJson, kYaml };

// A review with more signs that begin or separate values is refused before it becomes a tree of some 100 bytes for
// each.
inline constexpr size_t kMostSeparators = 1'000'000;
// Longer Lists are refused: the pipeline's thread judges all items at once.
inline constexpr size_t kMostItems = 1'000;

// kJsonPadding bytes behind `padded` are readable. Errors: InvalidArgument for what is no AdmissionReview that can be
// answered.
absl::StatusOr<Review> ReadReview(std::string_view padded, Format format);

}  // namespace k8sgw::admission
