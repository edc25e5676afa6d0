#include "src/wasm_cache/module.h"

#include <gmock/gmock.h>
#include <zlib.h>

#include <cstdio>

#include "src/base/text.h"

namespace k8sgw::wasm_cache {
namespace {

using ::testing::HasSubstr;

const std::string kModule("\0asm\1\0\0\0rest", 12);
constexpr size_t kMost = 10'000;

std::string Octal(uint64_t number) {
  char text[12];
  std::snprintf(text, sizeof(text), "%011lo", static_cast<unsigned long>(number));
  return text;
}

// A file of an archive; `size` in place of the real one when it lies.
std::string TarFile(const std::string& name, const std::string& bytes, std::string size = "", char type = '0') {
  std::string header(512, '\0');
  header.replace(0, name.size(), name);
  if (size.empty()) size = Octal(bytes.size());
  header.replace(124, size.size(), size);
  header[156] = type;
  header.replace(257, 5, "ustar");
  header.replace(148, 8, "        ");
  uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  header.replace(148, 7, Octal(sum).substr(5) + std::string(1, '\0'));
  return header + bytes + std::string((512 - bytes.size() % 512) % 512, '\0');
}

std::string Gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Error(std::string layer, Packing packing) {
  const auto module = ExtractModule(std::move(layer), packing, kMost);
  return module.ok() ? "" : std::string(module.status().message());
}

const std::string kEnd(1024, '\0');

TEST(Module, Plain) {
  EXPECT_EQ(ExtractModule(kModule, Packing::kPlain, kMost).value(), kModule);
  EXPECT_EQ(Error("<html>", Packing::kPlain), "the bytes are no WebAssembly module of version 1");
  EXPECT_EQ(Error("", Packing::kPlain), "the bytes are no WebAssembly module of version 1");
  // A component, which Envoy cannot run.
  EXPECT_NE(Error(std::string("\0asm\x0d\0\1\0", 8), Packing::kPlain), "");
  EXPECT_THAT(Error(kModule + std::string(kMost, 'x'), Packing::kPlain), HasSubstr("at most 10000 are taken"));
}

TEST(Module, InAnArchive) {
  const std::string tar =
      TarFile("README", "hello") + TarFile("dir/plugin.wasm", "other") + TarFile("./plugin.wasm", kModule) + kEnd;
  EXPECT_EQ(ExtractModule(tar, Packing::kTar, kMost).value(), kModule);
  EXPECT_EQ(ExtractModule(Gzip(tar), Packing::kTarGzip, kMost).value(), kModule);
  EXPECT_EQ(ExtractModule(Gzip(tar.substr(0, 700)) + Gzip(tar.substr(700)), Packing::kTarGzip, kMost).value(), kModule);
  // A whole block, and without an end.
  const std::string block = kModule + std::string(500, 'x');
  EXPECT_EQ(ExtractModule(TarFile("plugin.wasm", block), Packing::kTar, kMost).value(), block);
}

TEST(Module, ArchivesThatLie) {
  EXPECT_EQ(Error(TarFile("a", "b") + kEnd, Packing::kTar), "the archive has no plugin.wasm");
  EXPECT_EQ(Error("", Packing::kTar), "the archive has no plugin.wasm");
  EXPECT_EQ(Error(std::string(512, 'x'), Packing::kTar), "the layer is no tar archive");
  EXPECT_EQ(Error(TarFile("plugin.wasm", kModule, Octal(5000)), Packing::kTar), "the archive ends within plugin.wasm");
  EXPECT_THAT(Error(TarFile("plugin.wasm", kModule, Octal(kMost + 1)), Packing::kTar),
              HasSubstr("plugin.wasm has 10001 bytes"));
  // 2^64 bytes, as a binary number.
  EXPECT_EQ(Error(TarFile("plugin.wasm", kModule, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), Packing::kTar),
            "the layer is no tar archive");
  EXPECT_EQ(Error(TarFile("a", "", "77777777777"), Packing::kTar), "the archive has no plugin.wasm");
  // Links are not followed.
  EXPECT_EQ(Error(TarFile("plugin.wasm", "", "", '2') + kEnd, Packing::kTar), "the archive has no plugin.wasm");
  EXPECT_EQ(Error(TarFile("plugin.wasm", ""), Packing::kTar), "the bytes are no WebAssembly module of version 1");
}

TEST(Module, GzipFilesThatLie) {
  EXPECT_EQ(Error("no gzip", Packing::kTarGzip), "the layer is no gzip file, or is cut off");
  EXPECT_EQ(Error("", Packing::kTarGzip), "the layer is no gzip file, or is cut off");
  const std::string good = Gzip(TarFile("a", std::string(9000, 'x')) + kEnd);
  EXPECT_EQ(Error(good.substr(0, good.size() / 2), Packing::kTarGzip), "the layer is no gzip file, or is cut off");
  // A bomb: 50 MB out of 50 kB.
  const std::string bomb = Gzip(TarFile("a", std::string(50'000'000, '\0')));
  EXPECT_LT(bomb.size(), 100'000u);
  EXPECT_EQ(Error(bomb, Packing::kTarGzip), "the layer holds more than 40000 bytes");
  // Nothing, very often.
  std::string nothing;
  for (int i = 0; i < 1000; ++i) nothing += Gzip("");
  EXPECT_EQ(Error(nothing, Packing::kTarGzip), "the archive has no plugin.wasm");
}

}  // namespace
}  // namespace k8sgw::wasm_cache
