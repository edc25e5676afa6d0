// A process that is measured from outside.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace k8sgw::bench {

// Any process, by its number.
class Process {
 public:
  explicit Process(pid_t pid) : pid_(pid) {}

  pid_t pid() const { return pid_; }
  // The first child that it has; waits for it, a minute at most, and ends the benchmark without it.
  Process FirstChild() const;
  // CPU time of all of its threads that still live, in milliseconds.
  double CpuMs() const;
  // Resident memory in MiB: now, and at most so far.
  double RssMiB() const { return StatusMiB("VmRSS:"); }
  double PeakRssMiB() const { return StatusMiB("VmHWM:"); }

 private:
  double StatusMiB(const std::string& field) const;

  pid_t pid_;
};

// CPU of two processes while nothing happens, in microseconds a minute.
struct IdleCpu {
  double ours = 0, floor = 0;
};
// Looks for so long.
IdleCpu MeasureIdle(const Process& ours, const Process& floor, std::chrono::seconds time);

// One that we start.
class Child : public Process {
 public:
  // Its output goes to `log`; "" for ours.
  Child(const std::vector<std::string>& args, const std::string& log);
  // SIGKILL, and waits: nothing is left when the next case begins.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
};

}  // namespace k8sgw::bench
