#include "src/base/yaml_errors.h"

#include <charconv>

#include "absl/strings/str_format.h"
#include "src/base/text.h"
#include "src/base/utf8.h"

namespace k8sgw::yaml {
namespace {

Mark MarkAt(std::string_view text, size_t offset) {
  Mark mark{1, 1};
  for (size_t i = 0; i < offset; ++i) {
    if (text[i] == '\n') {
      ++mark.line;
      mark.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) {
      ++mark.column;
    }
  }
  return mark;
}

// The line of text (without its end) that has this 1-based number.
std::string_view LineOf(std::string_view text, uint32_t line) {
  for (uint32_t i = 1; i < line; ++i) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

bool IsTabIndented(std::string_view line) {
  const size_t first = line.find_first_not_of(' ');
  return first != std::string_view::npos && line[first] == '\t';
}

std::string ControlMessage(uint32_t c) {
  if (c == 0) return "a NUL byte: the file is binary, UTF-16, or was cut off while it was written; save it as UTF-8";
  if (c == 0xFEFF) return "a byte order mark inside of the file: remove it (files were joined)";
  return absl::StrFormat("control character U+%04X is not allowed: remove it, or write it as \"\\u%04x\" in quotes", c,
                         c);
}

// What the parser's words mean for the author. The first entry whose text is a part of the problem counts; `at` says
// whether the place of the context (where the construct was opened) is named too.
struct Explanation {
  std::string_view problem;
  std::string_view context;
  std::string_view message;
  std::string_view opened;
};

constexpr Explanation kExplanations[] = {
    {"mapping values are not allowed", "",
     "\": \" is not allowed here: put the value in quotes, or mend the indentation", ""},
    {"could not find expected ':'", "", "expected \":\" after the key", "the key begins"},
    {"did not find expected key", "block mapping",
     "expected a key here: a key must be indented exactly like its neighbours, and text with quotes inside must be "
     "quoted as a whole",
     "the map begins"},
    {"did not find expected '-' indicator", "",
     "expected \"- \" here: every item of a list begins with it, indented alike", "the list begins"},
    {"did not find expected ',' or ']'", "", "expected \",\" or \"]\": the list is not closed", "\"[\" stands"},
    {"did not find expected ',' or '}'", "", "expected \",\" or \"}\": the map is not closed", "\"{\" stands"},
    {"found unexpected end of stream", "quoted scalar", "the closing quote is missing", "the quote was opened"},
    {"found unexpected document indicator", "", "the closing quote is missing before this document mark",
     "the quote was opened"},
    {"found unknown escape character", "", "unknown escape after \\: use '…' quotes, or write \\\\ for a backslash",
     ""},
    {"did not find expected hexdecimal number", "", "hexadecimal digits are missing after the escape", ""},
    {"found invalid Unicode character escape code", "", "this escape is no character: a surrogate stands alone", ""},
    {"block sequence entries are not allowed", "",
     "\"- \" is not allowed here: put the list on its own lines below the key", ""},
    {"mapping keys are not allowed", "", "a key is not allowed here: put it on a line of its own", ""},
    {"a tab character", "", "a tab is used for indentation: use spaces", ""},
    {"did not find expected <document start>", "",
     "expected the end of the document: put --- between documents, or mend the indentation", ""},
    {"did not find expected comment or line break", "", "text after | or > must begin on the next line", ""},
    {"found undefined tag handle", "", "unknown tag: remove it, or put text that begins with \"!\" in quotes", ""},
    {"did not find expected alphabetic or numeric character", "",
     "a name is missing after & or *: put text that begins with them in quotes", ""},
    {"found unexpected ':'", "", "\":\" is not allowed here: put the text in quotes", ""},
    {"did not find expected node content", "", "a value is missing here", ""},
    {"found incompatible YAML document", "", "this YAML version is not known: remove the %YAML line", ""},
};

std::string ExplainStart(std::string_view line, Mark mark) {
  if (IsTabIndented(line)) return "a tab is used for indentation: use spaces";
  const char c = mark.column >= 1 && mark.column <= line.size() ? line[mark.column - 1] : '\0';
  if (c == '\t') return "a tab is used between values: use spaces";
  if (c == '@' || c == '`' || c == '%') {
    return absl::StrFormat("text cannot begin with \"%c\": put it in quotes", c);
  }
  return "no value can begin with this character: put the text in quotes";
}

}  // namespace

std::optional<Error> CheckText(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return Error{{1, 1}, "the file is UTF-16: save it as UTF-8"};
  }
  size_t i = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  while (i < text.size()) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if ((c >= 0x20 && c < 0x7F) || c == '\n' || c == '\t' || c == '\r') {
      ++i;
      continue;
    }
    uint32_t code;
    const size_t length = DecodeUtf8(text.substr(i), &code);
    if (length == 0) {
      return Error{MarkAt(text, i), absl::StrFormat("byte 0x%02X is not UTF-8: save the file as UTF-8", c)};
    }
    if (!IsYamlPrintable(code)) return Error{MarkAt(text, i), ControlMessage(code)};
    i += length;
  }
  return std::nullopt;
}

std::string JoinSurrogates(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (text[first] != '{' && text[first] != '[')) return {};
  const auto unit = [&](size_t at, uint32_t low, uint32_t high, uint32_t* out) {
    if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return false;
    const char* end = text.data() + at + 6;
    const auto [stop, error] = std::from_chars(text.data() + at + 2, end, *out, 16);
    return error == std::errc() && stop == end && *out >= low && *out <= high;
  };
  std::string out;
  size_t copied = 0;
  for (size_t i = text.find('\\'); i < text.size(); i = text.find('\\', i)) {
    uint32_t high;
    uint32_t low;
    if (!unit(i, 0xD800, 0xDBFF, &high) || !unit(i + 6, 0xDC00, 0xDFFF, &low)) {
      i += 2;
      continue;
    }
    out += Cat(text.substr(copied, i - copied),
               absl::StrFormat("\\U%08x", 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)));
    i += 12;
    copied = i;
  }
  if (copied > 0) out += text.substr(copied);
  return out;
}

Error ExplainParserError(const yaml_parser_t& parser, std::string_view text) {
  const std::string_view problem = parser.problem == nullptr ? "" : parser.problem;
  const std::string_view context = parser.context == nullptr ? "" : parser.context;
  if (parser.error == YAML_MEMORY_ERROR) return {{}, "not enough memory"};
  const Mark mark{static_cast<uint32_t>(parser.problem_mark.line + 1),
                  static_cast<uint32_t>(parser.problem_mark.column + 1)};
  const std::string_view line = LineOf(text, mark.line);
  if ((problem.find("cannot start any token") != std::string_view::npos)) return {mark, ExplainStart(line, mark)};
  for (const Explanation& e : kExplanations) {
    if (!(problem.find(e.problem) != std::string_view::npos) || !(context.find(e.context) != std::string_view::npos))
      continue;
    std::string message(IsTabIndented(line) ? "a tab is used for indentation: use spaces" : e.message);
    if (!e.opened.empty() && parser.context_mark.line + 1 != mark.line) {
      message += Cat(" (", e.opened, " in line ", parser.context_mark.line + 1, ")");
    }
    return {mark, std::move(message)};
  }
  return {mark, Cat(context, context.empty() ? "" : ", ", problem)};
}

std::string ExplainTag(std::string_view tag) {
  constexpr std::string_view kCore = "tag:yaml.org,2002:";
  const std::string shown = tag.starts_with(kCore) ? Cat("!!", tag.substr(kCore.size())) : std::string(tag);
  return Cat("tag ", shown, " is not supported: remove it, or put text that begins with \"!\" in quotes");
}

}  // namespace k8sgw::yaml
