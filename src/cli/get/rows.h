// Objects as rows of a table, as published: what each kind shows of itself.
#pragma once

#include <string>
#include <vector>

#include "src/base/yaml.h"
#include "src/model/custom_resources.h"

namespace k8sgw::cli {

struct TableOptions {
  // Objects of several namespaces: a column says which.
  bool namespaces = false;
  // More columns, and nothing is cut.
  bool wide = false;
};

// The table of objects of one kind, in their order. Kinds without columns of their own have a name and a status.
std::string RenderTable(const CustomResource& kind, const std::vector<yaml::Node>& objects,
                        const TableOptions& options);

}  // namespace k8sgw::cli
