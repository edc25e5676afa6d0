// ServiceAccounts, and which roles are theirs.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "src/base/ptr.h"
#include "src/xds/authenticator.h"

namespace k8sgw::xds_auth {

// Who a token belongs to, as the API server says.
struct Account {
  std::string ns;
  std::string name;
  // The pod that the token was made for; "" when it is bound to none.
  std::string pod;
  std::string pod_uid;

  bool operator==(const Account&) const = default;
};

// What accounts may have besides what is theirs by name: ("namespace/account", role).
using Grants = std::set<std::pair<std::string, std::string>>;

// Reads "NAMESPACE/ACCOUNT=NAMESPACE~PROXY" of each text. Errors: InvalidArgument, names the text and the mend.
absl::StatusOr<Grants> ParseGrants(const std::vector<std::string>& texts);

// The label by which pods of proxies say which one they are of, as published.
inline constexpr std::string_view kProxyLabel = "gateway-proxy-id";

// A role is `<namespace>~<proxy>`. It belongs to accounts of that namespace: to pods that are labelled with the name of
// the proxy, or, when the token has no pod with such a label, to the account of that name; and to accounts of grants,
// but of these not to pods that are labelled with the name of another proxy.
class ServiceAccountIdentity : public xds::Identity {
 public:
  // `label` is that of the token's pod, "" without one.
  ServiceAccountIdentity(Account account, std::string label, Ptr<Grants> grants);

  absl::Status MayHave(const std::string& role) const override;
  const Account& account() const { return account_; }
  // The proxy whose role it may have by itself.
  const std::string& proxy() const { return label_.empty() ? account_.name : label_; }

 private:
  const Account account_;
  const std::string label_;
  const Ptr<Grants> grants_;
};

// An account that was asked about one right, whatever role it asks for.
class ReaderIdentity : public xds::Identity {
 public:
  // `ns` is where the Proxies are that it may read, or may not.
  ReaderIdentity(const Account& account, const std::string& ns, bool may);

  absl::Status MayHave(const std::string&) const override { return status_; }

 private:
  absl::Status status_;
};

}  // namespace k8sgw::xds_auth
