#include "plugins/grpc_json/http_template.h"

namespace k8sgw::plugins::grpc_json {
namespace {

// Reads
//
//   path     = "/" [ segments [ ":" literal ] ]
//   segments = segment { "/" segment }
//   segment  = "*" | "**" | literal | "{" name { "." name } [ "=" segments ] "}"
//
// where a literal is anything without / : } and a name anything without . } =. A variable stands in no other, and only
// literals stand behind a **.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  bool Path() {
    if (!Take('/')) return false;
    if (rest_.empty()) return true;
    if (!Segments(false)) return false;
    if (Take(':') && !Literal(':')) return false;
    return rest_.empty();
  }
  std::string& shape() { return shape_; }

 private:
  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Up to one of these characters, or to the end; "" when it is missing.
  std::string_view TakeUntil(std::string_view ends) {
    const std::string_view text = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(text.size());
    return text;
  }

  bool Literal(char before) {
    const std::string_view text = TakeUntil("/:}");
    shape_.append(1, before).append(text);
    return !text.empty();
  }

  bool Wildcard(std::string_view stars) {
    if (after_all_) return false;
    after_all_ = stars.size() > 1;
    shape_.append("/").append(stars);
    return true;
  }

  bool Variable() {
    do {
      if (TakeUntil(".}=").empty()) return false;
    } while (Take('.'));
    if (Take('=') ? !Segments(true) : !Wildcard("*")) return false;
    return Take('}');
  }

  bool Segment(bool in_variable) {
    if (Take('*')) return Wildcard(Take('*') ? "**" : "*");
    if (Take('{')) return !in_variable && Variable();
    return Literal('/');
  }

  bool Segments(bool in_variable) {
    do {
      if (!Segment(in_variable)) return false;
    } while (Take('/'));
    return true;
  }

  std::string_view rest_;
  std::string shape_;
  // A ** was there.
  bool after_all_ = false;
};

}  // namespace

std::optional<std::string> ShapeOf(std::string_view path) {
  Parser parser(path);
  if (!parser.Path()) return std::nullopt;
  return std::move(parser.shape());
}

}  // namespace k8sgw::plugins::grpc_json
