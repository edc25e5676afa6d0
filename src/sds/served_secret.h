// A folder of PEM files, such as a mounted Secret, as the resources that Envoys get of it: a pair of certificate and
// key, and the authorities that are trusted.
//
// What happened to the files and the time in, resources out. Nothing that Envoy would refuse comes out: what cannot be
// read, is half-written, or does not fit together leaves what was good before. Since files change one after the other,
// a fault may be gone a moment later.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/sources/file/watcher.h"
#include "src/xds/resource.h"

namespace k8sgw::sds {

struct SecretSource {
  std::string folder;
  // What Envoys ask for; "" when there is no such part.
  std::string certificate_name;
  std::string authority_name;
  // In the folder.
  std::string certificate_file = "tls.crt";
  std::string key_file = "tls.key";
  std::string authority_file = "ca.crt";

  bool HasFile(std::string_view name) const {
    return name == certificate_file || name == key_file || name == authority_file;
  }
};

class ServedSecret {
 public:
  explicit ServedSecret(SecretSource source) : source_(std::move(source)) {}

  struct News {
    // What Envoys are to get.
    std::vector<Ptr<xds::Resource>> resources;
    // For the log: what each of them is.
    std::vector<std::string> lines;
  };
  // `now` is in seconds since 1970.
  News Take(const std::vector<file::FileEvent>& events, int64_t now);

  // What is wrong with the files as they are, with the folder and the mend; "" when they are what is served.
  const std::string& problem() const { return problem_; }
  // All parts have been good once.
  bool complete() const;
  const SecretSource& source() const { return source_; }

 private:
  struct File {
    std::string text;
    // Why there is no text.
    std::string fault = "there is no such file";
  };
  struct Period {
    int64_t from = 0;
    int64_t until = 0;
    bool Holds(int64_t now) const { return from <= now && now < until; }
  };

  // Each returns what is wrong, or "".
  std::string TakeCertificate(int64_t now, News& news);
  std::string TakeAuthority(News& news);
  static void Offer(Ptr<xds::Resource> resource, std::string line, Ptr<xds::Resource>& served, News& news);

  const SecretSource source_;
  std::map<std::string, File> files_;
  Ptr<xds::Resource> certificate_;
  // When the served certificate is good.
  Period period_;
  Ptr<xds::Resource> authority_;
  std::string problem_;
};

}  // namespace k8sgw::sds
