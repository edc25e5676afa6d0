#include "src/xds_auth/token_review.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/xds_auth/bearer.h"

namespace k8sgw::xds_auth {
namespace {

constexpr char kReviews[] = "/apis/authentication.k8s.io/v1/tokenreviews";
constexpr char kAccessReviews[] = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
constexpr std::string_view kUserPrefix = "system:serviceaccount:";
constexpr size_t kMostReason = 300;

absl::Status Unreadable(std::string_view what) {
  return absl::UnavailableError(Cat("the API server's answer cannot be read: ", what));
}

absl::Status NotGood(std::string_view reason, std::string_view audience) {
  return absl::UnauthenticatedError(Cat("the token is not good: ", reason,
                                        ": send one of a ServiceAccount that exists, for the audience ", audience,
                                        ", that has not expired"));
}

// Whatever went wrong, the caller's token is neither good nor bad.
absl::Status NoAnswer(std::string_view what, std::string_view right, const kube::WriteResult& result) {
  const std::string cause = Printable({result.status.message().data(), result.status.message().size()}, kMostReason);
  if (absl::IsPermissionDenied(result.status)) {
    return absl::UnavailableError(
        Cat("the control plane may not ask for ", what, ": give its ServiceAccount the right to ", right, ": ", cause));
  }
  return absl::UnavailableError(Cat("the API server does not say anything about ", what, ": ", cause));
}

absl::StatusOr<yaml::Node> ReadObject(const kube::WriteResult& result) {
  auto tree = yaml::FromJson(yaml::Padded(result.body).view());
  if (!tree.ok()) return Unreadable({tree.status().message().data(), tree.status().message().size()});
  if (!tree->is_mapping()) return Unreadable("it is no object");
  return std::move(*tree);
}

// The only value of a list of `user.extra`.
std::string Extra(const yaml::Node& user, std::string_view key) {
  const yaml::Node* extra = user.Find("extra");
  const yaml::Node* values = extra ? extra->Find(key) : nullptr;
  return values && values->items.size() == 1 ? values->items.front().scalar : "";
}

}  // namespace

bool IsAudience(std::string_view text) {
  return !text.empty() && text.size() <= 256 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"' && c != '\\';
  });
}

kube::WriteRequest ReviewRequest(std::string_view token, std::string_view audience) {
  kube::WriteRequest request;
  request.method = "POST";
  request.target = kReviews;
  request.content_type = "application/json";
  request.body = Cat(R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":")", token,
                     R"(","audiences":[")", audience, R"("]}})");
  return request;
}

absl::StatusOr<Account> ReadReview(const kube::WriteResult& result, std::string_view audience) {
  if (!result.status.ok()) return NoAnswer("tokens", "create tokenreviews.authentication.k8s.io", result);
  const absl::StatusOr<yaml::Node> tree = ReadObject(result);
  if (!tree.ok()) return tree.status();
  const yaml::Node* status = tree->Find("status");
  if (!status) return Unreadable("it has no status");
  if (status->FindScalar("authenticated") != "true") {
    const std::string_view error = status->FindScalar("error");
    return NotGood(error.empty() ? "nobody is known by it" : Printable(error, kMostReason), audience);
  }
  // A server that knows nothing of audiences takes any token for good.
  const yaml::Node* audiences = status->Find("audiences");
  if (!audiences || std::none_of(audiences->items.begin(), audiences->items.end(),
                                 [&](const yaml::Node& one) { return one.scalar == audience; })) {
    return NotGood("it is for another audience", audience);
  }
  const yaml::Node* user = status->Find("user");
  if (!user) return Unreadable("it has no user");
  std::string_view name = user->FindScalar("username");
  if (!name.starts_with(kUserPrefix)) return NotGood("it is not that of a ServiceAccount", audience);
  name.remove_prefix(kUserPrefix.size());
  const size_t at = name.find(':');
  if (at == 0 || at == name.npos || at + 1 == name.size()) return Unreadable("its user has no name");
  // It will stand in JSON.
  if (!IsAudience(name)) return Unreadable("its user's name is none");
  return Account{std::string(name.substr(0, at)), std::string(name.substr(at + 1)),
                 Extra(*user, "authentication.kubernetes.io/pod-name"),
                 Extra(*user, "authentication.kubernetes.io/pod-uid")};
}

kube::WriteRequest PodRequest(const Account& account) {
  return kube::ReadObject({{"", "v1", "pods", account.ns}, account.pod});
}

absl::StatusOr<std::string> ReadProxyLabel(const kube::WriteResult& result, const Account& account) {
  const absl::Status gone = absl::UnauthenticatedError(
      Cat("the pod ", account.ns, "/", account.pod, " of the token is gone: connect from one that there is"));
  if (absl::IsNotFound(result.status)) return gone;
  if (!result.status.ok()) return NoAnswer("pods", "get pods", result);
  const absl::StatusOr<yaml::Node> tree = ReadObject(result);
  if (!tree.ok()) return tree.status();
  const yaml::Node* metadata = tree->Find("metadata");
  if (!metadata) return Unreadable("it has no metadata");
  if (metadata->FindScalar("uid") != account.pod_uid) return gone;
  const yaml::Node* labels = metadata->Find("labels");
  return std::string(labels ? labels->FindScalar(kProxyLabel) : "");
}

// The API server makes the groups of an account from its name; nobody else has made this name.
kube::WriteRequest AccessRequest(const Account& account, const std::string& ns) {
  kube::WriteRequest request;
  request.method = "POST";
  request.target = kAccessReviews;
  request.content_type = "application/json";
  request.body =
      Cat(R"({"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":")", kUserPrefix,
          account.ns, ":", account.name, R"(","groups":["system:serviceaccounts","system:serviceaccounts:)", account.ns,
          R"(","system:authenticated"],"resourceAttributes":{"verb":"get","group":"gloo.solo.io",)",
          R"("resource":"proxies","namespace":")", ns, R"("}}})");
  return request;
}

absl::StatusOr<bool> ReadAccess(const kube::WriteResult& result) {
  if (!result.status.ok()) {
    return NoAnswer("rights of accounts", "create subjectaccessreviews.authorization.k8s.io", result);
  }
  const absl::StatusOr<yaml::Node> tree = ReadObject(result);
  if (!tree.ok()) return tree.status();
  const yaml::Node* status = tree->Find("status");
  if (!status || !status->Find("allowed")) return Unreadable("it does not say whether it is allowed");
  return status->FindScalar("allowed") == "true" && status->FindScalar("denied") != "true";
}

}  // namespace k8sgw::xds_auth
