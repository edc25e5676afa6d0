// testdata/h2_server.py and its certificates, for tests.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "src/base/text.h"

namespace k8sgw::kube::testing {

// A folder of authorities and certificates, made by openssl.
class TestCertificates {
 public:
  TestCertificates() {
    std::string pattern = std::filesystem::temp_directory_path() / "k8sgw-h2-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~TestCertificates() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // NAME.crt and NAME.key.
  void MakeAuthority(const std::string& name) const {
    Openssl(Cat("req -x509 -days 2 -subj /CN=", name, " -addext keyUsage=keyCertSign -keyout ", name, ".key -out ",
                name, ".crt"));
  }
  void MakeCertificate(const std::string& name, const std::string& authority, const std::string& names) const {
    std::ofstream(Path("extensions")) << "subjectAltName=" << names << "\n";
    Openssl(Cat("req -subj /CN=", name, " -keyout ", name, ".key -out ", name, ".csr"));
    Run(Cat("openssl x509 -req -days 2 -in ", name, ".csr -CA ", authority, ".crt -CAkey ", authority,
            ".key -CAcreateserial -extfile extensions -out ", name, ".crt"));
  }

 private:
  void Openssl(const std::string& command) const {
    const size_t space = command.find(' ');
    Run(Cat("openssl ", command.substr(0, space), " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes",
            command.substr(space)));
  }
  void Run(const std::string& command) const {
    const std::string line = Cat("cd ", folder_, " && ", command, " 2>log || { cat log >&2; false; }");
    ASSERT_EQ(std::system(line.c_str()), 0);
  }

  std::string folder_;
};

class TestH2Server {
 public:
  // Arguments are those of the program.
  explicit TestH2Server(const std::vector<std::string>& arguments) {
    int input[2];
    int output[2];
    if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) return;
    std::vector<std::string> words = {"/usr/bin/python3", "src/sources/kube/testdata/h2_server.py"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], 0);
    posix_spawn_file_actions_adddup2(&actions, output[1], 1);
    EXPECT_EQ(posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, pointers.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    input_ = input[1];
    FILE* lines = fdopen(output[0], "r");
    EXPECT_EQ(fscanf(lines, "%d", &port_), 1) << "h2_server.py did not start: is python3-h2 installed?";
    fclose(lines);
  }
  ~TestH2Server() {
    close(input_);
    if (pid_ <= 0) return;
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  // It does nothing at all any longer, or goes on.
  void Freeze() const { kill(pid_, SIGSTOP); }
  void Thaw() const { kill(pid_, SIGCONT); }
  std::string Url(const std::string& host = "127.0.0.1") const { return Cat("https://", host, ":", port_); }
  int port() const { return port_; }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int port_ = 0;
};

}  // namespace k8sgw::kube::testing
