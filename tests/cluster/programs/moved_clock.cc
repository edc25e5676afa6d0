// A library to load before all others: the process sees another time of day than the machine. The eight bytes of the
// file that MOVED_CLOCK names are the difference in seconds, read at each look at the clock; the time that passes
// (CLOCK_MONOTONIC) stays as it is, as when somebody sets a clock.
//
// What is here must not allocate: the first to ask for the time may be the allocator.

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

using Difference = std::atomic<int64_t>;

const Difference* Map() {
  static Difference none{0};
  const char* path = std::getenv("MOVED_CLOCK");
  const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return &none;
  void* shared = mmap(nullptr, sizeof(Difference), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return shared == MAP_FAILED ? &none : static_cast<const Difference*>(shared);
}

int64_t Moved() {
  static std::atomic<const Difference*> difference{nullptr};
  const Difference* known = difference.load(std::memory_order_acquire);
  if (!known) {
    known = Map();
    difference.store(known, std::memory_order_release);
  }
  return known->load(std::memory_order_relaxed);
}

bool IsTimeOfDay(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

// The kernel waits by its own clock. A condition does not tell which clock it has, but no machine has been up for so
// long that its monotonic time is a time of day.
constexpr time_t kYearsOfUptime = 1'000'000'000;

timespec Unmoved(const timespec& when) {
  timespec real = when;
  if (real.tv_sec > kYearsOfUptime) real.tv_sec -= Moved();
  return real;
}

// On x86-64 an older version of the function is there, too, for another layout of conditions.
template <typename Function>
Function Next(const char* name) {
  void* found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
  if (!found) found = dlsym(RTLD_NEXT, name);
  return reinterpret_cast<Function>(found);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  const int result = static_cast<int>(syscall(SYS_clock_gettime, clock, out));
  if (result == 0 && IsTimeOfDay(clock)) out->tv_sec += Moved();
  return result;
}

int gettimeofday(timeval* out, void*) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  *out = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  static const auto next = Next<int (*)(pthread_cond_t*, pthread_mutex_t*, const timespec*)>("pthread_cond_timedwait");
  const timespec real = Unmoved(*until);
  return next(condition, mutex, &real);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const timespec* until) {
  static const auto next =
      Next<int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>("pthread_cond_clockwait");
  const timespec real = IsTimeOfDay(clock) ? Unmoved(*until) : *until;
  return next(condition, mutex, clock, &real);
}

}  // extern "C"
