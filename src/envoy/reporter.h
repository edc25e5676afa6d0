// Collects the problems of one part of a Proxy and puts each on the object, and at the field, that it came from.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "src/model/report.h"
#include "src/proxy/proxy.h"

namespace k8sgw::envoy {

class Reporter {
 public:
  // Problems are appended to `problems` with the source's object; paths are relative to source.path.
  Reporter(Problems& problems, proxy::Source source);

  // `path` is relative to this reporter; "" is the reporter's own place. `message` says what is wrong and `fix` how to
  // mend it, both lower case and without a full stop.
  void Error(std::string_view path, std::string message, std::string fix = "");
  void Warning(std::string_view path, std::string message, std::string fix = "");
  void Notice(std::string_view path, std::string message, std::string fix = "");

  // A reporter for a part below: a field, or an element such as `routes[2]`. Of an options message, it is on the object
  // that the field came from.
  Reporter At(std::string_view path) const;
  // A reporter for another object that the part includes, such as an UpstreamGroup.
  Reporter OnObject(ResourceKey object, std::string_view path) const;
  // A reporter for an options message whose top-level fields may have come from other objects.
  Reporter ForOptions(std::string_view path, const google::protobuf::Descriptor& options,
                      const proxy::OptionSources& sources) const;

  // Whether an error was reported through this reporter or one made from it.
  bool failed() const { return problems_.size() > first_ && HasErrorSince(); }
  const proxy::Source& source() const { return source_; }

 private:
  void Add(Severity severity, std::string_view path, std::string message, std::string fix);
  proxy::Source PlaceOf(std::string_view path) const;
  bool HasErrorSince() const;

  Problems& problems_;
  size_t first_;
  proxy::Source source_;
  const google::protobuf::Descriptor* options_ = nullptr;
  const proxy::OptionSources* option_sources_ = nullptr;
};

// "a.b" from "a" and "b"; either may be empty, and "[2]" follows without a dot.
std::string JoinPath(std::string_view base, std::string_view rest);

}  // namespace k8sgw::envoy
