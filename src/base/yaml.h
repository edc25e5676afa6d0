// YAML documents as trees that know where they stand in the file.
//
// A Node keeps the text of scalars and the 1-based line and column of every key and value, so that each problem found
// later can be shown at its line. Parsing is bounded: depth, number of nodes and the growth by aliases are limited
// (see kMaxDepth and the constants after it), and duplicate keys are errors. JSON is accepted, as YAML contains it.
// Merge keys (`<<: *base`) are resolved while parsing, because kubectl resolves them too. Tags other than those of the
// core schema are refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace k8sgw::yaml {

// Where something stands in a file; 1-based, 0 means unknown.
struct Mark {
  uint32_t line = 0;
  uint32_t column = 0;
};

class Node {
 public:
  enum class Kind { kNull, kScalar, kSequence, kMapping };

  struct Entry;

  Kind kind = Kind::kNull;
  // True for a scalar that was written in quotes or as a block: it is a string whatever it looks like.
  bool quoted = false;
  Mark mark;
  std::string scalar;
  std::vector<Node> items;
  // In the order of the file; keys are unique.
  std::vector<Entry> entries;

  bool is_null() const { return kind == Kind::kNull; }
  bool is_scalar() const { return kind == Kind::kScalar; }
  bool is_sequence() const { return kind == Kind::kSequence; }
  bool is_mapping() const { return kind == Kind::kMapping; }

  // The value of `key`, or nullptr when this is no mapping or has no such key.
  const Node* Find(std::string_view key) const;
  // The text of the scalar at `key`, or "".
  std::string_view FindScalar(std::string_view key) const;
  // Where a field path such as `spec.virtualHost.routes[2].options` or `data["tls.crt"]` stands: the value, or its key
  // when the value is a list or a map that begins in a later line. A path that leaves the tree gives the mark of the
  // deepest part that exists, so a problem about a missing field points at its parent. A name in lowerCamelCase also
  // finds the key that was written in snake_case.
  Mark Locate(std::string_view path) const;
};

struct Node::Entry {
  std::string key;
  Mark mark;
  Node value;
};

inline constexpr int kMaxDepth = 200;
inline constexpr int kMaxNodes = 4'000'000;
// What all aliases of one file may add: nodes, and bytes of text.
inline constexpr int kMaxAliasNodes = 100'000;
inline constexpr int kMaxAliasBytes = 16 << 20;
// What all anchors of one file may hold. Anchors stand around each other, so that is more than the file.
inline constexpr int kMaxAnchorNodes = 1'000'000;
inline constexpr int kMaxAnchorBytes = 64 << 20;

// A syntax error with its place. `message` says what is wrong and how to mend it.
struct Error {
  Mark mark;
  std::string message;
};

// The documents of one file. Empty documents are left out. When a document is broken, the ones before it are kept and
// `error` is set; nothing after it is read.
struct Stream {
  std::vector<Node> documents;
  bool ok = true;
  Error error;
};

// `text` must be UTF-8; a byte order mark is skipped.
Stream Parse(std::string_view text);

// Writes a tree as block-style YAML, deterministic, strings quoted only where plain text would change their meaning.
std::string Emit(const Node& node);
// Writes a tree as JSON; plain scalars become what they mean (see yaml_scalar.h). `indent` 0 means one line.
std::string EmitJson(const Node& node, int indent = 2);

}  // namespace k8sgw::yaml
