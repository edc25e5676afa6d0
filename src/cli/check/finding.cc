#include "src/cli/check/finding.h"

namespace k8sgw::cli {
namespace {

std::string Plain(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c != '-' && c != '_' && c != ' ') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (out.ends_with('s')) out.pop_back();
  return out;
}

}  // namespace

std::string_view FindSection(std::string_view name) {
  for (const std::string_view section : kSections) {
    if (Plain(section) == Plain(name)) return section;
  }
  return "";
}

}  // namespace k8sgw::cli
