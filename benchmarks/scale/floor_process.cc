#include "benchmarks/scale/floor_process.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "benchmarks/floor.h"

namespace k8sgw::bench {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

FloorProcess::FloorProcess(const std::map<xds::Type, std::string>& first, const std::vector<std::string>& pushes) {
  folder_ = (fs::temp_directory_path() / "k8sgateway-floor-XXXXXX").string();
  if (!mkdtemp(folder_.data())) Die("mkdtemp");
  for (const auto& [type, bytes] : first) {
    std::ofstream(fmt::format("{}/first-{}", folder_, static_cast<int>(type)), std::ios::binary) << bytes;
  }
  for (size_t i = 0; i < pushes.size(); ++i) {
    std::ofstream(fmt::format("{}/push-{}", folder_, i), std::ios::binary) << pushes[i];
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) Die("socketpair");
  control_ = ends[0];
  process_ = std::make_unique<Child>(
      std::vector<std::string>{"/proc/self/exe", "--serve-floor", folder_, std::to_string(ends[1])}, "");
  close(ends[1]);
  if (read(control_, &port_, sizeof port_) != sizeof port_) Die("the floor did not start");
  std::error_code error;
  fs::remove_all(folder_, error);
}

FloorProcess::~FloorProcess() { close(control_); }

void FloorProcess::Push(size_t number) {
  const auto byte = static_cast<uint8_t>(number);
  if (write(control_, &byte, 1) != 1) Die("the floor has ended");
}

int ServeFloor(const std::string& folder, int control) {
  std::map<xds::Type, std::string> first;
  for (int type = 0; type < xds::kTypeCount; ++type) {
    const std::string path = fmt::format("{}/first-{}", folder, type);
    if (fs::exists(path)) first[static_cast<xds::Type>(type)] = ReadFile(path);
  }
  FloorServer server(first);
  first.clear();
  std::vector<std::shared_ptr<const FloorServer::Prepared>> pushes;
  for (size_t i = 0; fs::exists(fmt::format("{}/push-{}", folder, i)); ++i) {
    pushes.push_back(server.Prepare(ReadFile(fmt::format("{}/push-{}", folder, i))));
  }
  const int port = server.port();
  if (write(control, &port, sizeof port) != sizeof port) return 1;
  for (uint8_t number = 0; read(control, &number, 1) == 1;) server.PushToAll(pushes.at(number));
  return 0;
}

}  // namespace k8sgw::bench
