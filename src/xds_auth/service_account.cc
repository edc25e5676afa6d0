#include "src/xds_auth/service_account.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "src/base/text.h"
#include "src/xds_auth/bearer.h"

namespace k8sgw::xds_auth {
namespace {

// Names of Kubernetes, none of which has a separator of ours.
bool IsName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.';
  });
}

// The two names that stand on both sides of the one separator; false when it is not so.
bool Split(std::string_view text, char separator, std::string_view* first, std::string_view* second) {
  const size_t at = text.find(separator);
  if (at == text.npos) return false;
  *first = text.substr(0, at);
  *second = text.substr(at + 1);
  return IsName(*first) && IsName(*second);
}

}  // namespace

absl::StatusOr<Grants> ParseGrants(const std::vector<std::string>& texts) {
  Grants grants;
  for (const std::string& text : texts) {
    const size_t at = text.find('=');
    const std::string account = text.substr(0, at);
    const std::string role = at == std::string::npos ? "" : text.substr(at + 1);
    std::string_view ns;
    std::string_view name;
    if (!Split(account, '/', &ns, &name) || !Split(role, '~', &ns, &name)) {
      return absl::InvalidArgumentError(Cat("\"", Printable(text),
                                            "\" does not say which account may have which role: write "
                                            "NAMESPACE/ACCOUNT=NAMESPACE~PROXY"));
    }
    grants.emplace(account, role);
  }
  return grants;
}

ServiceAccountIdentity::ServiceAccountIdentity(Account account, std::string label, Ptr<Grants> grants)
    : account_(std::move(account)), label_(std::move(label)), grants_(std::move(grants)) {}

absl::Status ServiceAccountIdentity::MayHave(const std::string& role) const {
  if (role.empty()) return absl::OkStatus();
  const std::string account = Cat(account_.ns, "/", account_.name);
  std::string_view ns;
  std::string_view proxy;
  if (!Split(role, '~', &ns, &proxy)) {
    return absl::PermissionDeniedError(
        Cat("\"", Printable(role), "\" is no role: node.metadata.role is <namespace>~<proxy>"));
  }
  // Proxies of a foreign namespace share their account, too: a grant is for those of its pods that are of its proxy.
  const bool of_another = !label_.empty() && proxy != label_;
  const bool granted = grants_->contains({account, role});
  if (!of_another && (granted || (ns == account_.ns && proxy == this->proxy()))) return absl::OkStatus();
  const std::string who =
      label_.empty() ? Cat("the ServiceAccount ", account)
                     : Cat("the pod ", account_.pod, " of the proxy ", label_, " (ServiceAccount ", account, ")");
  const std::string allow = Cat("--xds-auth-allow ", account, "=", Printable(role));
  std::string mend = granted ? "" : Cat("start the control plane with ", allow);
  if (of_another) mend += Cat(granted ? "" : ", and ", "label the pod ", kProxyLabel, "=", proxy);
  return absl::PermissionDeniedError(Cat(who, " may not have the role ", Printable(role), ": its own is ", account_.ns,
                                         "~", this->proxy(), "; to allow it, ", mend));
}

ReaderIdentity::ReaderIdentity(const Account& account, const std::string& ns, bool may) {
  if (may) return;
  status_ = absl::PermissionDeniedError(Cat("the account ", account.ns, "/", account.name,
                                            " may not get proxies.gloo.solo.io in the namespace ", ns,
                                            ": give it a role that says so"));
}

}  // namespace k8sgw::xds_auth
