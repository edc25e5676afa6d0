#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/proto_codec.h"
#include "src/base/proto_test_schema.h"
#include "src/base/text.h"

namespace k8sgw {
namespace {

testing::Schema& TheSchema() {
  static testing::Schema schema;
  return schema;
}

std::string Show(const std::vector<DecodeProblem>& problems) {
  std::string out;
  for (const DecodeProblem& p : problems) {
    out += Cat(out.empty() ? "" : "\n", p.mark.line, ":", p.mark.column, " ", p.path, ": ", p.message);
    if (!p.fix.empty()) out += Cat("; ", p.fix);
  }
  return out;
}

// The message that the YAML describes, as one line of JSON; or what is wrong with it.
std::string Decode(std::string_view text) {
  const yaml::Stream stream = yaml::Parse(text);
  if (!stream.ok) return "no YAML: " + stream.error.message;
  const auto message = TheSchema().New();
  const auto problems = DecodeProto(stream.documents.empty() ? yaml::Node() : stream.documents[0], message.get());
  return problems.empty() ? yaml::EmitJson(EncodeProto(*message), 0) : Show(problems);
}

struct Case {
  std::string_view text;
  std::string_view expected;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.text; }

class ProtoDecode : public ::testing::TestWithParam<Case> {};

TEST_P(ProtoDecode, Gives) { EXPECT_EQ(Decode(GetParam().text), GetParam().expected) << GetParam().text; }

constexpr Case kScalars[] = {
    {"{flag: true}", R"({"flag": true})"},
    {"{flag: 'true'}", R"({"flag": true})"},
    {"{flag: on}", R"({"flag": true})"},
    {"{flag: 'on'}", R"(1:8 flag: "on" is no boolean; write true or false)"},
    {"{flag: 1}", R"(1:8 flag: "1" is no boolean; write true or false)"},
    {"{i32: -2147483648}", R"({"i32": -2147483648})"},
    {"{i32: -2147483649}", "1:7 i32: -2147483649 is out of range; use -2147483648 to 2147483647"},
    {"{i32: 2147483648}", "1:7 i32: 2147483648 is out of range; use -2147483648 to 2147483647"},
    {"{i32: '12'}", R"({"i32": 12})"},
    {"{i32: 3.0}", R"({"i32": 3})"},
    {"{i32: 1e3}", R"({"i32": 1000})"},
    {"{i32: 0x10}", R"({"i32": 16})"},
    {"{i32: 010}", R"({"i32": 8})"},
    {"{i32: 3.5}", R"(1:7 i32: "3.5" is no whole number; write it with digits only)"},
    {"{i32: ''}", R"(1:7 i32: "" is no whole number; write it with digits only)"},
    {"{i32: true}", R"(1:7 i32: "true" is no whole number; write it with digits only)"},
    {"{i64: '-9223372036854775808'}", R"({"i64": "-9223372036854775808"})"},
    {"{i64: -9223372036854775809}",
     "1:7 i64: -9223372036854775809 is out of range; use -9223372036854775808 to 9223372036854775807"},
    {"{i64: 9223372036854775807}", R"({"i64": "9223372036854775807"})"},
    {"{i64: 99999999999999999999}", R"(1:7 i64: "99999999999999999999" is no whole number; write it with digits only)"},
    {"{u32: 4294967295}", R"({"u32": 4294967295})"},
    {"{u32: 4294967296}", "1:7 u32: 4294967296 is out of range; use 0 to 4294967295"},
    {"{u32: -1}", "1:7 u32: -1 is out of range; use 0 to 4294967295"},
    {"{u32: -0, maybe: -0}", R"({"maybe": 0})"},
    {"{u64: 18446744073709551615}", R"({"u64": "18446744073709551615"})"},
    {"{numbers: [1, '2', 0b11]}", R"({"numbers": ["1", "2", "3"]})"},
    {"{real: 1.5}", R"({"real": 1.5})"},
    {"{real: '1.5'}", R"({"real": 1.5})"},
    {"{real: NaN}", R"({"real": "NaN"})"},
    {"{real: .nan}", R"({"real": "NaN"})"},
    {"{real: '-Infinity'}", R"({"real": "-Infinity"})"},
    {"{real: .inf}", R"({"real": "Infinity"})"},
    {"{real: 1e309}", R"(1:8 real: "1e309" is no number; write it like 1.5)"},
    {"{real: x}", R"(1:8 real: "x" is no number; write it like 1.5)"},
    {"{narrow: 0.1}", R"({"narrow": 0.1})"},
    {"{narrow: 1e39}", "1:10 narrow: 1e39 is out of range; write a smaller number"},
    {"{text: abc}", R"({"text": "abc"})"},
    {"{text: '5'}", R"({"text": "5"})"},
    {"{text: 5}", R"(1:8 text: expected text, but 5 is a number; put it in quotes: "5")"},
    {"{text: no}", R"(1:8 text: expected text, but no is a boolean; put it in quotes: "no")"},
    {"{text: y, flag: y, value: n}", R"({"flag": true, "text": "y", "value": false})"},
    {"{text: [a]}", "1:8 text: expected a single value, got a list; write one value in the line of the field"},
    {"{text: {a: b}}", "1:8 text: expected a single value, got a mapping; write one value in the line of the field"},
    {"{raw: aGk=}", R"({"raw": "aGk="})"},
    {"{raw: -_8}", R"({"raw": "+/8="})"},
    {"{raw: 'a!'}", "1:7 raw: is no base64; encode it with: base64 -w0"},
    {"{color: BLUE, colors: [GREEN, 2]}", R"({"color": "BLUE", "colors": ["GREEN", "BLUE"]})"},
    {"{color: BLEU}", R"(1:9 color: "BLEU" is not one of RED, GREEN, BLUE; did you mean "BLUE"?)"},
    {"{color: blue}", R"(1:9 color: "blue" is not one of RED, GREEN, BLUE; did you mean "BLUE"?)"},
    {"{color: 3}", R"(1:9 color: "3" is not one of RED, GREEN, BLUE; write one of them)"},
    {"{color: -1}", R"(1:9 color: "-1" is not one of RED, GREEN, BLUE; write one of them)"},
};
INSTANTIATE_TEST_SUITE_P(Scalars, ProtoDecode, ::testing::ValuesIn(kScalars));

constexpr Case kStructure[] = {
    {"", "0:0 : expected a mapping, got nothing; write its fields below it, indented"},
    {"{}", "{}"},
    {"[a]", "1:1 : expected a mapping, got a list; write its fields below it, indented"},
    {"{by_number: {1: {text: a}}, byFlag: {true: 1}}", R"({"byNumber": {"1": {"text": "a"}}, "byFlag": {"true": 1}})"},
    {"{wrapped_u32: 1, wrappedFlag: false}", R"({"wrappedU32": 1, "wrappedFlag": false})"},
    {"{txt: a}", R"(1:2 txt: unknown field "txt"; did you mean "text"?)"},
    {"{inner: {nothing: 1}}",
     R"(1:10 inner.nothing: unknown field "nothing"; the fields here are text, number, deeper)"},
    {"{zzzzzzz: 1}", R"(1:2 zzzzzzz: unknown field "zzzzzzz"; remove it)"},
    {"{wrappedU32: 1, wrapped_u32: 2}",
     R"(1:17 wrappedU32: "wrappedU32" and "wrapped_u32" are the same field; keep one of them)"},
    {"{left: a, right: {}}", R"(1:11 right: "right" and "left" exclude each other; keep one of them)"},
    {"{left: a, right: null}", R"({"left": "a"})"},
    {"{maybe: 0}", R"({"maybe": 0})"},
    {"{text: null, inner: ~, texts: null, labels: , wait: null, any: null}", "{}"},
    {"{inner: {}}", R"({"inner": {}})"},
    {"{inner: 5}", "1:9 inner: expected a mapping, got a plain value; write its fields below it, indented"},
    {"{inner: ''}", "1:9 inner: expected a mapping, got text; write its fields below it, indented"},
    {"{texts: a}", "1:9 texts: expected a list, got a plain value; put \"- \" before each item"},
    {"{texts: [a, null]}",
     "1:13 texts[1]: expected a single value, got nothing; write one value in the line of the field"},
    {"{inners: [{text: a}, null]}", "1:22 inners[1]: the item is empty; remove the \"-\", or write its fields"},
    {"{labels: [a]}", "1:10 labels: expected a mapping, got a list; write its fields below it, indented"},
    {"{labels: {b: x, a: '1', 3: '', n: null}}", R"({"labels": {"3": "", "a": "1", "b": "x", "n": ""}})"},
    {"{labels: {a: 1}}", R"(1:14 labels["a"]: expected text, but 1 is a number; put it in quotes: "1")"},
    {"{byNumber: {x: {}}}", R"(1:13 byNumber["x"]: "x" is no whole number; write it with digits only)"},
    {"{i32: x, inner: {number: y}, texts: [1]}",
     "1:7 i32: \"x\" is no whole number; write it with digits only\n1:26 inner.number: \"y\" is no whole number; write "
     "it with digits only\n"
     "1:38 texts[0]: expected text, but 1 is a number; put it in quotes: \"1\""},
};
INSTANTIATE_TEST_SUITE_P(Structure, ProtoDecode, ::testing::ValuesIn(kStructure));

constexpr Case kWellKnown[] = {
    {"{wait: 1.5s}", R"({"wait": "1.500s"})"},
    {"{wait: 1h30m}", R"({"wait": "5400s"})"},
    {"{wait: {seconds: 2, nanos: 5}}", R"({"wait": "2.000000005s"})"},
    {"{wait: {seconds: 2, nanos: -5}}",
     "1:8 wait: is out of the range of durations; give less than 292 years, and nanos below a second, of the sign of "
     "seconds"},
    {"{wait: {seconds: 9223372036854775807}}",
     "1:8 wait: is out of the range of durations; give less than 292 years, and nanos below a second, of the sign of "
     "seconds"},
    {"{wait: {seconds: 9223372035, nanos: 999999999}}", R"({"wait": "9223372035.999999999s"})"},
    {"{wait: {seconds: -9223372036}}",
     "1:8 wait: is out of the range of durations; give less than 292 years, and nanos below a second, of the sign of "
     "seconds"},
    {"{wait: {nanos: -2147483648}}",
     "1:8 wait: is out of the range of durations; give less than 292 years, and nanos below a second, of the sign of "
     "seconds"},
    {"{wait: {second: 1}}", R"(1:9 wait.second: unknown field "second"; did you mean "seconds"?)"},
    {"{wait: 5}",
     R"(1:8 wait: "5" is no duration; write a number and a unit, such as 1.5s, 250ms or 2m, of less than 292 years)"},
    {"{wait: []}", "1:8 wait: expected a single value, got a list; write one value in the line of the field"},
    {"{when: 2026-01-31T12:00:00Z}", R"({"when": "2026-01-31T12:00:00Z"})"},
    {"{when: '2026-01-31T12:00:00.5+01:00'}", R"({"when": "2026-01-31T11:00:00.500Z"})"},
    {"{when: yesterday}", R"(1:8 when: "yesterday" is no time; write it like 2026-01-31T12:00:00Z)"},
    {"{details: {a: 1, b: '1', c: [true, null, {d: x}], e: 1e309, f: 0x1ffffffffffffffffff}}",
     R"({"details": {"a": 1, "b": "1", "c": [true, null, {"d": "x"}], "e": "1e309", "f": "0x1ffffffffffffffffff"}})"},
    {"{details: [1]}", "1:11 details: expected a mapping, got a list; write its fields below it, indented"},
    {"{value: null}", R"({"value": null})"},
    {"{value: yes, values: [1, null, [x]]}", R"({"value": true, "values": [1, null, ["x"]]})"},
    {"{list: [1, a]}", R"({"list": [1, "a"]})"},
    {"{list: a}", "1:8 list: expected a list, got a plain value; put \"- \" before each item"},
    {"{wrappedU32: '7', wrappedText: '', wrappedRaw: aGk, wrappedReal: 1, wrappedList: [1, 2]}",
     R"({"wrappedU32": 7, "wrappedText": "", "wrappedRaw": "aGk=", "wrappedReal": 1, "wrappedList": [1, 2]})"},
    {"{wrappedU32: {value: 7}}",
     "1:14 wrappedU32: expected a single value, got a mapping; write one value in the line of the field"},
    {"{any: {'@type': type.googleapis.com/google.protobuf.Duration, value: 2s}}",
     R"({"any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "2s"}})"},
    {"{any: {'@type': x/google.protobuf.Struct, value: {a: {b: 1}}}}",
     R"({"any": {"@type": "x/google.protobuf.Struct", "value": {"a": {"b": 1}}}})"},
    {"{any: {'@type': x/google.protobuf.Any, value: {'@type': x/google.protobuf.BoolValue, value: true}}}",
     R"({"any": {"@type": "x/google.protobuf.Any", "value": {"@type": "x/google.protobuf.BoolValue", "value": true}}})"},
    {"{any: {'@type': x/google.protobuf.UInt32Value, value: -1}}",
     "1:55 any.value: -1 is out of range; use 0 to 4294967295"},
    {"{any: {'@type': x/no.Such}}",
     R"(1:17 any.@type: message type "x/no.Such" is not known here; write a type of the Envoy API that Envoy has)"},
    {"{any: {'@type': [a]}}", R"(1:7 any: the type is missing; add "@type": type.googleapis.com/<full message name>)"},
    {"{any: {a: 1}}", R"(1:7 any: the type is missing; add "@type": type.googleapis.com/<full message name>)"},
    {"{any: {}}", R"({"any": {}})"},
};
INSTANTIATE_TEST_SUITE_P(WellKnown, ProtoDecode, ::testing::ValuesIn(kWellKnown));

std::string Nested(std::string_view begin, std::string_view end, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += begin;
  out += "1";
  for (int i = 0; i < count; ++i) out += end;
  return out;
}

// What nests too deep for readers of protobuf would be refused by Envoy, with all that stands in the same resource.
TEST(ProtoDecodeDepth, WhatIsAcceptedCanBeReadAgain) {
  using ::testing::HasSubstr;
  int accepted = 0;
  for (int depth = 1; depth < 90; ++depth) {
    for (const std::string& text :
         {Cat("{details: {a: ", Nested("{a: ", "}", depth), "}}"), Cat("{value: ", Nested("[", "]", depth), "}"),
          Cat("{inner: ", Nested("{deeper: ", "}", depth), "}")}) {
      const yaml::Stream stream = yaml::Parse(text);
      ASSERT_TRUE(stream.ok);
      const auto message = TheSchema().New();
      const std::string problems = Show(DecodeProto(stream.documents[0], message.get()));
      if (problems.find("nested too deep") != std::string::npos) continue;
      ++accepted;
      EXPECT_TRUE(TheSchema().New()->ParseFromString(message->SerializeAsString())) << text;
    }
  }
  EXPECT_GT(accepted, 80);
}

TEST(ProtoDecodeDepth, DeepestIsNamed) {
  const std::string problems = Decode(Cat("{details: {a: ", Nested("{a: ", "}", 150), "}}"));
  EXPECT_THAT(problems, ::testing::HasSubstr(".a.a.a: is nested too deep for Envoy; use fewer levels"));
}

}  // namespace
}  // namespace k8sgw
