// Access logs in files, or sent to a server: of requests (on the connection managers) and of connections (on the
// listener).

#include <google/protobuf/struct.pb.h>

#include <map>

#include "api/gloo/v1/listener_options.proto.h"
#include "envoy/config/accesslog/v3/accesslog.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/core/v3/extension.proto.h"
#include "envoy/config/core/v3/substitution_format_string.proto.h"
#include "envoy/config/listener/v3/listener.proto.h"
#include "envoy/extensions/access_loggers/file/v3/file.proto.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto.h"
#include "plugins/access_log/access_log.proto.h"
#include "plugins/access_log/filter.h"
#include "plugins/access_log/grpc.h"
#include "src/envoy/format_check.h"
#include "src/envoy/plugin.h"

namespace k8sgw::plugins::access_log {
namespace {

namespace alsv1 = ::als::options::gloo::solo::io;
namespace logv3 = ::envoy::config::accesslog::v3;
namespace filev3 = ::envoy::extensions::access_loggers::file::v3;
using ::envoy::config::core::v3::SubstitutionFormatString;
using google::protobuf::Struct;
using google::protobuf::Value;

constexpr char kFile[] = "envoy.access_loggers.file";
constexpr char kWithoutQuery[] = "REQ_WITHOUT_QUERY";
// The only operator that stands in an extension of Envoy's, which must be named to be used.
constexpr char kWithoutQueryExtension[] = "envoy.formatter.req_without_query";
constexpr char kWithoutQueryType[] =
    "type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery";
// Known when the connection ends, after the requests on it have been logged.
constexpr char kDownstreamFailure[] = "DOWNSTREAM_TRANSPORT_FAILURE_REASON";

enum class Level { kRequests, kConnections };

struct FormatArgs {
  Level level;
  envoy::Reporter& report;
  SubstitutionFormatString& out;
};

void CheckText(const FormatArgs& args, const std::string& field, const std::string& text) {
  if (std::string problem = envoy::CheckFormat(text); !problem.empty()) {
    args.report.Error(field, std::move(problem), envoy::kFormatFix);
    return;
  }
  if (args.level == Level::kRequests && envoy::UsesOperator(text, kDownstreamFailure)) {
    args.report.Warning(field, "%" + std::string(kDownstreamFailure) + "% is always empty in the log of requests",
                        "use it in listenerAccessLoggingService");
  }
  if (envoy::UsesOperator(text, kWithoutQuery) && args.out.formatters().empty()) {
    auto& formatter = *args.out.add_formatters();
    formatter.set_name(kWithoutQueryExtension);
    formatter.mutable_typed_config()->set_type_url(kWithoutQueryType);
  }
}

void CheckJson(const FormatArgs& args, const std::string& field, const Value& value);

void CheckJson(const FormatArgs& args, const std::string& field, const Struct& object) {
  // In the order of the keys, so that problems always come in the same order.
  std::map<std::string_view, const Value*> sorted;
  for (const auto& [key, value] : object.fields()) sorted.emplace(key, &value);
  for (const auto& [key, value] : sorted) CheckJson(args, envoy::JoinPath(field, key), *value);
}

void CheckJson(const FormatArgs& args, const std::string& field, const Value& value) {
  if (value.has_string_value()) CheckText(args, field, value.string_value());
  if (value.has_struct_value()) CheckJson(args, field, value.struct_value());
  if (!value.has_list_value()) return;
  for (int i = 0; i < value.list_value().values_size(); ++i) {
    CheckJson(args, field + "[" + std::to_string(i) + "]", value.list_value().values(i));
  }
}

filev3::FileAccessLog Translate(const alsv1::FileSink& in, Level level, envoy::Reporter report) {
  filev3::FileAccessLog out;
  if (in.path().empty()) report.Error("path", "is missing", "write the path of a file, such as /dev/stdout");
  out.set_path(in.path());
  if (in.has_json_format()) {
    const FormatArgs args{level, report, *out.mutable_log_format()};
    CheckJson(args, "jsonFormat", in.json_format());
    *args.out.mutable_json_format() = in.json_format();
  } else if (!in.string_format().empty()) {
    const FormatArgs args{level, report, *out.mutable_log_format()};
    CheckText(args, "stringFormat", in.string_format());
    args.out.mutable_text_format_source()->set_inline_string(in.string_format());
  }
  return out;
}

template <typename Out>
void Translate(const alsv1::AccessLoggingService& in, Level level, envoy::Reporter report, Out& out) {
  for (int i = 0; i < in.access_log_size(); ++i) {
    const alsv1::AccessLog& log = in.access_log(i);
    envoy::Reporter at = report.At("accessLog[" + std::to_string(i) + "]");
    if (log.OutputDestination_case() == alsv1::AccessLog::OUTPUTDESTINATION_NOT_SET) {
      at.Error("", "the access log has no destination", "add fileSink: {path: /dev/stdout}");
    }
    if (!log.has_file_sink() && !log.has_grpc_service()) continue;
    logv3::AccessLog& out_log = *out.add_access_log();
    if (log.has_file_sink()) {
      out_log.set_name(kFile);
      envoy::PackAny(Translate(log.file_sink(), level, at.At("fileSink")), out_log.mutable_typed_config());
    } else if (level == Level::kRequests) {
      TranslateRequestsToServer(log.grpc_service(), at.At("grpcService"), out_log);
    } else {
      TranslateConnectionsToServer(log.grpc_service(), at.At("grpcService"), out_log);
    }
    if (log.has_filter()) TranslateFilter(log.filter(), at.At("filter"), *out_log.mutable_filter());
  }
}

void Listener(const envoy::ListenerArgs& args) {
  Translate(args.options.listener_access_logging_service(), Level::kConnections,
            args.report.At("listenerAccessLoggingService"), args.out);
}

void ListenerHcm(const envoy::ListenerHcmArgs& args) {
  Translate(args.options.access_logging_service(), Level::kRequests, args.report.At("accessLoggingService"), args.out);
}

constexpr std::string_view kClaims[] = {
    "gloo.solo.io.ListenerOptions.access_logging_service",
    "gloo.solo.io.ListenerOptions.listener_access_logging_service",
};
constexpr std::string_view kNotYet[] = {
    "als.options.gloo.solo.io.AccessLog.open_telemetry_service",
};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "access_log",
    .claims = kClaims,
    .not_yet = kNotYet,
    .listener = Listener,
    .listener_hcm = ListenerHcm,
};

}  // namespace k8sgw::plugins::access_log
