// For tests: requests that take more of a server than they should be able to: small ones that are large when they are
// unpacked, and large ones without their end.
#pragma once

#include <gtest/gtest.h>
#include <malloc.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "src/rpc/test_raw_client.h"

namespace k8sgw::testing {

// Whether what a process takes is what it holds: the address sanitizer keeps what was freed, some 256 MiB of it.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kMemoryIsTold = false;
#elif defined(__has_feature)
inline constexpr bool kMemoryIsTold = !__has_feature(address_sanitizer);
#else
inline constexpr bool kMemoryIsTold = true;
#endif

// How much more memory this process took at a time since this began than when it began.
class MemoryWatch {
 public:
  MemoryWatch() {
    malloc_trim(0);
    std::ofstream("/proc/self/clear_refs") << "5";
    before_ = Of("VmRSS");
  }

  // Bytes; 0 where that is not told.
  size_t Grown() const {
    const size_t peak = Of("VmHWM");
    return kMemoryIsTold && peak > before_ ? peak - before_ : 0;
  }

 private:
  static size_t Of(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(name + ":")) return std::stoul(line.substr(name.size() + 1)) << 10;
    }
    return 0;
  }

  size_t before_ = 0;
};

// So many zeros, as gRPC's "gzip" or "deflate" has them: about a thousandth.
inline std::string Packed(size_t zeros, bool gzip) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip ? 31 : 15, 9, Z_DEFAULT_STRATEGY) != Z_OK) return "";
  std::string packed;
  std::string block(1 << 20, '\0');
  std::string out(1 << 16, '\0');
  for (int code = Z_OK; code != Z_STREAM_END;) {
    if (stream.avail_in == 0) {
      stream.next_in = reinterpret_cast<Bytef*>(block.data());
      stream.avail_in = static_cast<uInt>(std::min(zeros, block.size()));
      zeros -= stream.avail_in;
    }
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    code = deflate(&stream, zeros == 0 && stream.avail_in == 0 ? Z_FINISH : Z_NO_FLUSH);
    packed.append(out, 0, out.size() - stream.avail_out);
  }
  deflateEnd(&stream);
  return packed;
}

// Nothing compressed is taken by the port, by none of these methods, and none of it is unpacked.
inline void ExpectNothingIsUnpacked(int port, const std::vector<std::string>& methods) {
  constexpr size_t kZeros = size_t{80} << 20;
  constexpr size_t kBearable = size_t{40} << 20;
  for (const std::string encoding : {"gzip", "deflate"}) {
    const std::string bomb = Packed(kZeros, encoding == "gzip");
    ASSERT_LT(bomb.size(), 100'000u);
    for (const std::string& method : methods) {
      const MemoryWatch memory;
      RawClient client(port);
      const uint32_t call = client.Open(method, {{"grpc-encoding", encoding}});
      client.Send(call, RawClient::Prefix(bomb.size(), true) + bomb, true);
      EXPECT_EQ(client.Status(call), 12) << method << " with " << encoding << " is not UNIMPLEMENTED";
      EXPECT_LT(memory.Grown(), kBearable) << method << " unpacks " << encoding;
    }
  }
}

// Who is not known is told so before the request has come, which is a large one, and nothing of it is held.
inline void ExpectStrangersAreNotRead(int port, const std::vector<std::string>& methods) {
  const std::string part(1 << 20, 'x');
  constexpr size_t kParts = 90;
  for (const std::string& method : methods) {
    const MemoryWatch memory;
    RawClient client(port);
    const uint32_t call = client.Open(method);
    size_t sent = client.Send(call, RawClient::Prefix(kParts * part.size()));
    for (size_t i = 0; i + 1 < kParts && client.Send(call, part) == part.size(); ++i) sent += part.size();
    EXPECT_LT(sent, 2 * part.size()) << method << " reads what strangers say";
    EXPECT_EQ(client.Status(call), 16) << method;
    EXPECT_LT(memory.Grown(), 32 * part.size()) << method;
  }
}

}  // namespace k8sgw::testing
