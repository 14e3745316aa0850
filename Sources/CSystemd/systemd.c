#include "CSystemd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

int csystemd_signal_procmask(void) { return SD_EVENT_SIGNAL_PROCMASK; }

static int arm(int fd) {
  // The largest time the kernel keeps (KTIME_SEC_MAX); only the cancellation matters.
  struct itimerspec never = {.it_value = {.tv_sec = INT64_MAX / 1000000000}};
  return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno : 0;
}

int csystemd_clock_step_open(void) {
  int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) return -errno;
  int armed = arm(fd);
  if (armed < 0) {
    close(fd);
    return armed;
  }
  return fd;
}

int csystemd_clock_step_take(int fd) {
  uint64_t expirations;
  ssize_t got = read(fd, &expirations, sizeof expirations);
  if (got < 0 && errno != ECANCELED) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
  int armed = arm(fd);
  return armed < 0 ? armed : 1;
}
