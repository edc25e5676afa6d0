// Material in a folder, laid out as the kubelet mounts a Secret: `tls.crt` and the others are links through `..data`
// to files of a hidden folder, and one rename of `..data` changes all of them at once. Keys have mode 0600.
#pragma once

#include <string>

#include "src/certgen/store.h"

namespace k8sgw::certgen {

class FolderStore : public Store {
 public:
  // Made, with those above it, by the first Write.
  FolderStore(std::string folder, FileNames names) : folder_(std::move(folder)), names_(std::move(names)) {}

  std::string name() const override { return "folder " + folder_; }
  absl::StatusOr<std::optional<Material>> Read() override;
  absl::Status Write(const Material& material) override;

 private:
  struct File {
    std::string name;
    const std::string* content;
    bool secret;
  };
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  // Where `..data` leads; "" when there is none.
  std::string Version() const;
  absl::Status WriteLocked(const std::vector<File>& files);

  const std::string folder_;
  const FileNames names_;
  std::string seen_;
};

}  // namespace k8sgw::certgen
