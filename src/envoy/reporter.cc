#include "src/envoy/reporter.h"

#include <algorithm>
#include <utility>

namespace k8sgw::envoy {

std::string JoinPath(std::string_view base, std::string_view rest) {
  if (base.empty()) return std::string(rest);
  if (rest.empty()) return std::string(base);
  std::string path(base);
  if (rest.front() != '[') path += '.';
  return path.append(rest);
}

Reporter::Reporter(Problems& problems, proxy::Source source)
    : problems_(problems), first_(problems.size()), source_(std::move(source)) {}

void Reporter::Error(std::string_view path, std::string message, std::string fix) {
  Add(Severity::kError, path, std::move(message), std::move(fix));
}

void Reporter::Warning(std::string_view path, std::string message, std::string fix) {
  Add(Severity::kWarning, path, std::move(message), std::move(fix));
}

void Reporter::Notice(std::string_view path, std::string message, std::string fix) {
  Add(Severity::kNotice, path, std::move(message), std::move(fix));
}

Reporter Reporter::At(std::string_view path) const { return Reporter(problems_, PlaceOf(path)); }

Reporter Reporter::OnObject(ResourceKey object, std::string_view path) const {
  return Reporter(problems_, {std::move(object), std::string(path)});
}

Reporter Reporter::ForOptions(std::string_view path, const google::protobuf::Descriptor& options,
                              const proxy::OptionSources& sources) const {
  Reporter part = At(path);
  part.options_ = &options;
  part.option_sources_ = &sources;
  return part;
}

proxy::Source Reporter::PlaceOf(std::string_view path) const {
  const proxy::Source* source = &source_;
  if (options_ && option_sources_) {
    const std::string field(path.substr(0, path.find_first_of(".[")));
    if (const auto* descriptor = options_->FindFieldByCamelcaseName(field)) {
      for (const auto& [number, origin] : *option_sources_) {
        if (number == descriptor->number()) source = &origin;
      }
    }
  }
  return {source->object, JoinPath(source->path, path)};
}

void Reporter::Add(Severity severity, std::string_view path, std::string message, std::string fix) {
  proxy::Source place = PlaceOf(path);
  problems_.push_back({std::move(place.object), severity, std::move(place.path), std::move(message), std::move(fix)});
}

bool Reporter::HasErrorSince() const {
  return std::any_of(problems_.begin() + static_cast<ptrdiff_t>(first_), problems_.end(),
                     [](const Problem& p) { return p.severity == Severity::kError; });
}

}  // namespace k8sgw::envoy
