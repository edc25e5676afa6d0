#include <utility>

#include "api/gateway/v1/external_options.proto.h"
#include "api/gateway/v1/gateway.proto.h"
#include "api/gateway/v1/matchable_http_gateway.proto.h"
#include "api/gateway/v1/matchable_tcp_gateway.proto.h"
#include "api/gateway/v1/route_table.proto.h"
#include "api/gateway/v1/virtual_service.proto.h"
#include "api/gloo/v1/artifact.proto.h"
#include "api/gloo/v1/proxy.proto.h"
#include "api/gloo/v1/secret.proto.h"
#include "api/gloo/v1/settings.proto.h"
#include "api/gloo/v1/upstream.proto.h"
#include "src/model/kubernetes.h"
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

uint64_t Change::hash() const { return HashOf(object); }

uint64_t HashOf(const AnyObject& object) {
  return std::visit(
      [](const auto& value) -> uint64_t {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::monostate>) {
          return 0;
        } else {
          return value->hash;
        }
      },
      object);
}

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
