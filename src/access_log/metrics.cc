#include "src/access_log/metrics.h"

#include "src/base/text.h"
#include "src/metrics/label.h"

namespace k8sgw::access_log {
namespace {

constexpr char kPrefix[] = "gloo_solo_io_accesslogging_";
constexpr char kOwn[] = "k8sgateway_access_log_";

std::string Labels(std::string_view code, std::string_view cluster, std::string_view method) {
  return Cat("response_code=\"", code, "\",cluster=\"", metrics::EscapeLabel(cluster), "\",request_method=\"",
             metrics::EscapeLabel(method), "\"");
}

void Single(std::string& out, std::string_view name, std::string_view type, std::string_view help, uint64_t value) {
  out += Cat("# HELP ", kOwn, name, " ", help, "\n# TYPE ", kOwn, name, " ", type, "\n", kOwn, name, " ", value, "\n");
}

}  // namespace

void Metrics::Times::Add(int64_t nanoseconds) {
  for (size_t i = 0; i < kBounds.size(); ++i) below[i] += nanoseconds <= kBounds[i] ? 1 : 0;
  ++count;
  sum += static_cast<double>(nanoseconds);
}

void Metrics::Count(const Measures& request) {
  std::string labels = Labels(std::to_string(request.response_code), request.cluster, request.method);
  std::lock_guard<std::mutex> lock(mutex_);
  if (series_.size() >= kMaxSeries && !series_.contains(labels)) labels = Labels("other", "other", "other");
  Series& series = series_[labels];
  ++series.requests;
  if (request.downstream_ns) series.downstream.Add(*request.downstream_ns);
  if (request.upstream_ns) series.upstream.Add(*request.upstream_ns);
}

void Metrics::Write(const std::string& name, const std::string& labels, const Times& times, std::string& out) {
  for (size_t i = 0; i < kBounds.size(); ++i)
    out += Cat(name, "_bucket{", labels, ",le=\"", kBounds[i], "\"} ", times.below[i], "\n");
  out += Cat(name, "_bucket{", labels, ",le=\"+Inf\"} ", times.count, "\n");
  out += Cat(name, "_sum{", labels, "} ", static_cast<uint64_t>(times.sum), "\n");
  out += Cat(name, "_count{", labels, "} ", times.count, "\n");
}

std::string Metrics::Text(const SinkStats& sink, uint64_t streams) const {
  std::string out;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const std::string requests = Cat(kPrefix, "requests");
    out += Cat("# HELP ", requests, " Requests in access logs.\n# TYPE ", requests, " counter\n");
    for (const auto& [labels, series] : series_) out += Cat(requests, "{", labels, "} ", series.requests, "\n");
    for (const auto& [name, times] :
         {std::pair("downstream_resp_time", &Series::downstream), std::pair("upstream_resp_time", &Series::upstream)}) {
      const std::string full = Cat(kPrefix, name);
      out +=
          Cat("# HELP ", full, " Nanoseconds until the last byte was sent or received.\n# TYPE ", full, " histogram\n");
      for (const auto& [labels, series] : series_) Write(full, labels, series.*times, out);
    }
  }
  Single(out, "written_entries_total", "counter", "Entries that were written.", sink.written_entries);
  Single(out, "written_bytes_total", "counter", "Bytes that were written.", sink.written_bytes);
  Single(out, "lost_entries_total", "counter", "Entries that could not be written.", sink.lost_entries);
  Single(out, "queued_bytes", "gauge", "Bytes that wait to be written.", sink.queued_bytes);
  Single(out, "waiting_streams", "gauge", "Streams that are not read, because the queue is full.", sink.waiting);
  Single(out, "streams", "gauge", "Streams that are open.", streams);
  return out;
}

}  // namespace k8sgw::access_log
