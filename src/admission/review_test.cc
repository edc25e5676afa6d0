#include <gmock/gmock.h>

#include "src/admission/test_review.h"
#include "src/admission/verdict.h"

namespace k8sgw::admission {
namespace {

using ::testing::HasSubstr;

std::string RefusalOf(const std::string& text, Format format = Format::kJson) {
  const auto review = ReadText(text, format);
  return review.ok() ? "" : std::string(review.status().message());
}

TEST(Review, SaysWhoAsksWhat) {
  const Review review = ReadAsked({.operation = "UPDATE", .object = Service("a", "a.com", kReply), .dry_run = true});
  EXPECT_EQ(review.api_version, "admission.k8s.io/v1");
  EXPECT_EQ(review.uid, "u-1");
  EXPECT_EQ(review.operation, Operation::kUpdate);
  EXPECT_EQ(review.group, "gateway.solo.io");
  EXPECT_EQ(review.kind, "VirtualService");
  EXPECT_TRUE(review.dry_run);
  ASSERT_EQ(review.items.size(), 1u);
  EXPECT_EQ(review.items[0].key.ToString(), "VirtualService default/a");
  EXPECT_TRUE(review.items[0].change.has_value());
  EXPECT_FALSE(review.items[0].same);
  EXPECT_FALSE(review.items[0].skip);
}

TEST(Review, YamlMeansTheSame) {
  const std::string json = ReviewText({.object = Service("a", "a.com", kReply)});
  const yaml::Stream stream = yaml::Parse(json);
  const auto review = ReadText(yaml::Emit(stream.documents.front()), Format::kYaml);
  ASSERT_TRUE(review.ok()) << review.status();
  ASSERT_EQ(review->items.size(), 1u);
  EXPECT_EQ(review->items[0].change->hash(),
            ReadAsked({.object = Service("a", "a.com", kReply)}).items[0].change->hash());
}

TEST(Review, WhatIsNoReviewIsRefused) {
  EXPECT_THAT(RefusalOf("hello"), HasSubstr("JSON"));
  EXPECT_NE(RefusalOf("{"), "");
  EXPECT_NE(RefusalOf("[]"), "");
  EXPECT_THAT(RefusalOf(R"({"kind":"Pod"})"), HasSubstr("no AdmissionReview"));
  EXPECT_THAT(RefusalOf(R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v2"})"), HasSubstr("apiVersion"));
  EXPECT_THAT(RefusalOf(R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"})"), HasSubstr("uid"));
  EXPECT_THAT(RefusalOf(R"({"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":3})"),
              HasSubstr("uid"));
  EXPECT_THAT(RefusalOf(std::string(10'000, '[')), HasSubstr("nested"));
  EXPECT_THAT(RefusalOf("[" + std::string(3'000'000, ',') + "]"), HasSubstr("too many values"));
  // Deep in what is a good review but for that.
  std::string deep = ReviewText({.object = StaticUpstream("u")});
  deep.insert(deep.find("\"static\""), Cat("\"x\":", std::string(10'000, '['), std::string(10'000, ']'), ","));
  EXPECT_THAT(RefusalOf(deep), HasSubstr("nested"));
  EXPECT_NE(RefusalOf("a: b\n---\nc: d\n", Format::kYaml), "");
  EXPECT_NE(RefusalOf("a: [", Format::kYaml), "");
  // An alias that grows.
  EXPECT_NE(
      RefusalOf("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
                "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n",
                Format::kYaml),
      "");
}

TEST(Review, ADeletionHasNoObject) {
  const Review review = ReadAsked({.operation = "DELETE", .old_object = StaticUpstream("u")});
  ASSERT_EQ(review.items.size(), 1u);
  ASSERT_TRUE(review.items[0].change.has_value());
  EXPECT_TRUE(review.items[0].change->gone());
  EXPECT_EQ(review.items[0].key.ToString(), "Upstream default/u");
}

TEST(Review, StatusAndBookkeepingAreNoDifference) {
  const std::string a = Service("a", "a.com", kReply, ", resourceVersion: '1', managedFields: [{manager: x}]");
  const std::string b =
      Service("a", "a.com", kReply,
              ", resourceVersion: '2', annotations: {kubectl.kubernetes.io/last-applied-configuration: x}") +
      "status: {statuses: {x: {state: 1}}}\n";
  EXPECT_TRUE(ReadAsked({.operation = "UPDATE",
                         .object = b + "",
                         .old_object = Service("a", "a.com", kReply, ", annotations: {}") + "status: {}\n"})
                  .items[0]
                  .same);
  EXPECT_TRUE(
      ReadAsked({.operation = "UPDATE", .object = a, .old_object = Service("a", "a.com", kReply)}).items[0].same);
  const std::string labelled = Service("a", "a.com", kReply, ", labels: {x: y}");
  EXPECT_FALSE(ReadAsked({.operation = "UPDATE", .object = labelled, .old_object = a}).items[0].same);
  EXPECT_FALSE(
      ReadAsked({.operation = "UPDATE", .object = Service("a", "b.com", kReply), .old_object = a}).items[0].same);
}

TEST(Review, AListIsItsItems) {
  const Review review =
      ReadAsked({.object = "apiVersion: v1\nkind: List\nitems:\n- " + ToJson(Service("a", "a.com", kReply)) + "\n- " +
                           ToJson(StaticUpstream("u")) + "\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n"});
  ASSERT_EQ(review.items.size(), 3u);
  EXPECT_EQ(review.items[0].key.ToString(), "VirtualService default/a");
  EXPECT_EQ(review.items[1].key.ToString(), "Upstream default/u");
  EXPECT_EQ(review.items[2].key.kind, Kind::kDocument);
}

TEST(Review, AListHasABoundedNumberOfItems) {
  const auto list = [](size_t items) {
    std::string text = "apiVersion: v1\nkind: List\nitems:\n";
    for (size_t i = 0; i < items; ++i) text += Cat("- ", ToJson(StaticUpstream(Cat("u", i))), "\n");
    return ReviewText({.object = text});
  };
  EXPECT_EQ(RefusalOf(list(kMostItems)), "");
  EXPECT_THAT(RefusalOf(list(kMostItems + 1)), HasSubstr("more than 1000 items"));
}

TEST(Review, UnknownFieldsAreProblems) {
  const Review review = ReadAsked({.object = Service("a", "a.com", "bogus: 1, directResponseAction: {status: 200}")});
  ASSERT_EQ(review.items.size(), 1u);
  EXPECT_FALSE(review.items[0].change.has_value());
  EXPECT_TRUE(HasErrors(review.items[0].problems));
}

TEST(Answer, EchoesAndNamesTheField) {
  Review review = ReadAsked({.object = Service("a", "a.com", kReply), .version = "v1beta1"});
  EXPECT_EQ(
      WriteAnswer(review, {}),
      R"({"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","response":{"uid":"u-1","allowed":true}})");
  const Problem problem{review.items[0].key, Severity::kError, "virtualHost.routes[0]", "is wrong", "mend it"};
  const std::string denied = WriteAnswer(review, {.allowed = false, .reasons = {problem}});
  EXPECT_THAT(denied, HasSubstr(R"("allowed":false)"));
  EXPECT_THAT(denied, HasSubstr(R"("field":"spec.virtualHost.routes[0]")"));
  EXPECT_THAT(denied, HasSubstr("VirtualService default/a"));
  Problem elsewhere = problem;
  elsewhere.object.name = "b";
  const std::string broken = WriteAnswer(review, {.allowed = false, .reasons = {elsewhere}});
  EXPECT_THAT(broken, HasSubstr("VirtualService default/b: virtualHost.routes[0]: is wrong"));
  EXPECT_THAT(broken, testing::Not(HasSubstr("\"field\""))) << "it is none of the object in the details";
  const Verdict warned{.warnings = {problem}};
  EXPECT_THAT(WriteAnswer(review, warned), HasSubstr(R"("warnings":["error: VirtualService default/a)"));
}

TEST(Answer, IsBounded) {
  const Review review = ReadAsked({.object = Service("a", "a.com", kReply)});
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "ä";
  Problems many(10'000, {review.items[0].key, Severity::kError, text, text, text});
  const std::string answer = WriteAnswer(review, {.allowed = false, .reasons = many, .warnings = many});
  EXPECT_LT(answer.size(), 300'000u);
  EXPECT_TRUE(yaml::Parse(answer).ok);
}

}  // namespace
}  // namespace k8sgw::admission
