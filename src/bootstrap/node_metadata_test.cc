#include "src/bootstrap/node_metadata.h"

#include <gtest/gtest.h>

namespace k8sgw::bootstrap {
namespace {

std::string Added(const std::string& text) {
  yaml::Node tree = yaml::Parse(text).documents[0];
  return AddNodeMetadata(tree, "module", "1") ? yaml::EmitJson(tree, 0) : "";
}

TEST(NodeMetadata, IsAdded) {
  EXPECT_EQ(Added("node: {id: a, metadata: {role: r}}"),
            R"({"node": {"id": "a", "metadata": {"role": "r", "module": "1"}}})");
  EXPECT_EQ(Added("node: {id: a}"), R"({"node": {"id": "a", "metadata": {"module": "1"}}})");
  EXPECT_EQ(Added("node:\n  metadata:\n"), R"({"node": {"metadata": {"module": "1"}}})");
  EXPECT_EQ(Added("admin: {}"), R"({"admin": {}, "node": {"metadata": {"module": "1"}}})");
}

TEST(NodeMetadata, WhatStandsThereStays) {
  EXPECT_EQ(Added("node: {metadata: {module: '2'}}"), "");
  EXPECT_EQ(Added("node: {metadata: text}"), "");
  EXPECT_EQ(Added("[node]"), "");
}

}  // namespace
}  // namespace k8sgw::bootstrap
