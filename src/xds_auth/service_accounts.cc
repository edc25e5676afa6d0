#include "src/xds_auth/service_accounts.h"

#include <openssl/sha.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "src/base/text.h"
#include "src/xds_auth/bearer.h"
#include "src/xds_auth/token_review.h"

namespace k8sgw::xds_auth {
namespace {

// Tokens that are good are kept nowhere but in the memory of those who show them.
std::string Digest(const std::string& token) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

// What was learned within this part of the time until a stream is asked about again is as good as new.
constexpr int kFreshPart = 5;

ReviewOptions Cut(const ServiceAccountOptions& options) {
  ReviewOptions reviews = options.reviews;
  reviews.fresh = std::min(reviews.fresh, options.recheck / kFreshPart);
  reviews.unasked_grace = options.recheck + reviews.fresh;
  return reviews;
}

// Whether nobody could tell.
bool Fails(const absl::Status& status) { return !status.ok() && !absl::IsUnauthenticated(status); }

}  // namespace

std::string AddressOf(const std::string& peer) {
  const std::string address = peer.substr(0, peer.rfind(':'));
  const bool local = address.starts_with("ipv4:127.") || address == "ipv6:[::1]" || address == "ipv6:%5B::1%5D" ||
                     peer.starts_with("unix:");
  return local ? "" : address;
}

ServiceAccounts::ServiceAccounts(ServiceAccountOptions options, Api api, Log log)
    : options_(std::move(options)),
      grants_(std::make_shared<const Grants>(options_.grants)),
      api_(std::move(api)),
      log_(std::move(log)),
      reviews_(Cut(options_)) {}

void ServiceAccounts::Authenticate(const xds::Caller& caller, Done done) {
  const absl::StatusOr<std::string> token = ReadBearer(caller.authorization, options_.audience);
  if (!token.ok()) return done(token.status());
  Reviews::Todo todo;
  bool waits = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    reviews_.Ask(Digest(*token), *token, AddressOf(caller.peer), api_.now(), std::move(done));
    todo = reviews_.Take();
    waits = todo.replies.empty();
  }
  if (waits) api_.post([this] { Arm(); });
  Do(std::move(todo));
}

void ServiceAccounts::Do(Reviews::Todo todo) {
  for (Reviews::Start& start : todo.starts) {
    api_.post([this, start = std::move(start)] { Review(start); });
  }
  for (const Reviews::Reply& reply : todo.replies) reply.done(reply.answer);
}

void ServiceAccounts::Review(const Reviews::Start& start) {
  kube::WriteRequest request = ReviewRequest(start.token, options_.audience);
  request.timeout = options_.reviews.wait;
  api_.send(std::move(request), [this, key = start.key](const kube::WriteResult& result) { Reviewed(key, result); });
}

void ServiceAccounts::Reviewed(const std::string& key, const kube::WriteResult& result) {
  const absl::StatusOr<Account> account = ReadReview(result, options_.audience);
  if (!account.ok()) return Finish(key, account.status());
  if (!options_.readers_of.empty()) return AskForRight(key, *account);
  if (account->pod.empty()) {
    return Finish(key, Ptr<xds::Identity>(std::make_shared<ServiceAccountIdentity>(*account, "", grants_)));
  }
  kube::WriteRequest request = PodRequest(*account);
  request.timeout = options_.reviews.wait;
  api_.send(std::move(request), [this, key, account = *account](const kube::WriteResult& pod) {
    const absl::StatusOr<std::string> label = ReadProxyLabel(pod, account);
    if (!label.ok()) return Finish(key, label.status());
    Finish(key, Ptr<xds::Identity>(std::make_shared<ServiceAccountIdentity>(account, *label, grants_)));
  });
}

void ServiceAccounts::AskForRight(const std::string& key, const Account& account) {
  kube::WriteRequest request = AccessRequest(account, options_.readers_of);
  request.timeout = options_.reviews.wait;
  api_.send(std::move(request), [this, key, account](const kube::WriteResult& result) {
    const absl::StatusOr<bool> may = ReadAccess(result);
    if (!may.ok()) return Finish(key, may.status());
    Finish(key, Ptr<xds::Identity>(std::make_shared<ReaderIdentity>(account, options_.readers_of, *may)));
  });
}

// What is wrong with the API server is for the log: it is nothing for strangers.
void ServiceAccounts::Finish(const std::string& key, Reviews::Answer answer) {
  LogHealth(answer.status());
  if (Fails(answer.status())) {
    answer = absl::UnavailableError(
        "the API server cannot be asked whose token it is: connect again later; the log of "
        "the control plane says more");
  }
  Reviews::Todo todo;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    reviews_.Finish(key, answer, api_.now());
    todo = reviews_.Take();
  }
  Do(std::move(todo));
  Arm();
}

void ServiceAccounts::LogHealth(const absl::Status& status) {
  const bool fails = Fails(status);
  if (fails == std::exchange(failing_, fails)) return;
  if (fails) {
    log_(Cat(std::string(status.message()), "; proxies that are known stay, others get nothing"), true);
  } else {
    log_("tokens of proxies can be reviewed again", false);
  }
}

// A timer for what is due first.
void ServiceAccounts::Arm() {
  std::optional<Time> due;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    due = reviews_.deadline();
  }
  if (!due || (armed_ && *armed_ <= *due)) return;
  armed_ = due;
  api_.at(*due, [this, due] {
    if (armed_ == due) armed_.reset();
    Reviews::Todo todo;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      reviews_.Tick(api_.now());
      todo = reviews_.Take();
    }
    Do(std::move(todo));
    Arm();
  });
}

void ServiceAccounts::Stop() {
  Reviews::Todo todo;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    reviews_.Stop();
    todo = reviews_.Take();
  }
  Do(std::move(todo));
}

}  // namespace k8sgw::xds_auth
