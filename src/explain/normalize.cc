#include "src/explain/normalize.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <vector>

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"

namespace k8sgw::explain {
namespace {

using ::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int lower = std::tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The byte that %XX at `at` stands for, or -1.
int EscapedByte(const std::string& text, size_t at) {
  if (text[at] != '%' || at + 2 >= text.size()) return -1;
  const int high = HexValue(text[at + 1]);
  const int low = HexValue(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// RFC 3986, 2.3: characters whose escapes mean nothing else.
bool IsUnreserved(int byte) { return byte > 0 && byte < 128 && (std::isalnum(byte) != 0 || std::strchr("-._~", byte)); }

std::string UnescapeSlashes(const std::string& path) {
  std::string out;
  for (size_t i = 0; i < path.size(); ++i) {
    const int byte = EscapedByte(path, i);
    if (byte == '/' || byte == '\\') {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += path[i];
    }
  }
  return out;
}

// RFC 3986, 6.2.2 and 5.2.4; a backslash is a slash, as browsers have it.
std::string RemoveDots(const std::string& path) {
  std::string plain;
  for (size_t i = 0; i < path.size(); ++i) {
    const int byte = EscapedByte(path, i);
    if (IsUnreserved(byte)) {
      plain += static_cast<char>(byte);
      i += 2;
    } else {
      plain += path[i] == '\\' ? '/' : path[i];
    }
  }
  std::vector<std::string> segments;
  for (size_t begin = 1; begin <= plain.size();) {
    const size_t end = std::min(plain.find('/', begin), plain.size());
    const std::string segment = plain.substr(begin, end - begin);
    const bool last = end == plain.size();
    begin = end + 1;
    if (segment == "." || segment == "..") {
      if (segment == ".." && !segments.empty()) segments.pop_back();
      if (last) segments.emplace_back();
    } else {
      segments.push_back(segment);
    }
  }
  std::string out;
  for (const std::string& segment : segments) out += "/" + segment;
  return out.empty() ? "/" : out;
}

std::string MergeSlashes(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || !out.ends_with('/')) out += c;
  }
  return out;
}

}  // namespace

NormalizedPath NormalizePath(const std::string& path, const HttpConnectionManager& hcm) {
  const size_t question = std::min(path.find('?'), path.size());
  const std::string query = path.substr(question);
  std::string plain = path.substr(0, question);
  bool redirect = false;
  if (const std::string unescaped = UnescapeSlashes(plain); unescaped != plain) {
    switch (hcm.path_with_escaped_slashes_action()) {
      case HttpConnectionManager::REJECT_REQUEST:
        return {path, "400, because the path has an escaped slash (pathWithEscapedSlashesAction)"};
      case HttpConnectionManager::UNESCAPE_AND_REDIRECT: redirect = true; [[fallthrough]];
      case HttpConnectionManager::UNESCAPE_AND_FORWARD: plain = unescaped; break;
      default: break;
    }
  }
  if (hcm.normalize_path().value()) plain = RemoveDots(plain);
  if (hcm.merge_slashes()) plain = MergeSlashes(plain);
  plain += query;
  return {plain,
          redirect ? "307 to " + plain + ", because the path has an escaped slash (pathWithEscapedSlashesAction)" : ""};
}

std::string StripPort(const std::string& host) {
  const size_t colon = host.rfind(':');
  const bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
  return has_port ? host.substr(0, colon) : host;
}

}  // namespace k8sgw::explain
