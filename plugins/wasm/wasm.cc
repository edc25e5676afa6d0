// WebAssembly filters: modules out of OCI images, which Envoy gets from our cache, or out of files on the proxy.

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include "api/gloo/v1/http_listener_options.proto.h"
#include "envoy/config/core/v3/backoff.proto.h"
#include "envoy/config/core/v3/base.proto.h"
#include "envoy/config/core/v3/http_uri.proto.h"
#include "envoy/extensions/filters/http/wasm/v3/wasm.proto.h"
#include "envoy/extensions/wasm/v3/wasm.proto.h"
#include "plugins/wasm/wasm.proto.h"
#include "src/base/text.h"
#include "src/envoy/plugin.h"
#include "src/model/image_reference.h"

namespace k8sgw::plugins::wasm {
namespace {

namespace corev3 = ::envoy::config::core::v3;
namespace wasmv3 = ::envoy::extensions::wasm::v3;
namespace wasmv1 = ::wasm::options::gloo::solo::io;
using In = wasmv1::WasmFilter;

constexpr char kFilter[] = "envoy.filters.http.wasm";
constexpr char kRuntime[] = "envoy.wasm.runtime.v8";
constexpr char kVmId[] = "gloo-vm-id";
// Bootstraps have this cluster: our cache of modules.
constexpr char kCluster[] = "wasm-cache";
constexpr char kImages[] = "http://gloo/images/";
constexpr int kFetchSeconds = 5;
// Another replica of the control plane may be asked, and have the module only a little later.
constexpr int kFetchRetries = 10;
constexpr int kFirstRetrySeconds = 1;
constexpr int kLongestRetrySeconds = 5;

// The published numbers of stages are the order of ours.
envoy::FilterPlace PlaceOf(const In& in, envoy::Reporter& report) {
  if (!in.has_filter_stage()) return {envoy::Stage::kAccepted, -1};
  const wasmv1::FilterStage& place = in.filter_stage();
  if (!wasmv1::FilterStage::Stage_IsValid(place.stage()))
    report.Error("filterStage.stage", Cat(static_cast<int>(place.stage()), " is no stage"),
                 "write its name, such as AuthNStage");
  int weight = 0;
  switch (place.predicate()) {
    case wasmv1::FilterStage::During: break;
    case wasmv1::FilterStage::Before: weight = -1; break;
    case wasmv1::FilterStage::After: weight = 1; break;
    default:
      report.Error("filterStage.predicate", Cat(static_cast<int>(place.predicate()), " is no predicate"),
                   "write Before, During or After");
  }
  return {static_cast<envoy::Stage>(place.stage()), weight};
}

void SetRemote(const std::string& sha256, corev3::AsyncDataSource& code) {
  auto& remote = *code.mutable_remote();
  remote.mutable_http_uri()->set_uri(kImages + sha256);
  remote.mutable_http_uri()->set_cluster(kCluster);
  remote.mutable_http_uri()->mutable_timeout()->set_seconds(kFetchSeconds);
  remote.set_sha256(sha256);
  remote.mutable_retry_policy()->mutable_num_retries()->set_value(kFetchRetries);
  auto& back_off = *remote.mutable_retry_policy()->mutable_retry_back_off();
  back_off.mutable_base_interval()->set_seconds(kFirstRetrySeconds);
  back_off.mutable_max_interval()->set_seconds(kLongestRetrySeconds);
}

void SetImage(const envoy::Context& context, const std::string& image, envoy::Reporter& report, wasmv3::VmConfig& vm) {
  if (const auto reference = ParseImageReference(image); !reference.ok()) {
    report.Error("image", std::string(reference.status().message()),
                 "write an image such as registry.example.com/team/filter:v1");
    return;
  }
  const Ptr<WasmModule> module = context.FindWasmModule(image);
  if (!module) {
    context.Wait();
    report.Warning("image", Cat("the module of ", image, " is being pulled: this version of the listener waits for it"),
                   "nothing, if that ends soon; else see docs/wasm.md");
  } else if (module->sha256.empty()) {
    report.Error("image", module->problem, "name an image of a WebAssembly module that can be pulled");
  } else {
    if (!module->problem.empty()) {
      report.Warning("image", Cat("the module that was pulled before is served: ", module->problem),
                     "see that the registry can be reached, and has the image");
    }
    // Of its own for each module: with one for all, Envoy goes on with the module before when a newer one comes.
    vm.set_vm_id(Cat(kVmId, "-", module->sha256));
    SetRemote(module->sha256, *vm.mutable_code());
  }
}

void SetFile(const std::string& path, envoy::Reporter& report, corev3::AsyncDataSource& code) {
  if (path.empty()) report.Error("filePath", "is empty", "write the path of a file on the proxy");
  for (const char* forbidden : {"/dev/", "/proc/", "/sys/"}) {
    if (!path.starts_with(forbidden)) continue;
    report.Error("filePath", Cat("Envoy reads no file below ", forbidden), "write the path of a regular file");
  }
  code.mutable_local()->set_filename(path);
}

void Translate(const envoy::HttpListenerArgs& args, const In& in, envoy::Reporter report) {
  ::envoy::extensions::filters::http::wasm::v3::Wasm out;
  wasmv3::PluginConfig& plugin = *out.mutable_config();
  plugin.set_name(in.name());
  plugin.set_root_id(in.root_id());
  if (in.has_config()) *plugin.mutable_configuration() = in.config();
  plugin.set_failure_policy(in.fail_open() ? wasmv3::FAIL_OPEN : wasmv3::FAIL_CLOSED);
  wasmv3::VmConfig& vm = *plugin.mutable_vm_config();
  vm.set_vm_id(kVmId);
  vm.set_runtime(kRuntime);
  if (in.vm_type() != In::V8) {
    report.Error("vmType", "Envoy has no engine but V8", "write V8, or remove vmType");
  }
  switch (in.src_case()) {
    case In::kImage: SetImage(args.context, in.image(), report, vm); break;
    case In::kFilePath: SetFile(in.file_path(), report, *vm.mutable_code()); break;
    case In::SRC_NOT_SET: report.Error("", "has no module", "add image, or filePath"); break;
  }
  args.AddFilter(PlaceOf(in, report), kFilter, out);
}

void HttpListener(const envoy::HttpListenerArgs& args) {
  if (!args.options.has_wasm()) return;
  const auto& filters = args.options.wasm().filters();
  for (int i = 0; i < filters.size(); ++i) {
    Translate(args, filters[i], args.report.At(Cat("wasm.filters[", i, "]")));
  }
}

constexpr std::string_view kClaims[] = {"gloo.solo.io.HttpListenerOptions.wasm"};

}  // namespace

extern const envoy::Plugin kPlugin = {
    .name = "wasm",
    .claims = kClaims,
    .http_listener = HttpListener,
};

}  // namespace k8sgw::plugins::wasm
