// Reads a list as its bytes come: each item as soon as it is whole, so that nobody waits for the last one to look at
// the first, and the text of a large list is never held as a whole.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "src/sources/kube/decode.h"

namespace k8sgw::kube {

class ListReader {
 public:
  // `item` and its bytes are good during the call.
  using Take = std::function<void(const RawObject& item)>;

  // Calls `take` with each item that is whole now. Errors (DataLoss): an item that is no object, or has no name or no
  // resource version. After an error only Clear may be called.
  absl::Status Feed(std::string_view bytes, const Take& take);
  // The page is only good when this is: the text came to its end, is a list, and says its version. Else DataLoss.
  absl::StatusOr<ListPage> Finish();
  // For another page. Gives memory back that a large one needed.
  void Clear();
  // Of what was fed since Clear.
  size_t bytes() const { return bytes_; }

 private:
  // Looks at bytes[at] and those after it, up to the next one that means something; returns behind it.
  size_t Outside(std::string_view bytes, size_t at);
  size_t BetweenItems(std::string_view bytes, size_t at);
  size_t InItem(std::string_view bytes, size_t at);
  absl::Status TakeItem(const Take& take);

  Decoder decoder_;
  size_t bytes_ = 0;
  // What stands around the items: the list without any.
  std::string frame_;
  // The item that is not yet whole.
  std::string item_;
  bool among_items_ = false;
  bool in_item_ = false;
  bool foreign_item_ = false;
  // 1 within the list's own object and between its items, 2 within an item.
  int depth_ = 0;
  bool in_text_ = false;
  bool escaped_ = false;
  // The last text of the list's own object, and whether a colon follows it.
  std::string key_;
  bool has_key_ = false;
};

}  // namespace k8sgw::kube
