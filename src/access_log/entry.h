// Entries of Envoy's access log protocol as lines of JSON, with the published names of fields.
//
// Times are whole: `start_time` is RFC 3339 with nanoseconds, and durations are nanoseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace envoy::data::accesslog::v3 {
class HTTPAccessLogEntry;
class TCPAccessLogEntry;
}  // namespace envoy::data::accesslog::v3
namespace envoy::service::accesslog::v3 {
class StreamAccessLogsMessage_Identifier;
}

namespace k8sgw::access_log {

// Who sends a stream, which only its first message says; names are cut after 1 KiB.
struct Sender {
  std::string log_name;
  std::string node_id;
  std::string node_cluster;
};
Sender ReadSender(const envoy::service::accesslog::v3::StreamAccessLogsMessage_Identifier& identifier);

// What is counted of an entry. A time is nullopt when the entry has none.
struct Measures {
  uint32_t response_code = 0;
  std::string cluster;
  std::string_view method;
  std::optional<int64_t> downstream_ns{};
  std::optional<int64_t> upstream_ns{};
};

// Append a line. The views of what is returned last as long as the entry.
Measures AppendHttp(const Sender& sender, const envoy::data::accesslog::v3::HTTPAccessLogEntry& entry,
                    std::string& out);
void AppendTcp(const Sender& sender, const envoy::data::accesslog::v3::TCPAccessLogEntry& entry, std::string& out);
// Tells of a stream that has begun, with what its node says of itself. Of more than 16 KiB, only the size.
void AppendStream(const envoy::service::accesslog::v3::StreamAccessLogsMessage_Identifier& identifier,
                  std::string& out);

}  // namespace k8sgw::access_log
