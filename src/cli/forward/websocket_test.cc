#include "src/cli/forward/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace k8sgw::cli {
namespace {

std::string Bytes(std::initializer_list<int> bytes) {
  std::string out;
  for (const int byte : bytes) out += static_cast<char>(byte);
  return out;
}

// The examples of RFC 6455, sections 1.3 and 5.7.
TEST(Websocket, SaysWhatTheRfcSays) {
  EXPECT_EQ(AcceptOf("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(EncodeFrame({Opcode::kText, "Hello"}, {0x37, 0xfa, 0x21, 0x3d}),
            Bytes({0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}));
}

TEST(Websocket, SizesHaveThreeForms) {
  for (const size_t size : {0, 125, 126, 65535, 65536}) {
    const std::string frame = EncodeFrame({Opcode::kBinary, std::string(size, 'x')}, {0, 0, 0, 0});
    const size_t header = size < 126 ? 6 : size < 65536 ? 8 : 14;
    EXPECT_EQ(frame.size(), header + size) << size;
  }
}

TEST(FrameReader, TakesBytesAsTheyCome) {
  // "Hel" and "lo" with a ping between them, and a message of 126 bytes.
  std::string bytes = Bytes({0x01, 0x03, 'H', 'e', 'l', 0x89, 0x01, 'p', 0x80, 0x02, 'l', 'o', 0x82, 126, 0, 126});
  bytes += std::string(126, 'y');
  FrameReader reader;
  std::vector<Frame> frames;
  for (const char byte : bytes) {
    reader.Feed({&byte, 1});
    for (;;) {
      const auto next = reader.Next();
      ASSERT_TRUE(next.ok()) << next.status();
      if (!*next) break;
      frames.push_back(**next);
    }
  }
  EXPECT_THAT(frames, ::testing::ElementsAre(Frame{Opcode::kPing, "p"}, Frame{Opcode::kText, "Hello"},
                                             Frame{Opcode::kBinary, std::string(126, 'y')}));
}

TEST(FrameReader, RefusesWhatNoServerSends) {
  for (const std::string& bytes : {Bytes({0x82, 0x81, 1, 2, 3, 4, 5}),            // masked
                                   Bytes({0xc2, 0x01, 'x'}),                      // compressed
                                   Bytes({0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0}),    // 4 GiB
                                   Bytes({0x80, 0x01, 'x'}),                      // nothing to go on with
                                   Bytes({0x02, 0x01, 'x', 0x82, 0x01, 'y'})}) {  // not the end
    FrameReader reader;
    reader.Feed(bytes);
    EXPECT_FALSE(reader.Next().ok());
  }
}

TEST(FrameReader, FragmentsHaveABoundTogether) {
  FrameReader reader;
  const std::string half(FrameReader::kMaxMessage / 2 + 1, 'x');
  const std::string size = Bytes({127, 0, 0, 0, 0, 0, 0x08, 0, 0x01});
  reader.Feed(Bytes({0x02}) + size + half);
  ASSERT_TRUE(reader.Next().ok());
  reader.Feed(Bytes({0x80}) + size + half);
  EXPECT_FALSE(reader.Next().ok());
}

}  // namespace
}  // namespace k8sgw::cli
