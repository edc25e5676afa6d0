#include "src/wasm_cache/url.h"

#include <curl/curl.h>

#include <memory>

#include "absl/status/status.h"
#include "src/base/text.h"

namespace k8sgw::wasm_cache {
namespace {

struct CloseUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string out = text;
  curl_free(text);
  return out;
}

}  // namespace

absl::StatusOr<Url> ParseUrl(const std::string& text, const Url* base) {
  const std::unique_ptr<CURLU, CloseUrl> url(curl_url());
  const bool has_base = !base || curl_url_set(url.get(), CURLUPART_URL, base->text.c_str(), 0) == CURLUE_OK;
  if (!has_base || text.find_first_of("\r\n") != std::string::npos ||
      curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return absl::InvalidArgumentError("is no URL");
  }
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_FRAGMENT})
    curl_url_set(url.get(), part, nullptr, 0);
  const std::string scheme = Part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return absl::InvalidArgumentError("is no http or https URL");
  Url out;
  out.plain = scheme == "http";
  out.host = Part(url.get(), CURLUPART_HOST);
  out.authority = Cat(out.host, ":", Part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT));
  out.text = Part(url.get(), CURLUPART_URL);
  if (out.host.empty() || out.text.empty()) return absl::InvalidArgumentError("is no URL with a host");
  return out;
}

std::string QueryEscaped(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return out;
}

}  // namespace k8sgw::wasm_cache
