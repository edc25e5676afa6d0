#include "src/sources/kube/list_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace k8sgw::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Result {
  std::vector<std::string> items;
  absl::StatusOr<ListPage> page = absl::UnknownError("not yet");
};

Result Read(std::string_view text, size_t piece) {
  ListReader reader;
  Result result;
  for (size_t at = 0; at < text.size(); at += piece) {
    const absl::Status status = reader.Feed(text.substr(at, piece), [&](const RawObject& item) {
      result.items.push_back(item.meta.name + " " + std::string(item.json));
    });
    if (status.ok()) continue;
    result.page = status;
    return result;
  }
  result.page = reader.Finish();
  return result;
}

// In whatever pieces it comes, it is the same list.
Result Read(std::string_view text) {
  Result whole = Read(text, std::max<size_t>(1, text.size()));
  for (size_t piece = 1; piece < std::min<size_t>(text.size(), 40); ++piece) {
    const Result pieces = Read(text, piece);
    EXPECT_EQ(pieces.items, whole.items) << text << " in pieces of " << piece;
    EXPECT_EQ(pieces.page.status(), whole.page.status()) << text << " in pieces of " << piece;
  }
  return whole;
}

TEST(ListReaderTest, ReadsAList) {
  const Result list = Read(
      R"({"kind":"XList","apiVersion":"v1","metadata":{"resourceVersion":"5","continue":"abc","remainingItemCount":2},)"
      R"("items":[{"metadata":{"name":"a","resourceVersion":"1"},"spec":{}},{"metadata":{"name":"b","resourceVersion":"2"}}]})"
      "\n");
  ASSERT_TRUE(list.page.ok()) << list.page.status();
  EXPECT_EQ(list.page->resource_version, "5");
  EXPECT_EQ(list.page->continue_token, "abc");
  EXPECT_THAT(list.items, ElementsAre(R"(a {"metadata":{"name":"a","resourceVersion":"1"},"spec":{}})",
                                      R"(b {"metadata":{"name":"b","resourceVersion":"2"}})"));
}

TEST(ListReaderTest, ItemsMayComeFirstAndHoldAnything) {
  const Result list = Read(
      R"({ "items" : [ {"metadata":{"name":"a","resourceVersion":"1"},"x":"}]{[\\\"\\\\","items":[[{}],[]]} , )"
      R"({"metadata":{"resourceVersion":"2","name":"b"},"y":["]",{"z":"\\"}]}],"metadata":{"resourceVersion":"7"}})");
  ASSERT_TRUE(list.page.ok()) << list.page.status();
  EXPECT_EQ(list.page->resource_version, "7");
  EXPECT_EQ(list.items.size(), 2u);
}

TEST(ListReaderTest, OtherItemsAreNoItems) {
  const Result list =
      Read(R"({"metadata":{"resourceVersion":"5","items":[{"a":1}]},"x":"items","y":[{"items":[1]}],"items":null})");
  ASSERT_TRUE(list.page.ok()) << list.page.status();
  EXPECT_THAT(list.items, IsEmpty());
}

TEST(ListReaderTest, WhatIsNoList) {
  const auto ok = [&](std::string_view text) { return Read(text).page.ok(); };
  EXPECT_TRUE(ok(R"({"metadata":{"resourceVersion":"5"},"items":[]})"));
  for (const char* bad : {
           R"({"metadata":{"resourceVersion":"5"}})",
           R"({"metadata":{},"items":[]})",
           R"({"metadata":[],"items":[]})",
           R"({"metadata":{"resourceVersion":"5"},"items":[{}]})",
           R"({"metadata":{"resourceVersion":"5"},"items":[1]})",
           R"({"metadata":{"resourceVersion":"5"},"items":["a"]})",
           R"({"metadata":{"resourceVersion":"5"},"items":{}})",
           R"({"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"a","resourceVersion":"1"}]}]})",
           R"([{"metadata":{"resourceVersion":"5"},"items":[]}])",
           R"("items")",
           "]]]]",
           "<html>",
           "",
       }) {
    EXPECT_FALSE(ok(bad)) << bad;
  }
  // Cut at each byte, it is never a list.
  const std::string whole =
      R"({"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"a","resourceVersion":"1"},"spec":{}}]})";
  ASSERT_TRUE(ok(whole));
  for (size_t n = 0; n < whole.size(); ++n) EXPECT_FALSE(ok(whole.substr(0, n))) << n;
}

TEST(ListReaderTest, ReadsOneAfterAnother) {
  ListReader reader;
  for (const char* broken : {R"({"items":[{"a":"\)", R"({"it)", R"({"items":[{},)", R"({"items":[5)"}) {
    (void)reader.Feed(broken, [](const RawObject&) {});
    reader.Clear();
    EXPECT_EQ(reader.bytes(), 0u);
    int items = 0;
    const std::string_view good =
        R"({"items":[{"metadata":{"name":"a","resourceVersion":"1"}}],"metadata":{"resourceVersion":"9"}})";
    EXPECT_TRUE(reader.Feed(good, [&](const RawObject&) { ++items; }).ok());
    EXPECT_EQ(items, 1);
    EXPECT_EQ(reader.bytes(), good.size());
    const auto page = reader.Finish();
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->resource_version, "9");
    reader.Clear();
  }
}

}  // namespace
}  // namespace k8sgw::kube
