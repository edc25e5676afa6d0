#include "src/sds/served_secret.h"

#include <algorithm>
#include <utility>

#include "envoy/config/core/v3/base.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/common.proto.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.proto.h"
#include "src/base/text.h"
#include "src/envoy/resource.h"
#include "src/pem/pem.h"

namespace k8sgw::sds {
namespace {

namespace tlsv3 = ::envoy::extensions::transport_sockets::tls::v3;

std::string AndAlso(std::string first, const std::string& second) {
  if (first.empty() || second.empty()) return first + second;
  return first + "; " + second;
}

}  // namespace

ServedSecret::News ServedSecret::Take(const std::vector<file::FileEvent>& events, int64_t now) {
  std::string folder_fault;
  for (const file::FileEvent& event : events) {
    // Folders below may hold files of the same names.
    if (!source_.HasFile(event.path)) {
      if (event.kind == file::FileEvent::Kind::kUnreadable) folder_fault = event.content;
      continue;
    }
    File& file = files_[event.path];
    file = {};
    if (event.kind == file::FileEvent::Kind::kContent) {
      file.text = event.content;
      file.fault.clear();
    } else if (event.kind == file::FileEvent::Kind::kUnreadable) {
      file.fault = event.content;
    }
  }
  News news;
  std::string wrong = source_.certificate_name.empty() ? "" : TakeCertificate(now, news);
  if (!source_.authority_name.empty()) wrong = AndAlso(std::move(wrong), TakeAuthority(news));
  wrong = AndAlso(std::move(wrong), folder_fault);
  problem_ = wrong.empty() ? "" : Cat(source_.folder, ": ", wrong);
  return news;
}

std::string ServedSecret::TakeCertificate(int64_t now, News& news) {
  const std::string keeps = certificate_ ? ": the one before is served on" : ": nothing is served until that is mended";
  for (const std::string& name : {source_.certificate_file, source_.key_file}) {
    if (const File& file = files_[name]; !file.fault.empty()) return Cat(name, " ", file.fault, keeps);
  }
  const auto pair = pem::ReadPair(files_[source_.certificate_file].text, files_[source_.key_file].text);
  if (!pair.ok()) {
    return Cat(source_.certificate_file, " and ", source_.key_file, ": ", std::string(pair.status().message()), keeps);
  }
  Period period{0, INT64_MAX};
  for (const pem::Certificate& one : pair->chain) {
    period.from = std::max(period.from, pem::NotBefore(one));
    period.until = std::min(period.until, pem::NotAfter(one));
  }
  const std::string dates = Cat("good from ", pem::FormatTime(period.from), " until ", pem::FormatTime(period.until));
  // What has expired is better than nothing, for clients that do not look, but not than what is good.
  if (!period.Holds(now) && certificate_ && period_.Holds(now))
    return Cat(source_.certificate_file, " is not good now, but ", dates, keeps);
  tlsv3::Secret secret;
  secret.set_name(source_.certificate_name);
  secret.mutable_tls_certificate()->mutable_certificate_chain()->set_inline_string(pem::Write(pair->chain));
  secret.mutable_tls_certificate()->mutable_private_key()->set_inline_string(pem::Write(pair->key));
  period_ = period;
  Offer(envoy::MakeResource(xds::Type::kSecret, secret.name(), secret), dates, certificate_, news);
  return period.Holds(now) ? "" : Cat(source_.certificate_file, " is not good now, but ", dates, ": renew it");
}

std::string ServedSecret::TakeAuthority(News& news) {
  const std::string keeps = authority_ ? ": those before are served on" : ": nothing is served until that is mended";
  const File& file = files_[source_.authority_file];
  if (!file.fault.empty()) return Cat(source_.authority_file, " ", file.fault, keeps);
  const auto authorities = pem::ReadCertificates(file.text);
  if (!authorities.ok()) return Cat(source_.authority_file, ": ", std::string(authorities.status().message()), keeps);
  tlsv3::Secret secret;
  secret.set_name(source_.authority_name);
  secret.mutable_validation_context()->mutable_trusted_ca()->set_inline_string(pem::Write(*authorities));
  Offer(envoy::MakeResource(xds::Type::kSecret, secret.name(), secret), Cat(authorities->size(), " authorities"),
        authority_, news);
  return "";
}

void ServedSecret::Offer(Ptr<xds::Resource> resource, std::string line, Ptr<xds::Resource>& served, News& news) {
  if (served && *served == *resource) return;
  news.lines.push_back(Cat(resource->name, " is served in version ", resource->version, ": ", line));
  news.resources.push_back(resource);
  served = std::move(resource);
}

bool ServedSecret::complete() const {
  return (source_.certificate_name.empty() || certificate_) && (source_.authority_name.empty() || authority_);
}

}  // namespace k8sgw::sds
