#include "src/status/entry_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/text.h"
#include "src/base/yaml.h"
#include "src/json/test_reordered.h"
#include "src/status/test_objects.h"

namespace k8sgw::status {
namespace {

using k8sgw::testing::Order;
using k8sgw::testing::Reordered;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Merge;
using ::testing::Not;

constexpr char kNs[] = "gloo-system";
constexpr char kProxy[] = "*v1.Proxy.gateway-proxy_gloo-system";

Entry Sample() {
  Entry entry{State::kRejected, "1 error occurred:\n\t* \"a\\b\" is not ö\x01\n\n", "gateway", {}};
  entry.subresources[kProxy] = {State::kWarning, "warning: \n  x", "gloo", {}};
  entry.subresources["*v1.Proxy.b_gloo-system"] = {State::kAccepted, "", "gloo", {}};
  return entry;
}

Found Read(const std::string& json) { return EntryReader(kNs).ReadCopy(json); }
Found ReadEntryText(const std::string& entry) {
  return Read(Cat(R"({"metadata":{"name":"a"},"spec":{"status":{"x":[1,{"statuses":2}]}},"status":{"statuses":{)",
                  R"("other":{"state":"Rejected"},"gloo-system":)", entry, "}}}"));
}

TEST(EntryJsonTest, WhatIsWrittenIsFoundAgain) {
  const Entry entry = Sample();
  for (const char* before : {"{}", R"({"status":{}})", R"({"status":null})", R"({"status":{"statuses":null}})",
                             R"({"status":{"statuses":{"gloo-system":"text"}}})",
                             R"({"status":{"statuses":{"gloo-system":{"reason":5,"subresourceStatuses":[]}}}})"}) {
    const Found found = Read(before);
    EXPECT_EQ(found.hash, 0u) << before;
    const std::string after = Merge(before, PatchOf(kNs, "u", entry, found));
    EXPECT_EQ(Read(after).hash, entry.Hash()) << after;
    EXPECT_THAT(Read(after).subresources, ElementsAre("*v1.Proxy.b_gloo-system", kProxy));
  }
}

// JSON has no order of keys: else each other writer of an object would make us write ours again.
TEST(EntryJsonTest, TheOrderOfKeysMeansNothing) {
  const std::string before =
      R"({"metadata":{"name":"a","generation":3},"spec":{"x":1},"status":{"statuses":{"b":{}}}})";
  for (const Form form : {Form::kByNamespace, Form::kAlone}) {
    const Entry entry = form == Form::kAlone ? Entry{State::kRejected, "bad", "gloo", {}} : Sample();
    EntryReader reader(kNs);
    const std::string object = Merge(before, PatchOf(kNs, "u", entry, reader.ReadCopy(before, form), form));
    for (const Order order : {Order::kReversed, Order::kRotated}) {
      const std::string other = yaml::EmitJson(Reordered(yaml::Parse(object).documents.front(), order), 0);
      EXPECT_NE(other, object);
      EXPECT_EQ(reader.ReadCopy(other, form), reader.ReadCopy(object, form)) << other;
      EXPECT_EQ(reader.ReadCopy(other, form).hash, entry.Hash()) << other;
    }
  }
}

TEST(EntryJsonTest, AStatusForAllControlPlanesIsFoundAgain) {
  const Found none = EntryReader(kNs).ReadCopy(R"({"spec":{},"metadata":{"generation":3}})", Form::kAlone);
  EXPECT_EQ(none.hash, 0u);
  EXPECT_EQ(none.generation, 3);
  const std::string before = R"({"metadata":{"generation":3},"status":{"state":"PENDING","message":"x","more":1}})";
  for (const Entry& entry :
       {Entry{State::kAccepted, "", "gloo", {}}, Entry{State::kRejected, "bad \"x\"", "gloo", {}}}) {
    const std::string after = Merge(before, PatchOf(kNs, "u", entry, none, Form::kAlone));
    EXPECT_EQ(EntryReader(kNs).ReadCopy(after, Form::kAlone).hash, entry.Hash()) << after;
  }
}

TEST(EntryJsonTest, AStatusOfAnotherGenerationIsNone) {
  for (const char* status : {R"({"state":"ACCEPTED","observedGeneration":2})", R"({"state":"ACCEPTED"})",
                             R"({"state":1,"observedGeneration":3})", R"({"observedGeneration":3})", "null", "[]"}) {
    const Found found =
        EntryReader(kNs).ReadCopy(Cat(R"({"metadata":{"generation":3},"status":)", status, "}"), Form::kAlone);
    EXPECT_EQ(found.hash, 0u) << status;
  }
}

TEST(EntryJsonTest, APatchReplacesOurEntryAndLeavesOthers) {
  const Entry entry = Sample();
  std::string object = Merge(R"({"spec":{"a":1},"status":{"state":1,"statuses":{"other":{"state":"Warning"}}}})",
                             PatchOf(kNs, "u", entry, {}));
  const Entry accepted{State::kAccepted, "", "gateway", {{kProxy, {State::kAccepted, "", "gloo", {}}}}};
  object = Merge(object, PatchOf(kNs, "u", accepted, Read(object)));
  EXPECT_EQ(Read(object).hash, accepted.Hash()) << object;
  EXPECT_THAT(Read(object).subresources, ElementsAre(kProxy));
  EXPECT_THAT(object, Not(HasSubstr("reason")));
  const Entry alone{State::kAccepted, "", "gateway", {}};
  object = Merge(object, PatchOf(kNs, "u", alone, Read(object)));
  EXPECT_THAT(object, HasSubstr(R"("status": {"state": 1, "statuses": {"other": {"state": "Warning"}, )"
                                R"("gloo-system": {"state": "Accepted", "reportedBy": "gateway"}}})"));
  EXPECT_THAT(object, HasSubstr(R"("spec": {"a": 1})"));
  EXPECT_EQ(EntryReader("other").ReadCopy(object).hash, (Entry{State::kWarning, "", "", {}}).Hash());
}

TEST(EntryJsonTest, APatchNamesTheObjectByItsUid) {
  EXPECT_THAT(PatchOf(kNs, "u-1", Entry(), {}), HasSubstr(R"("metadata":{"uid":"u-1"})"));
}

TEST(EntryJsonTest, WhatWeWouldNotWriteIsNotOurs) {
  const uint64_t plain = Entry{State::kAccepted, "", "gateway", {}}.Hash();
  EXPECT_EQ(ReadEntryText(R"({"state":"Accepted","reportedBy":"gateway"})").hash, plain);
  EXPECT_EQ(ReadEntryText(R"({"reportedBy":"gateway","st\u0061te":"Accepted"})").hash, plain);
  // Of no harm, and a patch could not remove it.
  EXPECT_EQ(ReadEntryText(R"({"state":"Accepted","unknown":{"a":[1]},"reportedBy":"gateway"})").hash, plain);
  for (const char* text :
       {R"({"state":1,"reportedBy":"gateway"})", R"({"state":"accepted","reportedBy":"gateway"})",
        R"({"state":"Accepted","reportedBy":"gateway","reason":null})",
        R"({"state":"Accepted","reportedBy":"gateway","messages":[]})",
        R"({"state":"Accepted","reportedBy":"gateway","details":{"a":1}})", R"([{"state":"Accepted"}])", "7"}) {
    EXPECT_EQ(ReadEntryText(text).hash, 0u) << text;
  }
  const Found nested = ReadEntryText(
      R"({"state":"Accepted","reportedBy":"gateway","subresourceStatuses":{"a":null,"b":{"subresourceStatuses":{"c":{}}}}})");
  EXPECT_EQ(nested.hash, 0u);
  EXPECT_THAT(nested.subresources, ElementsAre("a", "b"));
}

TEST(EntryJsonTest, NothingThatIsBrokenEndsTheProcess) {
  std::string deep = R"({"status":{"statuses":{"gloo-system":)";
  for (int i = 0; i < 5000; ++i) deep += R"({"subresourceStatuses":{"a":)";
  for (const std::string& text :
       std::vector<std::string>{"", "{", "[]", "7", "\"a", deep, R"({"status":7})", R"({"status":{"statuses":[1,2]}})",
                                R"({"status":{"statuses":{"gloo-system":{"state":)"}) {
    EXPECT_EQ(Read(text).hash, 0u) << text.substr(0, 80);
  }
  const std::string object = Cat(R"({"status":{"statuses":{"gloo-system":{"state":"Accepted"}}}})");
  for (size_t i = 0; i < object.size(); ++i) Read(object.substr(0, i));
}

TEST(EntryJsonTest, HashesDiffer) {
  const Entry entry = Sample();
  for (const auto change : std::initializer_list<void (*)(Entry&)>{
           [](Entry& e) { e.state = State::kWarning; }, [](Entry& e) { e.reason += "x"; },
           [](Entry& e) { e.reported_by = "gloo"; }, [](Entry& e) { e.subresources.erase(kProxy); },
           [](Entry& e) { e.subresources[kProxy].state = State::kAccepted; },
           [](Entry& e) { e.subresources[kProxy].reason.clear(); }}) {
    Entry other = entry;
    change(other);
    EXPECT_NE(other.Hash(), entry.Hash());
  }
}

}  // namespace
}  // namespace k8sgw::status
