#include "src/metrics/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "src/metrics/names.h"

namespace k8sgw::metrics {
namespace {

// Fields of /proc/self/stat, counted from the one behind the name, which may hold anything.
constexpr int kUserTicks = 11;
constexpr int kSystemTicks = 12;
constexpr int kThreadCount = 17;
constexpr int kStartTicks = 19;
constexpr int kVirtual = 20;
constexpr int kResidentPages = 21;
constexpr int kFields = 22;

// Seconds since 1970 at which the machine began, or 0.
double BootTime() {
  std::ifstream in("/proc/stat");
  for (std::string word; in >> word;) {
    double seconds = 0;
    if (word == "btime" && in >> seconds) return seconds;
  }
  return 0;
}

}  // namespace

void SetProcess(Registry& registry) {
  std::ifstream in("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return;
  std::istringstream words(text.substr(name_end + 1));
  std::string state;
  words >> state;
  double fields[kFields] = {};
  for (int i = 1; i < kFields; ++i) {
    if (!(words >> fields[i])) return;
  }
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  registry.Set(kCpuSeconds, {}, (fields[kUserTicks] + fields[kSystemTicks]) / ticks);
  static const double boot = BootTime();
  registry.Set(kStartTime, {}, boot + fields[kStartTicks] / ticks);
  registry.Set(kVirtualBytes, {}, fields[kVirtual]);
  registry.Set(kResidentBytes, {}, fields[kResidentPages] * static_cast<double>(sysconf(_SC_PAGESIZE)));
  registry.Set(kThreads, {}, fields[kThreadCount]);
  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  // The one that looks is among them.
  if (!error) registry.Set(kOpenFiles, {}, static_cast<double>(std::distance(begin(files), end(files)) - 1));
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) registry.Set(kMostFiles, {}, static_cast<double>(limit.rlim_cur));
}

}  // namespace k8sgw::metrics
