// A folder of YAML, translated once: what translate, validate and explain begin with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/pipeline/pipeline.h"
#include "src/sources/file/directory_source.h"

namespace k8sgw {

// The Gateways of an installation: what a folder without Gateways gets. HTTP and HTTPS on these addresses.
std::vector<Change> DefaultGateways(const std::string& ns, const std::string& bind, int http_port, int https_port);
// What `--to` asks for: everything goes to one host.
std::vector<Change> RouteEverythingTo(const std::string& host, int port);

// A problem with the place at which it stands; sorted by place.
struct PlacedLine {
  std::string place;
  Problem problem;
  // "file:line: Kind namespace/name: path: message: fix", on one line; of warnings, "warning: " stands before the
  // message.
  std::string ToString() const;
};

class Folder {
 public:
  Folder(const std::string& directory, Pipeline::Options options);

  Pipeline& pipeline() { return pipeline_; }
  std::vector<PlacedLine> Problems() const;
  size_t file_count() const { return source_.file_count(); }
  std::string Place(const ResourceKey& object, const std::string& field) const;

 private:
  file::DirectorySource source_;
  Pipeline pipeline_;
};

inline constexpr char kDefaultNamespace[] = "default";
inline constexpr char kWriteNamespace[] = "gloo-system";
inline constexpr char kDefaultProxy[] = "gateway-proxy";

}  // namespace k8sgw
