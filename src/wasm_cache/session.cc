#include "src/wasm_cache/session.h"

#include <algorithm>

#include "src/base/base64.h"
#include "src/base/text.h"
#include "src/json/tree.h"
#include "src/wasm_cache/url.h"

namespace k8sgw::wasm_cache {
namespace {

constexpr size_t kMaxTokenAnswer = 256 << 10;
constexpr size_t kMaxToken = 64 << 10;

// Docker Hub's name is not where it is.
std::string HostOf(const ImageReference& reference) {
  return reference.registry == "docker.io" ? "registry-1.docker.io" : reference.registry;
}

std::string BasicOf(const Login& login) { return Cat("Basic ", EncodeBase64(Cat(login.user, ":", login.password))); }

// Registries are reached by TLS, but for those that a flag allows.
bool IsPlain(const ImageReference& reference, const FetchOptions& options) {
  const auto url = ParseUrl(Cat("http://", HostOf(reference)));
  return url.ok() && options.plain_http.contains(url->authority);
}

// What may stand in a header.
bool IsToken(std::string_view text) {
  return !text.empty() && text.size() <= kMaxToken &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

}  // namespace

Session::Session(const ImageReference& reference, const Login& login, const FetchOptions& options,
                 const std::atomic<bool>& stop)
    : reference_(reference),
      login_(login),
      fetcher_(options, stop),
      plain_(IsPlain(reference, options)),
      base_(Cat(plain_ ? "http://" : "https://", HostOf(reference), "/v2/", reference.repository, "/")) {}

absl::StatusOr<FetchAnswer> Session::Get(const std::string& path, const std::string& accept, size_t max_bytes,
                                         bool head) {
  for (bool authorized = false;; authorized = true) {
    absl::StatusOr<FetchAnswer> answer = fetcher_.Fetch({base_ + path, head, accept, authorization_, max_bytes});
    if (!answer.ok()) return answer;
    // A token may have run out since the last request.
    if (answer->code == 401 && answer->same_origin && !authorized) {
      if (absl::Status status = Authorize(answer->challenges); !status.ok()) return status;
      continue;
    }
    if (absl::Status status = StatusOf(*answer); !status.ok()) return status;
    return answer;
  }
}

absl::Status Session::Authorize(const std::vector<std::string>& challenges) {
  const Challenge challenge = ParseChallenges(challenges);
  switch (challenge.scheme) {
    case Challenge::Scheme::kBearer: return FetchToken(challenge);
    case Challenge::Scheme::kBasic:
      if (login_.empty()) {
        return absl::PermissionDeniedError(
            Cat(reference_.registry, " wants a user and password, and there are none for it"));
      }
      authorization_ = BasicOf(login_);
      return absl::OkStatus();
    case Challenge::Scheme::kNone: break;
  }
  return absl::PermissionDeniedError(
      Cat(reference_.registry, " answers 401, and wants neither a token nor a user and password"));
}

absl::Status Session::FetchToken(const Challenge& challenge) {
  const auto realm = ParseUrl(challenge.realm);
  if (!realm.ok()) return absl::FailedPreconditionError(Cat(reference_.registry, " names no URL to get a token from"));
  // Passwords do not leave without TLS, unless the registry itself is spoken to like that.
  if (realm->plain && !plain_)
    return absl::PermissionDeniedError(Cat(reference_.registry, " names a URL without TLS to get a token from"));
  std::string url = realm->text;
  char separator = url.find('?') == std::string::npos ? '?' : '&';
  const auto add = [&](const char* name, std::string_view value) {
    if (value.empty()) return;
    url.append(1, separator).append(name).append("=").append(QueryEscaped(value));
    separator = '&';
  };
  add("service", challenge.service);
  add("scope", Cat("repository:", reference_.repository, ":pull"));
  const std::string basic = login_.empty() ? "" : BasicOf(login_);
  const absl::StatusOr<FetchAnswer> answer = fetcher_.Fetch({url, false, "application/json", basic, kMaxTokenAnswer});
  if (!answer.ok()) return answer.status();
  if (answer->code == 400 || answer->code == 401 || answer->code == 403) {
    return absl::PermissionDeniedError(Cat(realm->authority, " gives no token for ", reference_.registry,
                                           login_.empty() ? ": there is no user and password for it" : "", " (",
                                           answer->code, ")"));
  }
  if (absl::Status status = StatusOf(*answer); !status.ok()) return status;
  const yaml::Padded padded(answer->body);
  const absl::StatusOr<yaml::Node> root = yaml::FromJson(padded.view());
  std::string_view token = root.ok() ? root->FindScalar("token") : std::string_view();
  if (root.ok() && token.empty()) token = root->FindScalar("access_token");
  if (!IsToken(token)) return absl::FailedPreconditionError(Cat(realm->authority, " answers without a token"));
  authorization_ = Cat("Bearer ", token);
  return absl::OkStatus();
}

absl::Status Session::StatusOf(const FetchAnswer& answer) {
  const auto words = [&](std::string_view what) { return Cat(reference_.registry, ": ", what); };
  switch (answer.code) {
    case 200: return absl::OkStatus();
    case 404: return absl::NotFoundError(words("there is no such image, or nobody may know of it"));
    case 401:
    case 403:
      return absl::PermissionDeniedError(
          words(Cat("the image may not be read", login_.empty() ? " without a user" : "", " (", answer.code, ")")));
    case 408:
    case 429:
      retry_after_ = answer.retry_after;
      return absl::ResourceExhaustedError(words(Cat("wants to be asked later (", answer.code, ")")));
    default: break;
  }
  if (answer.code >= 500) {
    retry_after_ = answer.retry_after;
    return absl::UnavailableError(words(Cat("answers ", answer.code)));
  }
  return absl::FailedPreconditionError(words(Cat("answers ", answer.code)));
}

}  // namespace k8sgw::wasm_cache
