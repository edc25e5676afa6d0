#include <utility>

#include "api/gateway/v1/external_options.pb.h"
#include "api/gateway/v1/gateway.pb.h"
#include "api/gateway/v1/matchable_http_gateway.pb.h"
#include "api/gateway/v1/matchable_tcp_gateway.pb.h"
#include "api/gateway/v1/route_table.pb.h"
#include "api/gateway/v1/virtual_service.pb.h"
#include "api/gloo/v1/artifact.pb.h"
#include "api/gloo/v1/proxy.pb.h"
#include "api/gloo/v1/secret.pb.h"
#include "api/gloo/v1/settings.pb.h"
#include "api/gloo/v1/upstream.pb.h"
#include "src/model/objects.h"

namespace k8sgw {

Change::Change() = default;
Change::Change(ResourceKey k, AnyObject o) : key(std::move(k)), object(std::move(o)) {}
Change::Change(const Change&) = default;
Change::Change(Change&&) noexcept = default;
Change& Change::operator=(const Change&) = default;
Change& Change::operator=(Change&&) noexcept = default;
Change::~Change() = default;

bool Change::gone() const { return std::holds_alternative<std::monostate>(object); }

void Change::SetGone() { object = std::monostate(); }

std::shared_ptr<const void> Change::Untyped() const {
  return std::visit(
      [](const auto& value) -> std::shared_ptr<const void> {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
          return nullptr;
        } else {
          return value;
        }
      },
      object);
}

}  // namespace k8sgw
