// Places in users' objects, and problems at them.
#pragma once

#include <string>
#include <string_view>

#include "src/model/objects.h"
#include "src/proxy/proxy.h"

namespace k8sgw::gateway {

using proxy::Source;

inline ResourceKey KeyOf(const GatewayRef& ref) { return {Kind::kGateway, ref.ns, ref.name}; }
inline ResourceKey KeyOf(const VirtualServiceRef& ref) { return {Kind::kVirtualService, ref.ns, ref.name}; }
inline ResourceKey KeyOf(const RouteTableRef& ref) { return {Kind::kRouteTable, ref.ns, ref.name}; }
inline ResourceKey KeyOf(const RouteOptionRef& ref) { return {Kind::kRouteOption, ref.ns, ref.name}; }
inline ResourceKey KeyOf(const VirtualHostOptionRef& ref) { return {Kind::kVirtualHostOption, ref.ns, ref.name}; }
inline ResourceKey KeyOf(const SettingsRef& ref) { return {Kind::kSettings, ref.ns, ref.name}; }

// The field `field` of the message at `at`; `field` may be a path.
Source Field(const Source& at, std::string_view field);
// The element `index` of the list `list` in the message at `at`.
Source Element(const Source& at, std::string_view list, int index);

Problem Error(const Source& at, std::string message, std::string fix = "");
Problem Warning(const Source& at, std::string message, std::string fix = "");
Problem Notice(const Source& at, std::string message, std::string fix = "");

}  // namespace k8sgw::gateway
