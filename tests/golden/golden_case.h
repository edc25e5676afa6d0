// A golden case: a file with objects and the parts of the result that are expected. See README.md beside this file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/pipeline/pipeline.h"

namespace k8sgw::golden {

struct Section {
  // What stands after "expect", such as "cluster a_default connectTimeout".
  std::string header;
  std::string expected;
};

class Case {
 public:
  // Reads and splits the file.
  explicit Case(std::filesystem::path path);

  // Translates the objects of the case.
  void Run();

  // What a section would have to hold, as YAML.
  std::string Actual(const Section& section) const;
  // Writes the actual content into the file; adds or removes the `reports` section as needed.
  void Update() const;

  // The folder of the option and the name of the file: "cors/basic".
  std::string Name() const;
  bool MayFail() const;
  bool HasErrors() const { return k8sgw::HasErrors(problems_); }
  const std::vector<Section>& sections() const { return sections_; }
  const std::string& input() const { return input_; }
  const Problems& problems() const { return problems_; }
  // The objects that were translated, and how.
  const std::vector<Change>& objects() const { return objects_; }
  Pipeline::Options pipeline_options() const;
  // Stages the modules of images that the case has.
  void StageModules(Pipeline& pipeline) const;
  const Pipeline& pipeline() const { return *pipeline_; }
  bool ExpectsReports() const;

  // All cases of the source tree, in the order of their names.
  static std::vector<std::filesystem::path> FindAll();

 private:
  std::filesystem::path path_;
  std::string input_;
  std::vector<Section> sections_;
  std::vector<Change> objects_;
  std::unique_ptr<Pipeline> pipeline_;
  Problems problems_;
};

// Equal up to the way in which the YAML is written.
bool SameYaml(const std::string& a, const std::string& b);

}  // namespace k8sgw::golden
