// The definitions in chart/crds, and what the API server would make of them and of all objects in this repository.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/yaml.h"
#include "src/crds/crd.h"
#include "src/crds/shorten.h"
#include "tests/crds/check.h"

namespace k8sgw::crds {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::IsEmpty;
using yaml::Node;

constexpr char kMend[] = "make them anew: build/release/k8sgateway crds -o chart/crds";

std::string Read(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

const Node& Version(const Node& crd) { return crd.Find("spec")->Find("versions")->items.at(0); }

const Node& SchemaIn(const Node& crd) { return *Version(crd).Find("schema")->Find("openAPIV3Schema"); }

// By kind; made once.
const std::map<std::string, Node, std::less<>>& Definitions() {
  static const auto* const all = [] {
    auto* out = new std::map<std::string, Node, std::less<>>();
    for (const CustomResource& resource : AllCustomResources()) {
      out->emplace(resource.kind, MakeCrd(resource, CrdOptions()));
    }
    return out;
  }();
  return *all;
}

TEST(Crds, FilesAreWhatTheGeneratorMakes) {
  std::set<std::string> expected;
  for (const CustomResource& resource : AllCustomResources()) {
    const fs::path path = fs::path("chart/crds") / (CrdName(resource) + ".yaml");
    EXPECT_TRUE(Read(path) == CrdFile(resource, CrdOptions())) << path << " is out of date; " << kMend;
    expected.insert(path);
  }
  for (const auto& file : fs::directory_iterator("chart/crds")) {
    EXPECT_THAT(expected, Contains(file.path().string())) << "this file belongs to no kind: remove it";
  }
}

TEST(Crds, FilesReadAsTheyWereMade) {
  for (const auto& [kind, crd] : Definitions()) {
    const yaml::Stream stream = yaml::Parse(yaml::Emit(crd));
    ASSERT_TRUE(stream.ok) << kind << ": " << stream.error.message;
    ASSERT_EQ(stream.documents.size(), 1u);
    EXPECT_TRUE(yaml::EmitJson(stream.documents[0]) == yaml::EmitJson(crd)) << kind;
  }
}

TEST(Crds, SchemasAreStructural) {
  for (const auto& [kind, crd] : Definitions()) EXPECT_THAT(SchemaFaults(SchemaIn(crd)), IsEmpty()) << kind;
}

TEST(Crds, NamesFitTogether) {
  std::set<std::string> names;
  for (const CustomResource& resource : AllCustomResources()) {
    const Node& crd = Definitions().at(std::string(resource.kind));
    const Node& spec = *crd.Find("spec");
    const Node& said = *spec.Find("names");
    EXPECT_EQ(crd.Find("metadata")->FindScalar("name"),
              std::string(said.FindScalar("plural")) + "." + std::string(spec.FindScalar("group")));
    EXPECT_EQ(said.FindScalar("kind"), resource.kind);
    EXPECT_EQ(said.FindScalar("listKind"), std::string(resource.kind) + "List");
    EXPECT_EQ(spec.FindScalar("scope"), "Namespaced");
    EXPECT_EQ(spec.Find("versions")->items.size(), 1u);
    EXPECT_EQ(std::string(spec.FindScalar("group")) + "/" + std::string(Version(crd).FindScalar("name")),
              resource.api_version);
    // kubectl takes any of them for the kind.
    std::set<std::string> own = {std::string(resource.plural), std::string(resource.singular)};
    for (const std::string_view name : resource.short_names) own.emplace(name);
    for (const std::string& name : own) EXPECT_TRUE(names.insert(name).second) << name << " means two kinds";
    for (const Node& category : said.Find("categories")->items) names.insert(category.scalar + " (category)");
    EXPECT_THAT(names, Contains("gloo-gateway (category)")) << resource.kind;
  }
  EXPECT_EQ(AllCustomResources().size(), 17u);
}

TEST(Crds, ColumnsAndSubresourcesAreAsPublished) {
  for (const auto& [kind, crd] : Definitions()) {
    EXPECT_EQ(Version(crd).Find("additionalPrinterColumns"), nullptr) << kind << ": scripts count on NAME and AGE";
    const bool apart = Version(crd).FindScalar("name") == "v1alpha1";
    EXPECT_EQ(Version(crd).Find("subresources") != nullptr, apart) << kind;
    const Node& status = *SchemaIn(crd).Find("properties")->Find("status");
    EXPECT_EQ(status.Find("default") != nullptr, !apart) << kind;
  }
}

// kubectl keeps a copy in an annotation, and 256 KiB of annotations are all that the API server takes.
TEST(Crds, FitIntoTheAnnotationOfKubectl) {
  for (const auto& [kind, crd] : Definitions()) EXPECT_LE(AppliedSize(crd), 252u << 10) << kind;
}

// All words that schemas below this one use, but those of names of fields.
void FindWords(const Node& schema, std::set<std::string>& out) {
  for (const auto& entry : schema.entries) out.insert(entry.key);
  if (const Node* properties = schema.Find("properties")) {
    for (const auto& entry : properties->entries) FindWords(entry.value, out);
  }
  for (const char* inner : {"items", "additionalProperties"}) {
    if (const Node* found = schema.Find(inner)) FindWords(*found, out);
  }
}

// Whatever a cluster holds must stay writable, or its status could not be written.
TEST(Crds, OnlyTheNewKindsRefuseMoreThanTypes) {
  for (const auto& [kind, crd] : Definitions()) {
    std::set<std::string> words;
    FindWords(SchemaIn(crd), words);
    if (kind == "GatewayParameters" || kind == "DirectResponse") continue;
    for (const char* rule : {"required", "enum", "maxLength", "maxItems", "x-kubernetes-validations"}) {
      EXPECT_FALSE(words.contains(rule)) << kind << " has " << rule;
    }
  }
}

using Texts = std::map<std::string, std::string>;

// The descriptions of all fields by their paths, those that have none as well.
void FindTexts(const Node& schema, const std::string& path, Texts& out) {
  if (const Node* properties = schema.Find("properties")) {
    for (const auto& entry : properties->entries) {
      const std::string inner = path.empty() ? entry.key : path + "." + entry.key;
      out.emplace(inner, entry.value.FindScalar("description"));
      FindTexts(entry.value, inner, out);
    }
  }
  for (const char* inner : {"items", "additionalProperties"}) {
    if (const Node* found = schema.Find(inner)) FindTexts(*found, path, out);
  }
}

Texts TextsOf(const std::string& kind) {
  Texts texts;
  FindTexts(SchemaIn(Definitions().at(kind)), "", texts);
  return texts;
}

// What a reader finds who goes where the texts above a field send him; "" if that ends nowhere.
std::string Find(const Texts& texts, const std::string& path) {
  static constexpr std::string_view kHint = "Fields as in ";
  const auto own = texts.find(path);
  if (own == texts.end() || !own->second.empty()) return own == texts.end() ? "" : own->second;
  for (size_t end = path.rfind('.'); end != std::string::npos && end > 0; end = path.rfind('.', end - 1)) {
    const std::string& above = texts.at(path.substr(0, end));
    const size_t hint = above.rfind(kHint);
    if (hint == std::string::npos) continue;
    const size_t from = hint + kHint.size();
    return Find(texts, above.substr(from, above.size() - 1 - from) + path.substr(end));
  }
  return "";
}

TEST(Crds, EveryFieldIsExplained) {
  for (const auto& [kind, crd] : Definitions()) {
    const Texts texts = TextsOf(kind);
    for (const auto& [path, text] : texts) {
      EXPECT_NE(Find(texts, path), "") << kind << "." << path << ": write a comment in the proto file";
    }
  }
}

size_t DepthOf(const std::string& path) { return 1 + static_cast<size_t>(std::count(path.begin(), path.end(), '.')); }

// What is left out is deep, and only where a definition would be too large.
TEST(Crds, WhatPeopleReadIsExplainedAtItsPlace) {
  const std::map<std::string, size_t> levels = {{"Gateway", 5}, {"VirtualService", 7}};
  for (const auto& [kind, crd] : Definitions()) {
    const auto whole = levels.find(kind);
    for (const auto& [path, text] : TextsOf(kind)) {
      if (whole != levels.end() && DepthOf(path) > whole->second) continue;
      EXPECT_NE(text, "") << kind << "." << path;
      if (whole == levels.end()) {
        EXPECT_EQ(text.find("Fields as in "), std::string::npos) << kind << "." << path;
      }
    }
  }
  const Texts texts = TextsOf("VirtualService");
  const std::string route = "spec.virtualHost.routes.options.";
  for (const char* field : {"retries.numRetries", "retries.retryBackOff.baseInterval", "cors.allowOrigin"}) {
    ASSERT_TRUE(texts.contains(route + field)) << field;
    EXPECT_NE(texts.at(route + field), "") << field;
  }
}

// The part of a golden case that users would write.
std::string InputOf(const std::string& text) { return text.substr(0, text.find("\n--- # expect")); }

std::vector<fs::path> Examples() {
  std::vector<fs::path> out;
  for (const char* folder : {"plugins", "tests/cases", "examples"}) {
    for (const auto& file : fs::recursive_directory_iterator(folder)) {
      const bool golden = std::string(folder) != "plugins" || file.path().parent_path().filename() == "testdata";
      if (golden && file.path().extension() == ".yaml" && !file.path().filename().string().starts_with("fail_")) {
        out.push_back(file.path());
      }
    }
  }
  return out;
}

// Objects that the product takes from files and the API server would not store: they use what only files may.
TEST(Crds, ObjectsOfThisRepositoryFit) {
  size_t checked = 0;
  for (const fs::path& path : Examples()) {
    const yaml::Stream stream = yaml::Parse(InputOf(Read(path)));
    ASSERT_TRUE(stream.ok) << path;
    for (const Node& document : stream.documents) {
      const auto crd = Definitions().find(document.FindScalar("kind"));
      if (crd == Definitions().end()) continue;
      Node object = document;
      std::erase_if(object.entries, [](const Node::Entry& entry) {
        return entry.key == "apiVersion" || entry.key == "kind" || entry.key == "metadata";
      });
      EXPECT_THAT(ObjectFaults(object, SchemaIn(crd->second)), IsEmpty()) << path << ":" << document.mark.line;
      ++checked;
    }
  }
  EXPECT_GT(checked, 300u);
}

}  // namespace
}  // namespace k8sgw::crds
