// The admin page of an Envoy of ours.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "src/bootstrap/bootstrap.h"

namespace k8sgw {

struct AdminAnswer {
  int status = 0;
  std::string body;
};

class AdminPage {
 public:
  AdminPage(bootstrap::AdminAddress address, std::chrono::milliseconds patience)
      : address_(std::move(address)), patience_(patience) {}

  // Waits for at most about twice the patience. nullopt when nobody answers, or not in time, or not with HTTP.
  std::optional<AdminAnswer> Ask(const std::string& method, const std::string& target) const;

 private:
  int Connect() const;

  const bootstrap::AdminAddress address_;
  const std::chrono::milliseconds patience_;
};

}  // namespace k8sgw
