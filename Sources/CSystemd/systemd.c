#include "CSystemd.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
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

int csystemd_notify_now(const char *message) {
  const char *path = getenv("NOTIFY_SOCKET");
  if (path == NULL || (path[0] != '/' && path[0] != '@')) return 0;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof(address.sun_path)) return -E2BIG;
  memcpy(address.sun_path, path, length);
  // An abstract name begins with NUL, and its length says where it ends.
  if (path[0] == '@') address.sun_path[0] = 0;
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/' ? 1 : 0);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  ssize_t sent = sendto(fd, message, strlen(message), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&address, size);
  int result = sent < 0 ? -errno : 1;
  close(fd);
  return result;
}
