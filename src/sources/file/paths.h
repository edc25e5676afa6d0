// Paths of files, and what the system says about them. Internal to the watcher.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace k8sgw::file {

inline constexpr int64_t kMaxFileBytes = 16 << 20;

// By its name: what hides itself and what editors leave behind is none.
bool IsYaml(std::string_view name);

std::string Join(const std::string& folder, const std::string& name);
std::string ParentOf(const std::string& path);
std::string NameOf(const std::string& path);
// Without slashes and "/." at the end.
std::string WithoutTail(std::string path);

// Whether the path, or a folder above it, is one of these; "" is above everything.
bool IsBelow(const std::string& path, const std::set<std::string>& folders);

// Where a link leads; "" when it is none.
std::string LinkTarget(const std::string& path);

// The errno of a path at which nothing is.
bool Missing(int error);

// Reads a regular file to its end; returns what is wrong, or "".
std::string ReadAll(const std::string& path, std::string* content);

}  // namespace k8sgw::file
