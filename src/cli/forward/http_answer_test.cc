#include "src/cli/forward/http_answer.h"

#include <gtest/gtest.h>

namespace k8sgw::cli {
namespace {

// Fed byte by byte, so that no step depends on where the network cuts.
HttpAnswer Read(const std::string& bytes) {
  HttpAnswer answer(1000);
  for (const char byte : bytes) EXPECT_TRUE(answer.Feed({&byte, 1}).ok()) << bytes;
  return answer;
}

TEST(HttpAnswer, HasAThreefoldEnd) {
  HttpAnswer sized = Read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_TRUE(sized.done());
  EXPECT_EQ(sized.code(), 200);
  EXPECT_EQ(sized.body(), "hello");

  HttpAnswer chunked = Read(
      "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nt: "
      "x\r\n\r\n");
  EXPECT_TRUE(chunked.done());
  EXPECT_EQ(chunked.code(), 404);
  EXPECT_EQ(chunked.body(), "abc0123456789");

  HttpAnswer open = Read("HTTP/1.1 200 OK\r\n\r\nuntil the end");
  EXPECT_FALSE(open.done());
  EXPECT_TRUE(open.End().ok());
  EXPECT_EQ(open.body(), "until the end");
}

TEST(HttpAnswer, AnAnswerMayComeInTwoHeads) {
  EXPECT_EQ(Read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").code(), 204);
}

TEST(HttpAnswer, WhatIsCutOffIsNoAnswer) {
  for (const char* bytes : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"})
    EXPECT_FALSE(Read(bytes).End().ok()) << bytes;
}

TEST(HttpAnswer, RefusesOtherThings) {
  for (const char* bytes : {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
                            "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n",
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n"}) {
    HttpAnswer answer(1000);
    EXPECT_FALSE(answer.Feed(bytes).ok()) << bytes;
  }
  HttpAnswer large(1000);
  EXPECT_TRUE(large.Feed("HTTP/1.1 200 OK\r\n\r\n").ok());
  EXPECT_FALSE(large.Feed(std::string(1001, 'x')).ok());
}

}  // namespace
}  // namespace k8sgw::cli
