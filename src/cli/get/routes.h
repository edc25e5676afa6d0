// Routes in words.
#pragma once

#include <string>
#include <vector>

#include "src/base/yaml.h"

namespace k8sgw::cli {

// One line for each matcher of each route: "/api -> default.petstore (upstream)".
std::vector<std::string> DescribeRoutes(const std::vector<yaml::Node>& routes);

// "default.petstore (upstream)": one destination, as in routeAction.single.
std::string DescribeDestination(const yaml::Node& destination);

}  // namespace k8sgw::cli
