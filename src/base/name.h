// A string that is shared when it is copied.
//
// The name of one object stands in dozens of keys, maps and reports; copies of a Name are one pointer to the same text.
// Otherwise it behaves as a const std::string: ordered and compared by content, converted from and to one. Copies may
// be used by different threads at the same time.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace k8sgw {

class Name {
 public:
  Name() = default;
  Name(std::string text) : rep_(text.empty() ? nullptr : new Rep(std::move(text))) {}
  Name(std::string_view text) : Name(std::string(text)) {}
  Name(const char* text) : Name(std::string(text)) {}
  Name(const Name& other) : rep_(other.rep_) {
    if (rep_) rep_->holders.fetch_add(1, std::memory_order_relaxed);
  }
  Name(Name&& other) noexcept : rep_(std::exchange(other.rep_, nullptr)) {}
  Name& operator=(Name other) noexcept {
    std::swap(rep_, other.rep_);
    return *this;
  }
  ~Name() {
    if (rep_ && rep_->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) delete rep_;
  }

  const std::string& str() const {
    static const std::string kEmpty;
    return rep_ ? rep_->text : kEmpty;
  }
  operator const std::string&() const { return str(); }
  bool empty() const { return !rep_; }
  size_t size() const { return str().size(); }

  template <class H>
  friend H AbslHashValue(H state, const Name& name) {
    return H::combine(std::move(state), name.rep_ ? name.rep_->hash : 0);
  }
  friend bool operator==(const Name& a, const Name& b) { return a.rep_ == b.rep_ || a.str() == b.str(); }
  friend std::strong_ordering operator<=>(const Name& a, const Name& b) {
    return a.rep_ == b.rep_ ? std::strong_ordering::equal : a.str() <=> b.str();
  }
  friend bool operator==(const Name& a, std::string_view b) { return a.str() == b; }
  friend bool operator==(const Name& a, const std::string& b) { return a.str() == b; }
  friend bool operator==(const Name& a, const char* b) { return a.str() == b; }
  friend std::string operator+(const Name& a, std::string_view b) { return std::string(a.str()).append(b); }
  friend std::string operator+(std::string a, const Name& b) { return std::move(a.append(b.str())); }
  friend std::string operator+(const char* a, const Name& b) { return std::string(a).append(b.str()); }
  friend std::ostream& operator<<(std::ostream& out, const Name& name) { return out << name.str(); }

 private:
  struct Rep {
    explicit Rep(std::string t) : text(std::move(t)), hash(std::hash<std::string>()(text)) {}
    const std::string text;
    const size_t hash;  // names are keys in dozens of maps
    std::atomic<uint32_t> holders{1};
  };
  Rep* rep_ = nullptr;  // nullptr for ""
};

}  // namespace k8sgw
