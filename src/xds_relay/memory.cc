#include "src/xds_relay/memory.h"

#include <utility>

#include "src/base/text.h"

namespace k8sgw::xds_relay {
namespace {

// As it stands in files of any version.
constexpr char kOwner[] = "role";
// Neither a URL nor a version has a line break; names are last, so they may have anything.
constexpr char kSeparator = '\n';

std::string KeyOf(const std::string& type_url, const std::string& name) { return Cat(type_url, "\n", name); }

// The two parts around the first separator; the second is "" without one.
std::pair<std::string_view, std::string_view> Split(std::string_view text) {
  const size_t at = text.find(kSeparator);
  if (at == std::string_view::npos) return {text, ""};
  return {text.substr(0, at), text.substr(at + 1)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Memory>> Memory::Open(const std::string& path,
                                                     std::function<void(const std::string&)> complain) {
  auto texts = state::LastGoodTexts::Open(path, complain);
  if (!texts.ok()) return texts.status();
  return std::unique_ptr<Memory>(new Memory(*std::move(texts), std::move(complain)));
}

void Memory::SetOwner(const std::string& owner) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (texts_->Find(kOwner) == owner) return;
  for (const std::string& name : texts_->names()) Check(texts_->Forget(name));
  Check(texts_->Keep(kOwner, owner));
}

bool Memory::Knows(const std::string& owner) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return texts_->Find(kOwner) == owner && texts_->names().size() > 1;
}

void Memory::Keep(const std::string& type_url, const std::string& name, const std::string& version,
                  std::string_view bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  Check(texts_->Keep(KeyOf(type_url, name), Cat(version, "\n", bytes)));
}

void Memory::Forget(const std::string& type_url, const std::string& name) {
  std::lock_guard<std::mutex> lock(mutex_);
  const std::string key = KeyOf(type_url, name);
  if (texts_->Find(key)) Check(texts_->Forget(key));
}

void Memory::Retain(const std::string& type_url, const std::set<std::string>& names) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const std::string& key : texts_->names()) {
    const auto [url, name] = Split(key);
    if (url == type_url && !names.contains(std::string(name))) Check(texts_->Forget(key));
  }
}

xds::Update Memory::All() const {
  std::lock_guard<std::mutex> lock(mutex_);
  xds::Update all;
  for (const std::string& key : texts_->names()) {
    const auto [url, name] = Split(key);
    const std::optional<xds::Type> type = xds::TypeOfUrl(url);
    const std::optional<std::string> text = type ? texts_->Find(key) : std::nullopt;
    if (!text) continue;
    const auto [version, bytes] = Split(*text);
    auto resource = std::make_shared<xds::Resource>();
    resource->type = *type;
    resource->name = name;
    resource->version = version;
    resource->body.push_back(std::make_shared<const std::string>(bytes));
    resource->size = bytes.size();
    resource->has_endpoints = *type == xds::Type::kCluster &&
                              texts_->Find(KeyOf(std::string(xds::TypeUrl(xds::Type::kEndpoint)), resource->name));
    all.put.push_back(std::move(resource));
  }
  return all;
}

void Memory::Check(const absl::Status& status) {
  const std::string words(status.message());
  if (words == said_) return;
  said_ = words;
  if (!status.ok()) complain_(words);
}

}  // namespace k8sgw::xds_relay
