#include "src/wasm_cache/manifest.h"

#include <gmock/gmock.h>

#include "src/base/text.h"
#include "src/wasm_cache/digest.h"

namespace k8sgw::wasm_cache {
namespace {

using ::testing::HasSubstr;

std::string Layer(const std::string& type, const std::string& what) {
  return Cat(R"({"mediaType":")", type, R"(","digest":")", Sha256Digest(what), R"(","size":7})");
}

std::string Image(const std::string& layers) { return Cat(R"({"schemaVersion":2,"layers":[)", layers, "]}"); }

std::string Error(const std::string& body) {
  const auto manifest = ParseManifest(body);
  return manifest.ok() ? "" : std::string(manifest.status().message());
}

TEST(Manifest, TheLayerThatIsAModule) {
  const std::string other = Layer("application/vnd.oci.image.layer.v1.tar+gzip", "other");
  for (const char* type : {"application/vnd.module.wasm.content.layer.v1+wasm", "application/wasm",
                           "application/vnd.wasm.content.layer.v1+wasm"}) {
    const auto manifest = ParseManifest(Image(Cat(Layer(type, "module"), ",", other)));
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    const auto layer = PickLayer(*manifest);
    ASSERT_TRUE(layer.ok());
    EXPECT_EQ(layer->descriptor.digest, Sha256Digest("module"));
    EXPECT_EQ(layer->descriptor.size, 7u);
    EXPECT_EQ(layer->packing, Packing::kPlain);
  }
}

TEST(Manifest, ElseTheLastLayerIsAnArchive) {
  const auto packing = [](const std::string& type) {
    return PickLayer(*ParseManifest(Image(Cat(Layer("text/plain", "config"), ",", Layer(type, "module")))))->packing;
  };
  EXPECT_EQ(packing("application/vnd.oci.image.layer.v1.tar+gzip"), Packing::kTarGzip);
  EXPECT_EQ(packing("application/vnd.docker.image.rootfs.diff.tar.gzip"), Packing::kTarGzip);
  EXPECT_EQ(packing("application/vnd.oci.image.layer.v1.tar"), Packing::kTar);
  const auto none = PickLayer(*ParseManifest(Image(Layer("text/plain", "config"))));
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("the last is of type \"text/plain\""));
  EXPECT_FALSE(PickLayer(*ParseManifest(Image(""))).ok());
}

TEST(Manifest, TheBestOfAnIndex) {
  const auto entry = [](const std::string& what, const std::string& os, const std::string& architecture) {
    return Cat(R"({"mediaType":"m","size":1,"digest":")", Sha256Digest(what), R"(","platform":{"os":")", os,
               R"(","architecture":")", architecture, R"("}})");
  };
  const auto picked = [](const std::string& entries) {
    const auto index = ParseManifest(Cat(R"({"manifests":[)", entries, "]}"));
    EXPECT_TRUE(index.ok() && index->is_index);
    return PickManifest(*index)->digest;
  };
  const std::string arm = entry("arm", "linux", "arm64");
  const std::string amd = entry("amd", "linux", "amd64");
  EXPECT_EQ(picked(Cat(arm, ",", amd, ",", entry("wasm", "wasip1", "wasm"))), Sha256Digest("wasm"));
  EXPECT_EQ(picked(Cat(arm, ",", amd)), Sha256Digest("amd"));
  EXPECT_EQ(picked(arm), Sha256Digest("arm"));
  EXPECT_FALSE(PickManifest(*ParseManifest(R"({"manifests":[]})")).ok());
}

TEST(Manifest, WhatIsNone) {
  EXPECT_EQ(Error("<html>"), "the manifest is no JSON object");
  EXPECT_EQ(Error("[]"), "the manifest is no JSON object");
  EXPECT_EQ(Error(""), "the manifest is no JSON object");
  EXPECT_EQ(Error("{}"), "the manifest has neither layers nor manifests");
  EXPECT_EQ(Error(R"({"schemaVersion":1,"fsLayers":[]})"),
            "the manifest is of schema 1: push the image with a newer tool");
  EXPECT_EQ(Error(R"({"layers":7})"), "the manifest has layers that are no list");
  EXPECT_THAT(Error(Image(R"({"mediaType":"m","digest":"md5:1","size":1})")),
              HasSubstr("\"md5:1\", which is no sha256"));
  EXPECT_THAT(Error(Image("7")), HasSubstr("which is no sha256"));
  for (const char* size : {"-1", "1.5", "\"x\"", "\"99999999999999999999\""}) {
    EXPECT_EQ(Error(Image(Cat(R"({"digest":")", Sha256Digest("x"), R"(","size":)", size, "}"))),
              "the manifest names something without its size")
        << size;
  }
  EXPECT_NE(Error(Image(Cat(R"({"digest":")", Sha256Digest("x"), R"(","size":99999999999999999999})"))), "");
  std::string many;
  for (int i = 0; i < 1001; ++i) many += Cat(many.empty() ? "" : ",", Layer("m", "x"));
  EXPECT_EQ(Error(Image(many)), "the manifest has more than 1000 entries");
}

}  // namespace
}  // namespace k8sgw::wasm_cache
