#include "src/base/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::yaml {
namespace {

using testing::HasSubstr;

// All documents in one line of JSON, separated by " | "; of an error, its place and words.
std::string Show(std::string_view text) {
  const Stream stream = Parse(text);
  std::string out;
  for (const Node& document : stream.documents) out += (out.empty() ? "" : " | ") + EmitJson(document, 0);
  if (!stream.ok) {
    out += (out.empty() ? "" : " | ") + std::to_string(stream.error.mark.line) + ":" +
           std::to_string(stream.error.mark.column) + " " + stream.error.message;
  }
  return out;
}

struct Case {
  const char* name;
  std::string_view text;
  std::string_view shown;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }

class Yaml : public testing::TestWithParam<Case> {};

TEST_P(Yaml, IsRead) { EXPECT_EQ(Show(GetParam().text), GetParam().shown); }

std::string CaseName(const testing::TestParamInfo<Case>& info) { return info.param.name; }

constexpr Case kShapes[] = {
    {"Nothing", "", ""},
    {"OnlyAComment", "# nothing\n", ""},
    {"EmptyDocuments", "---\n---\n# x\n--- ~\n...\n", ""},
    {"SeveralDocuments", "a: 1\n---\nb: 2\n--- [3]\n...\n---\n'4'\n", R"({"a": 1} | {"b": 2} | [3] | "4")"},
    {"Json", R"({"a": [1, true, null, "x\u00e9\ud83d\ude00"], "b": {}})", R"({"a": [1, true, null, "xé😀"], "b": {}})"},
    {"CrLf", "a: 1\r\nb:\r\n- x\r\n", R"({"a": 1, "b": ["x"]})"},
    {"ByteOrderMark",
     "\xEF\xBB\xBF"
     "a: 1\n",
     R"({"a": 1})"},
    {"NoEndOfLine", "a: 1", R"({"a": 1})"},
    {"Blocks", "a: |\n  x\n   y\nb: >-\n  x\n  y\n", R"({"a": "x\n y\n", "b": "x y"})"},
    {"QuotedIsText", "a: '1'\nb: \"yes\"\nc: ''\n", R"({"a": "1", "b": "yes", "c": ""})"},
    {"TaggedText", "a: !!str 1\nb: ! 2\n", R"({"a": "1", "b": "2"})"},
    {"TaggedNumber", "a: !!int '1'\n", R"({"a": 1})"},
    {"MissingValues", "a:\nb: ~\nc: null\n", R"({"a": null, "b": null, "c": null})"},
    {"KeysAreText", "1: a\ntrue: b\nnull: c\n0x1: d\n", R"({"1": "a", "true": "b", "null": "c", "0x1": "d"})"},
    {"EmptyKey", "'': a\n", R"({"": "a"})"},
};
INSTANTIATE_TEST_SUITE_P(Shapes, Yaml, testing::ValuesIn(kShapes), CaseName);

constexpr Case kAliases[] = {
    {"Alias", "a: &x [1, 2]\nb: *x\n", R"({"a": [1, 2], "b": [1, 2]})"},
    {"AnchorsAreReplaced", "a: &x 1\nb: *x\nc: &x 2\nd: *x\n", R"({"a": 1, "b": 1, "c": 2, "d": 2})"},
    {"AnchorsEndWithTheirDocument", "a: &x 1\n---\nb: *x\n",
     R"({"a": 1} | 3:4 alias *x has no anchor before it: define &x above in the same document, or put the text in quotes)"},
    {"AliasInsideOfItsAnchor", "a: &x\n  b: *x\n", "2:6 alias *x stands inside of its own anchor"},
    {"AliasAsKey", "a: &x k\n*x : 1\n", R"({"a": "k", "k": 1})"},
    {"Merge", "x: &x {a: 1, b: 2}\ny:\n  b: 3\n  <<: *x\n  c: 4\n",
     R"({"x": {"a": 1, "b": 2}, "y": {"b": 3, "c": 4, "a": 1}})"},
    {"MergeOfSeveral", "- &a {k: 1}\n- &b {k: 2, l: 2}\n- <<: [*a, *b]\n",
     R"([{"k": 1}, {"k": 2, "l": 2}, {"k": 1, "l": 2}])"},
    {"QuotedMergeIsAKey", "'<<': 1\n", R"({"<<": 1})"},
    {"MergeOfAScalar", "a:\n  <<: 1\n",
     R"(2:3 merge key << needs a map or a list of maps; put "<<" in quotes if it is a key)"},
    {"TwoMerges", "- &a {k: 1}\n- <<: *a\n  <<: *a\n", "3:3 merge key << is given twice: use <<: [*a, *b]"},
};
INSTANTIATE_TEST_SUITE_P(Aliases, Yaml, testing::ValuesIn(kAliases), CaseName);

constexpr std::string_view kNul("a: \"x\0y\"\n", 9);
constexpr Case kErrors[] = {
    {"DuplicateKey", "a: 1\nb: 2\na: 3\n", R"(3:1 key "a" is given twice, first in line 1: keep one of them)"},
    {"DuplicateKeyInFlow", "x: {a: 1, 'a': 2}\n", R"(1:11 key "a" is given twice, first in line 1: keep one of them)"},
    {"DocumentsBeforeAnErrorStay", "a: 1\n---\nb: [1\n",
     R"({"a": 1} | 4:1 expected "," or "]": the list is not closed ("[" stands in line 3))"},
    {"Tab", "a:\n\tb: 1\n", "2:1 a tab is used for indentation: use spaces"},
    {"TabAfterSpaces", "a:\n  b: 1\n \tc: 1\n", "3:2 a tab is used for indentation: use spaces"},
    {"Nul", kNul, "1:6 a NUL byte: the file is binary, UTF-16, or was cut off while it was written; save it as UTF-8"},
    {"Control", "a: \x1b[0m\n",
     "1:4 control character U+001B is not allowed: remove it, or write it as \"\\u001b\" in quotes"},
    {"Latin1", "a: b\nname: M\xFCller\n", "2:8 byte 0xFC is not UTF-8: save the file as UTF-8"},
    {"CutCharacter", "a: \xE2\x82", "1:4 byte 0xE2 is not UTF-8: save the file as UTF-8"},
    {"OverlongCharacter", "a: \xC0\xAF\n", "1:4 byte 0xC0 is not UTF-8: save the file as UTF-8"},
    {"Surrogate", "a: \xED\xA0\x80\n", "1:4 byte 0xED is not UTF-8: save the file as UTF-8"},
    {"Utf16",
     "\xFF\xFE"
     "a",
     "1:1 the file is UTF-16: save it as UTF-8"},
    {"JoinedFiles",
     "a: 1\n\xEF\xBB\xBF"
     "b: 2\n",
     "2:1 a byte order mark inside of the file: remove it (files were joined)"},
    {"CutInQuotes", "a:\n  b: \"x\n", "3:1 the closing quote is missing (the quote was opened in line 2)"},
    {"ColonInText", "a: b: c\n", "1:5 \": \" is not allowed here: put the value in quotes, or mend the indentation"},
    {"Template", "a: {{ x }}\n", "1:5 a key must be text, not a list or a map: a template's {{ … }} must be in quotes"},
    {"At", "a: @x\n", "1:4 text cannot begin with \"@\": put it in quotes"},
    {"Indentation", "a:\n    b: 1\n  c: 2\n",
     "3:3 expected a key here: a key must be indented exactly like its neighbours, and text "
     "with quotes inside must be quoted as a whole (the map begins in line 1)"},
    {"UnknownTag", "a: !!binary aGk=\n",
     "1:4 tag !!binary is not supported: remove it, or put text that begins with \"!\" in quotes"},
    {"OwnTag", "a: !x 1\n", "1:4 tag !x is not supported: remove it, or put text that begins with \"!\" in quotes"},
    {"MissingKey", "?\n: 1\n", "1:2 a key is missing before \":\""},
    {"LoneSurrogateEscape", "a: \"\\ud83d\"\n", "1:7 this escape is no character: a surrogate stands alone"},
};
INSTANTIATE_TEST_SUITE_P(Errors, Yaml, testing::ValuesIn(kErrors), CaseName);

TEST(YamlPlaces, EveryValueKnowsItsLine) {
  const Stream stream = Parse(
      "# comment\n"
      "spec:\n"
      "  virtualHost:\n"
      "    routes:\n"
      "    - matchers: []\n"
      "    - route_action:\n"
      "        single: {a.b: 1}\n");
  ASSERT_TRUE(stream.ok);
  const auto at = [&](std::string_view path) {
    const Mark mark = stream.documents[0].Locate(path);
    return std::to_string(mark.line) + ":" + std::to_string(mark.column);
  };
  EXPECT_EQ(at(""), "2:1");
  EXPECT_EQ(at("spec.virtualHost.routes"), "4:5");
  EXPECT_EQ(at("spec.virtualHost.routes[1]"), "6:7");
  EXPECT_EQ(at("spec.virtualHost.routes[1].routeAction.single"), "7:9");
  EXPECT_EQ(at("spec.virtualHost.routes[1].routeAction.single[\"a.b\"]"), "7:18");
  // What does not exist is shown at its parent.
  EXPECT_EQ(at("spec.virtualHost.domains[3]"), "3:3");
  EXPECT_EQ(at("spec.virtualHost.routes[9].x"), "4:5");
  EXPECT_EQ(at("spec.virtualHost.routes[0"), "4:5");
  EXPECT_EQ(at("nothing[\"cut"), "2:1");
}

TEST(YamlPlaces, ColumnsCountCharacters) {
  const Stream stream = Parse("a: {é: 1, ü: 2}\n");
  ASSERT_TRUE(stream.ok);
  EXPECT_EQ(stream.documents[0].Find("a")->entries[1].mark.column, 11u);
}

TEST(YamlPlaces, CrLfCountsOnce) {
  const Stream stream = Parse("a: 1\r\nb: 2\r\nc: 3\r\n");
  ASSERT_TRUE(stream.ok);
  EXPECT_EQ(stream.documents[0].entries[2].mark.line, 3u);
}

}  // namespace
}  // namespace k8sgw::yaml
