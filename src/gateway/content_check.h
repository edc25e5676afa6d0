// What is wrong with the content of one object, whoever includes it.
//
// Checked once per object, not once per inclusion: a RouteTable in ten thousand VirtualServices has its regexes
// compiled once.
#pragma once

#include <cstdint>

#include "src/base/regex.h"
#include "src/gateway/places.h"

namespace k8sgw::gateway {

struct ContentLimits {
  uint32_t regex_max_program_size = kDefaultMaxProgramSize;
};

Problems CheckVirtualService(const Object<gatewayv1::VirtualService>& service, const ContentLimits& limits);
Problems CheckRouteTable(const Object<gatewayv1::RouteTable>& table, const ContentLimits& limits);
Problems CheckRouteOption(const Object<gatewayv1::RouteOption>& option, const ContentLimits& limits);
Problems CheckVirtualHostOption(const Object<gatewayv1::VirtualHostOption>& option);

}  // namespace k8sgw::gateway
