// The chart that this program was built with.
#pragma once

#include <string_view>

namespace k8sgw::cli {

// A .tgz as `helm package` makes them, with the folder k8sgateway/.
std::string_view ChartArchive();

}  // namespace k8sgw::cli
