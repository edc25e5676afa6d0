#include "src/wasm_cache/answer.h"

#include <gmock/gmock.h>

#include "src/base/text.h"
#include "src/wasm_cache/digest.h"

namespace k8sgw::wasm_cache {
namespace {

using ::testing::Contains;
using ::testing::Pair;

const std::string kModule = "0123456789";
const std::string kPath = "/images/" + Sha256Hex(kModule);
const std::string kEtag = "\"sha256:" + Sha256Hex(kModule) + "\"";

http::Answer Ask(http::Request request) {
  return AnswerFor(request, [](const std::string& sha256) -> Ptr<StoredModule> {
    if (sha256 != Sha256Hex(kModule)) return nullptr;
    return std::make_shared<const StoredModule>(StoredModule{kModule, "application/x"});
  });
}

http::Answer Get(const std::string& path, http::Headers headers = {}) {
  http::Request request;
  request.method = "GET";
  request.path = path;
  request.headers = std::move(headers);
  return Ask(request);
}

TEST(Answer, AModule) {
  for (const char* method : {"GET", "HEAD"}) {
    http::Request request;
    request.method = method;
    request.path = kPath;
    const http::Answer answer = Ask(request);
    EXPECT_EQ(answer.code, 200);
    EXPECT_EQ(answer.content_type, "application/x");
    EXPECT_EQ(answer.part, kModule);
    EXPECT_THAT(answer.headers, Contains(Pair("ETag", kEtag)));
    EXPECT_THAT(answer.headers, Contains(Pair("Accept-Ranges", "bytes")));
  }
}

TEST(Answer, WhatIsNotThere) {
  EXPECT_EQ(Get("/images/" + Sha256Hex("other")).code, 404);
  for (const std::string& path :
       {std::string("/"), std::string(""), std::string("/images/"), std::string("/images/r.io/a:latest"), kPath + "/",
        kPath + "x", "/images/../images/" + Sha256Hex(kModule), "/other/" + Sha256Hex(kModule),
        std::string("/images/*")}) {
    EXPECT_EQ(Get(path).code, 404) << path;
  }
  http::Request request;
  request.method = "POST";
  request.path = kPath;
  EXPECT_EQ(Ask(request).code, 405);
}

TEST(Answer, Ranges) {
  const auto range = [](const std::string& value) {
    const http::Answer answer = Get(kPath, {{"Range", value}});
    std::string where;
    for (const auto& [name, text] : answer.headers) {
      if (name == "Content-Range") where = text;
    }
    return Cat(answer.code, " ", answer.part, " ", where);
  };
  EXPECT_EQ(range("bytes=0-3"), "206 0123 bytes 0-3/10");
  EXPECT_EQ(range("bytes=7-"), "206 789 bytes 7-9/10");
  EXPECT_EQ(range("bytes=7-100"), "206 789 bytes 7-9/10");
  EXPECT_EQ(range("bytes=-2"), "206 89 bytes 8-9/10");
  EXPECT_EQ(range("bytes=-100"), "206 0123456789 bytes 0-9/10");
  EXPECT_EQ(range("bytes=9-9"), "206 9 bytes 9-9/10");
  EXPECT_EQ(range("bytes=10-"), "416  bytes */10");
  EXPECT_EQ(range("bytes=-0"), "416  bytes */10");
  for (const char* other : {"bytes=", "bytes=-", "bytes=3-1", "bytes=a-b", "bytes=0-1,3-4", "items=0-1", "bytes=0x1-2",
                            "bytes=99999999999999999999-", "bytes= 1-2"}) {
    EXPECT_EQ(range(other), "200 0123456789 ") << other;
  }
}

TEST(Answer, WhoHasItAlready) {
  EXPECT_EQ(Get(kPath, {{"If-None-Match", "\"x\", W/" + kEtag}}).code, 304);
  EXPECT_EQ(Get(kPath, {{"If-None-Match", "*"}}).code, 304);
  EXPECT_EQ(Get(kPath, {{"If-None-Match", "\"x\""}}).code, 200);
  EXPECT_EQ(Get(kPath, {{"Range", "bytes=0-1"}, {"If-Range", kEtag}}).code, 206);
  EXPECT_EQ(Get(kPath, {{"Range", "bytes=0-1"}, {"If-Range", "\"x\""}}).code, 200);
}

}  // namespace
}  // namespace k8sgw::wasm_cache
