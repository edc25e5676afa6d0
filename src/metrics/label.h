// Text as the value of a label in the text format of Prometheus.
#pragma once

#include <string>
#include <string_view>

namespace k8sgw::metrics {

// Without the quotes around it.
std::string EscapeLabel(std::string_view text);

}  // namespace k8sgw::metrics
