#include "src/sources/kube/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "src/base/text.h"
#include "src/sources/kube/text.h"

namespace k8sgw::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Keeps the padding that the decoder asks for; what stands there must not count.
class Padded {
 public:
  explicit Padded(std::string_view text) : text_(text), size_(text.size()) { text_.append(kJsonPadding, '}'); }
  std::string_view view() const { return std::string_view(text_).substr(0, size_); }

 private:
  std::string text_;
  size_t size_;
};

std::string ErrorOf(std::string_view line) {
  Decoder decoder;
  const Padded padded(line);
  const auto result = decoder.ReadLine(padded.view());
  return result.ok() ? "no error" : std::string(ToStd(result.status().message()));
}

TEST(DecodeTest, ReadsALine) {
  Decoder decoder;
  const std::string object =
      R"({"apiVersion":"v1","kind":"X","metadata":{"annotations":{"name":"no"},"managedFields":[{"name":"no"}],)"
      R"("name":"a","namespace":"ns","resourceVersion":"12","uid":"u-1"},"spec":{"metadata":{"name":"no"}}})";
  const Padded line(R"({"type":"ADDED","object":)" + object + "}");
  const auto event = decoder.ReadLine(line.view());
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->type, WatchLine::Type::kAdded);
  EXPECT_EQ(event->object.meta, (ObjectMeta{"ns", "a", "u-1", "12"}));
  EXPECT_EQ(event->object.json, object);
}

TEST(DecodeTest, TheOrderOfFieldsDoesNotMatter) {
  Decoder decoder;
  const Padded line(
      R"( {"object": {"spec":{"a":[1,{"b":"}"}]}, "metadata": {"resourceVersion":"1","name":"\u0061"} } ,)"
      R"("more":[], "type":"DELETED"} )");
  const auto event = decoder.ReadLine(line.view());
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->type, WatchLine::Type::kDeleted);
  EXPECT_EQ(event->object.meta, (ObjectMeta{"", "a", "", "1"}));
}

TEST(DecodeTest, Bookmarks) {
  Decoder decoder;
  const Padded plain(R"({"type":"BOOKMARK","object":{"kind":"X","metadata":{"resourceVersion":"7"}}})");
  const Padded end(R"({"type":"BOOKMARK","object":{"kind":"X","metadata":{"resourceVersion":"8",)"
                   R"("annotations":{"k8s.io/initial-events-end":"true"}}}})");
  auto event = decoder.ReadLine(plain.view());
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->object.meta.resource_version, "7");
  EXPECT_FALSE(event->initial_events_end);
  event = decoder.ReadLine(end.view());
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->object.meta.resource_version, "8");
  EXPECT_TRUE(event->initial_events_end);
}

TEST(DecodeTest, ErrorEvents) {
  Decoder decoder;
  const Padded line(
      R"({"type":"ERROR","object":{"kind":"Status","metadata":{},"code":410,"reason":"Expired","message":"too old"}})");
  const auto event = decoder.ReadLine(line.view());
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_TRUE(event->error.IsExpired());
  EXPECT_EQ(event->error.message, "too old");
}

TEST(DecodeTest, BadLines) {
  EXPECT_THAT(ErrorOf(R"({"type":"ADDED","object":{"metadata":{"name":"a")"), HasSubstr("cannot be read"));
  EXPECT_THAT(ErrorOf(R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1"}})"),
              HasSubstr("cannot be read"));
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("unknown type ''"));
  EXPECT_THAT(ErrorOf(R"({"type":"MOVED","object":{}})"), HasSubstr("unknown type 'MOVED'"));
  EXPECT_THAT(ErrorOf(R"({"type":"ADDED"})"), HasSubstr("without an object"));
  EXPECT_THAT(ErrorOf(R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}})"),
              HasSubstr("without a name"));
  EXPECT_THAT(ErrorOf(R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})"), HasSubstr("resource version: a"));
  EXPECT_THAT(ErrorOf(R"({"type":"ADDED","object":{}})"), HasSubstr("without a name"));
  EXPECT_THAT(ErrorOf(R"({"type":"ADDED","object":{"metadata":[]}})"), HasSubstr("cannot be read: metadata"));
  EXPECT_THAT(ErrorOf(R"({"type":"BOOKMARK","object":{"metadata":{}}})"), HasSubstr("bookmark without"));
  EXPECT_THAT(ErrorOf("\"\xff\""), HasSubstr("cannot be read"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("cannot be read"));
  EXPECT_THAT(ErrorOf("<html>"), HasSubstr("cannot be read"));
  EXPECT_THAT(ErrorOf(std::string(100'000, '[')), HasSubstr("cannot be read"));
}

TEST(ApiStatusTest, ReadsCauses) {
  const ApiStatus status = ParseApiStatus(
      422,
      R"({"kind":"Status","status":"Failure","message":"X \"a\" is invalid","reason":"Invalid","details":{"name":"a",)"
      R"("causes":[{"reason":"FieldValueInvalid","message":"Invalid value","field":"spec.a"},5],"retryAfterSeconds":3},"code":422})");
  EXPECT_EQ(status.reason, "Invalid");
  EXPECT_EQ(status.retry_after, std::chrono::seconds(3));
  EXPECT_THAT(status.causes, ElementsAre(ApiStatus::Cause{"FieldValueInvalid", "Invalid value", "spec.a"}));
  EXPECT_EQ(std::string(ToStd(ToStatus(status).message())), "the API server answers 422 Invalid: X \"a\" is invalid");
}

TEST(ApiStatusTest, TakesTheBeginningOfForeignText) {
  EXPECT_EQ(ParseApiStatus(502, "bad gateway\n<html>").message, "bad gateway");
  EXPECT_EQ(ParseApiStatus(502, std::string(1000, 'x')).message, std::string(200, 'x'));
  EXPECT_EQ(ParseApiStatus(502, "a\xff").message, "a");
  EXPECT_EQ(ParseApiStatus(502, "[1]").message, "[1]");
}

TEST(ApiStatusTest, Codes) {
  const auto code = [](int http, const char* reason = "") { return ToStatus({http, reason, "", {}, {}}).code(); };
  EXPECT_EQ(code(201), absl::StatusCode::kOk);
  EXPECT_EQ(code(400), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(401), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(code(403), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(404), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(409, "Conflict"), absl::StatusCode::kAborted);
  EXPECT_EQ(code(409, "AlreadyExists"), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(code(410), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(code(429), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code(500), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code(302), absl::StatusCode::kUnknown);
}

}  // namespace
}  // namespace k8sgw::kube
