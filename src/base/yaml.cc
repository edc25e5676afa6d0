#include "src/base/yaml.h"

#include <yaml.h>

#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "src/base/text.h"
#include "src/base/yaml_errors.h"
#include "src/base/yaml_scalar.h"

namespace k8sgw::yaml {
namespace {

Mark ToMark(const yaml_mark_t& mark) {
  return {static_cast<uint32_t>(mark.line + 1), static_cast<uint32_t>(mark.column + 1)};
}

std::string_view View(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
}

// A finished node that has an anchor, with what a copy of it costs.
struct Anchor {
  Node node;
  int nodes = 0;
  int depth = 0;
  size_t bytes = 0;
};

void Measure(const Node& node, int depth, Anchor* anchor) {
  ++anchor->nodes;
  anchor->depth = std::max(anchor->depth, depth);
  anchor->bytes += node.scalar.size();
  for (const Node& item : node.items) Measure(item, depth + 1, anchor);
  for (const Node::Entry& entry : node.entries) {
    anchor->bytes += entry.key.size();
    Measure(entry.value, depth + 1, anchor);
  }
}

// A collection that is still open.
struct Frame {
  Node node;
  std::string anchor;
  // Of mappings: the key whose value comes next.
  std::string key;
  Mark key_mark;
  bool has_key = false;
  // The plain key `<<`: its value is merged in, not kept.
  bool key_merges = false;
  // The value of `<<`, until the mapping ends: its own keys win.
  std::optional<Node> merged;
};

// Owns the parser and builds trees from its events.
class Builder {
 public:
  Builder(std::string_view text, Stream* stream) : text_(text), stream_(stream) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  ~Builder() { yaml_parser_delete(&parser_); }

  void Run();

 private:
  // These return false after Fail.
  bool Handle(const yaml_event_t& event);
  bool OnScalar(const yaml_event_t& event);
  bool OnAlias(const yaml_event_t& event);
  bool OnStart(Node::Kind kind, const yaml_event_t& event, const yaml_char_t* anchor, const yaml_char_t* tag);
  bool OnEnd();
  bool Attach(Node node, int depth);
  bool AttachKey(const Node& node);
  bool CheckKeys(const Node& mapping);
  bool CountNode(Mark mark);
  bool Remember(const std::string& name, const Node& node);
  bool Fail(Mark mark, std::string message);

  std::string_view text_;
  Stream* stream_;
  yaml_parser_t parser_;
  std::vector<Frame> stack_;
  std::map<std::string, Anchor, std::less<>> anchors_;
  int nodes_ = 0;
  int alias_nodes_ = 0;
  size_t alias_bytes_ = 0;
  int anchor_nodes_ = 0;
  size_t anchor_bytes_ = 0;
};

bool Builder::Fail(Mark mark, std::string message) {
  stream_->ok = false;
  stream_->error = {mark, std::move(message)};
  return false;
}

void Builder::Run() {
  bool going = true;
  while (going) {
    yaml_event_t event;
    if (yaml_parser_parse(&parser_, &event) == 0) {
      stream_->ok = false;
      stream_->error = ExplainParserError(parser_, text_);
      return;
    }
    going = Handle(event) && event.type != YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
}

bool Builder::Handle(const yaml_event_t& event) {
  switch (event.type) {
    case YAML_DOCUMENT_START_EVENT: anchors_.clear(); return true;
    case YAML_SCALAR_EVENT: return OnScalar(event);
    case YAML_ALIAS_EVENT: return OnAlias(event);
    case YAML_SEQUENCE_START_EVENT:
      return OnStart(Node::Kind::kSequence, event, event.data.sequence_start.anchor, event.data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
      return OnStart(Node::Kind::kMapping, event, event.data.mapping_start.anchor, event.data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return OnEnd();
    default: return true;
  }
}

bool Builder::CountNode(Mark mark) {
  if (++nodes_ <= kMaxNodes) return true;
  return Fail(mark, Cat("more than ", kMaxNodes, " values in one file: split the file"));
}

bool Builder::OnScalar(const yaml_event_t& event) {
  const auto& scalar = event.data.scalar;
  Node node;
  node.mark = ToMark(event.start_mark);
  node.scalar.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
  node.kind = Node::Kind::kScalar;
  node.quoted = scalar.style != YAML_PLAIN_SCALAR_STYLE;
  if (scalar.tag != nullptr) {
    const std::string_view tag = View(scalar.tag);
    if (tag == YAML_STR_TAG || tag == "!") {
      node.quoted = true;
    } else if (tag == YAML_INT_TAG || tag == YAML_FLOAT_TAG || tag == YAML_BOOL_TAG || tag == YAML_NULL_TAG) {
      node.quoted = false;
    } else {
      return Fail(node.mark, ExplainTag(tag));
    }
  }
  if (!node.quoted && ClassifyPlain(node.scalar) == ScalarType::kNull) {
    node.kind = Node::Kind::kNull;
    if (stack_.empty() || stack_.back().has_key || stack_.back().node.is_sequence()) node.scalar.clear();
  }
  if (!CountNode(node.mark)) return false;
  if (scalar.anchor != nullptr && !Remember(std::string(View(scalar.anchor)), node)) return false;
  return Attach(std::move(node), 1);
}

// Anchors may stand around each other, and each keeps a copy: without a bound, depth times the size of the file.
bool Builder::Remember(const std::string& name, const Node& node) {
  Anchor anchor;
  Measure(node, 1, &anchor);
  anchor_nodes_ += anchor.nodes;
  anchor_bytes_ += anchor.bytes;
  if (anchor_nodes_ > kMaxAnchorNodes || anchor_bytes_ > size_t{kMaxAnchorBytes}) {
    return Fail(node.mark, Cat("anchors hold more than ", kMaxAnchorNodes, " values or ", kMaxAnchorBytes >> 20,
                               " MiB: use fewer anchors"));
  }
  anchor.node = node;
  anchors_[name] = std::move(anchor);
  return true;
}

bool Builder::OnAlias(const yaml_event_t& event) {
  const Mark mark = ToMark(event.start_mark);
  const std::string_view name = View(event.data.alias.anchor);
  for (const Frame& frame : stack_) {
    if (frame.anchor == name) return Fail(mark, Cat("alias *", name, " stands inside of its own anchor"));
  }
  const auto it = anchors_.find(name);
  if (it == anchors_.end()) {
    return Fail(mark, Cat("alias *", name, " has no anchor before it: define &", name,
                          " above in the same document, or put the text in quotes"));
  }
  const Anchor& anchor = it->second;
  alias_nodes_ += anchor.nodes;
  alias_bytes_ += anchor.bytes;
  nodes_ += anchor.nodes - 1;
  if (alias_nodes_ > kMaxAliasNodes || alias_bytes_ > size_t{kMaxAliasBytes}) {
    return Fail(mark, Cat("aliases expand to more than ", kMaxAliasNodes, " values or ", kMaxAliasBytes >> 20,
                          " MiB: write the values out, or use fewer aliases"));
  }
  if (!CountNode(mark)) return false;
  return Attach(anchor.node, anchor.depth);
}

bool Builder::OnStart(Node::Kind kind, const yaml_event_t& event, const yaml_char_t* anchor, const yaml_char_t* tag) {
  const Mark mark = ToMark(event.start_mark);
  const std::string_view tag_text = View(tag);
  const std::string_view core = kind == Node::Kind::kSequence ? YAML_SEQ_TAG : YAML_MAP_TAG;
  if (!tag_text.empty() && tag_text != core && tag_text != "!") return Fail(mark, ExplainTag(tag_text));
  if (stack_.size() >= kMaxDepth) {
    return Fail(mark, Cat("nested deeper than ", kMaxDepth, " levels"));
  }
  if (!stack_.empty() && stack_.back().node.is_mapping() && !stack_.back().has_key) {
    return Fail(mark, "a key must be text, not a list or a map: a template's {{ … }} must be in quotes");
  }
  if (!CountNode(mark)) return false;
  Frame& frame = stack_.emplace_back();
  frame.node.kind = kind;
  frame.node.mark = mark;
  frame.anchor = View(anchor);
  return true;
}

// Adds what `merged` (a mapping, or a list of mappings of which earlier ones win) has and `mapping` has not.
void MergeInto(Node* mapping, Node merged) {
  std::vector<Node> sources;
  if (merged.is_mapping()) {
    sources.push_back(std::move(merged));
  } else {
    sources = std::move(merged.items);
  }
  std::unordered_set<std::string> taken;
  for (const Node::Entry& entry : mapping->entries) taken.insert(entry.key);
  for (Node& source : sources) {
    for (Node::Entry& entry : source.entries) {
      if (taken.insert(entry.key).second) mapping->entries.push_back(std::move(entry));
    }
  }
}

bool Builder::OnEnd() {
  Frame frame = std::move(stack_.back());
  stack_.pop_back();
  if (frame.node.is_mapping() && !CheckKeys(frame.node)) return false;
  if (frame.merged) MergeInto(&frame.node, *std::move(frame.merged));
  int depth = 1;
  if (!frame.anchor.empty()) {
    if (!Remember(frame.anchor, frame.node)) return false;
    depth = anchors_[frame.anchor].depth;
  }
  return Attach(std::move(frame.node), depth);
}

// Mappings are small as a rule, so comparing each with each beats hashing.
bool Builder::CheckKeys(const Node& mapping) {
  const std::vector<Node::Entry>& entries = mapping.entries;
  const auto fail = [&](const Node::Entry& first, const Node::Entry& second) {
    return Fail(second.mark,
                Cat("key \"", second.key, "\" is given twice, first in line ", first.mark.line, ": keep one of them"));
  };
  if (entries.size() <= 16) {
    for (size_t i = 1; i < entries.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (entries[i].key == entries[j].key) return fail(entries[j], entries[i]);
      }
    }
    return true;
  }
  std::unordered_map<std::string_view, const Node::Entry*> seen;
  seen.reserve(entries.size());
  for (const Node::Entry& entry : entries) {
    const auto [it, inserted] = seen.emplace(entry.key, &entry);
    if (!inserted) return fail(*it->second, entry);
  }
  return true;
}

bool Builder::AttachKey(const Node& node) {
  Frame& frame = stack_.back();
  if (node.is_null() && node.scalar.empty()) return Fail(node.mark, "a key is missing before \":\"");
  if (!node.is_scalar() && !node.is_null()) return Fail(node.mark, "a key must be text, not a list or a map");
  frame.key = node.scalar;
  frame.key_mark = node.mark;
  frame.key_merges = !node.quoted && node.scalar == "<<";
  frame.has_key = true;
  if (frame.key_merges && frame.merged) return Fail(node.mark, "merge key << is given twice: use <<: [*a, *b]");
  return true;
}

// `depth` is that of the node's own tree; only copies made by aliases may be deeper than what the stack has checked.
bool Builder::Attach(Node node, int depth) {
  if (stack_.size() + static_cast<size_t>(depth) > kMaxDepth + 1) {
    return Fail(node.mark, Cat("aliases nest deeper than ", kMaxDepth, " levels"));
  }
  if (stack_.empty()) {
    if (!node.is_null()) stream_->documents.push_back(std::move(node));
    return true;
  }
  Frame& frame = stack_.back();
  if (frame.node.is_sequence()) {
    frame.node.items.push_back(std::move(node));
    return true;
  }
  if (!frame.has_key) return AttachKey(node);
  frame.has_key = false;
  if (!frame.key_merges) {
    frame.node.entries.push_back({std::move(frame.key), frame.key_mark, std::move(node)});
    return true;
  }
  bool mergeable = node.is_mapping() || node.is_sequence();
  for (const Node& item : node.items) mergeable = mergeable && item.is_mapping();
  if (!mergeable) {
    return Fail(frame.key_mark, "merge key << needs a map or a list of maps; put \"<<\" in quotes if it is a key");
  }
  frame.merged = std::move(node);
  return true;
}

}  // namespace

Stream Parse(std::string_view text) {
  Stream stream;
  if (std::optional<Error> error = CheckText(text)) {
    stream.ok = false;
    stream.error = *std::move(error);
    return stream;
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::string rewritten = JoinSurrogates(text);
  if (!rewritten.empty()) text = rewritten;
  Builder(text, &stream).Run();
  return stream;
}

}  // namespace k8sgw::yaml
