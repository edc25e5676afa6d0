#include "src/envoy/plugin.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/settings.proto.h"
#include "src/base/proto_codec.h"

namespace k8sgw::envoy {
namespace {

using google::protobuf::Message;

HttpListenerArgs::Filter MakeFilter(FilterPlace place, std::string_view name, const Message& config) {
  return {place, std::string(name), "type.googleapis.com/" + config.GetDescriptor()->full_name(),
          SerializeDeterministic(config)};
}

}  // namespace

void PackAny(const Message& message, google::protobuf::Any* any) {
  any->set_type_url("type.googleapis.com/" + message.GetDescriptor()->full_name());
  any->set_value(SerializeDeterministic(message));
}

void PerFilterConfig::Set(std::string_view filter, const Message& config) {
  SetIfThere(filter, config);
  needs_.emplace(filter);
}

void PerFilterConfig::SetIfThere(std::string_view filter, const Message& config) {
  PackAny(config, &map_[std::string(filter)]);
}

bool PerFilterConfig::Has(std::string_view filter) const { return map_.contains(std::string(filter)); }

bool RouteArgs::RequireAction(std::string_view field) const {
  if (action) return true;
  report.Warning(field, "has no effect, because the route does not forward requests",
                 "remove it, or give the route a routeAction");
  return false;
}

void HttpListenerArgs::AddFilter(FilterPlace place, std::string_view name, const Message& config) const {
  filters_out.push_back(MakeFilter(place, name, config));
}

void HttpListenerArgs::AddDisabledFilter(FilterPlace place, std::string_view name, const Message& config) const {
  AddFilter(place, name, config);
  filters_out.back().disabled = true;
}

void HttpListenerArgs::AddNetworkFilter(FilterPlace place, std::string_view name, const Message& config) const {
  network_filters_out.push_back(MakeFilter(place, name, config));
}

bool HttpListenerArgs::KeepUnusedFilters() const { return !context.settings().gloo().remove_unused_filters().value(); }

}  // namespace k8sgw::envoy
