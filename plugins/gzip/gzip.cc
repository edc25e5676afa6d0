// Compression of responses with gzip.

#include <google/protobuf/wrappers.pb.h>

#include "api/envoy/config/filter/http/gzip/v2/gzip.proto.h"
#include "api/gloo/v1/http_listener_options.proto.h"
#include "envoy/config/core/v3/extension.proto.h"
#include "envoy/extensions/compression/gzip/compressor/v3/gzip.proto.h"
#include "envoy/extensions/filters/http/compressor/v3/compressor.proto.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::gzip {
namespace {

namespace gzipv2 = ::solo::io::envoy::config::filter::http::gzip::v2;
namespace gzipv3 = ::envoy::extensions::compression::gzip::compressor::v3;
namespace compressorv3 = ::envoy::extensions::filters::http::compressor::v3;

constexpr char kFilter[] = "envoy.filters.http.compressor";
constexpr char kLibrary[] = "envoy.compression.gzip.compressor";

void CheckRange(uint32_t value, uint32_t min, uint32_t max, std::string_view field, envoy::Reporter& report) {
  if (value >= min && value <= max) return;
  report.Error(field, "is " + std::to_string(value), "use " + std::to_string(min) + " to " + std::to_string(max));
}

gzipv3::Gzip_CompressionLevel Level(gzipv2::Gzip::CompressionLevel::Enum level) {
  switch (level) {
    case gzipv2::Gzip::CompressionLevel::BEST: return gzipv3::Gzip::BEST_COMPRESSION;
    case gzipv2::Gzip::CompressionLevel::SPEED: return gzipv3::Gzip::BEST_SPEED;
    default: return gzipv3::Gzip::DEFAULT_COMPRESSION;
  }
}

gzipv3::Gzip TranslateLibrary(const gzipv2::Gzip& in, envoy::Reporter& report) {
  gzipv3::Gzip out;
  if (in.has_memory_level()) {
    CheckRange(in.memory_level().value(), 1, 9, "memoryLevel", report);
    out.mutable_memory_level()->set_value(in.memory_level().value());
  }
  if (in.has_window_bits()) {
    CheckRange(in.window_bits().value(), 9, 15, "windowBits", report);
    out.mutable_window_bits()->set_value(in.window_bits().value());
  }
  out.set_compression_level(Level(in.compression_level()));
  // The published enum has the numbers of Envoy's.
  out.set_compression_strategy(static_cast<gzipv3::Gzip::CompressionStrategy>(in.compression_strategy()));
  return out;
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (!args.options.has_gzip()) return;
  const gzipv2::Gzip& in = args.options.gzip();
  envoy::Reporter report = args.report.At("gzip");
  compressorv3::Compressor out;
  auto& library = *out.mutable_compressor_library();
  library.set_name(kLibrary);
  envoy::PackAny(TranslateLibrary(in, report), library.mutable_typed_config());

  auto& response = *out.mutable_response_direction_config();
  if (in.has_content_length()) {
    response.mutable_common_config()->mutable_min_content_length()->set_value(in.content_length().value());
  }
  if (!in.content_type().empty()) *response.mutable_common_config()->mutable_content_type() = in.content_type();
  response.set_disable_on_etag_header(in.disable_on_etag_header());
  response.set_remove_accept_encoding_header(in.remove_accept_encoding_header());
  // Responses pass the filters backwards: the first one compresses what all others have written.
  args.AddFilter({envoy::Stage::kFault}, kFilter, out);
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.HttpListenerOptions.gzip"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "gzip",
    .claims = kClaims,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::gzip
