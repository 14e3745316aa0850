#define _GNU_SOURCE
#include "CFaultShim.h"
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

// The file's one number; NULL without a file, which leaves the clock alone.
static const volatile int64_t *offset;
static const char *path;
// The last timer of the wall clock that was made, in truth an inotify descriptor on the file; -1 without one.
static int stepping = -1;

__attribute__((constructor)) static void find_offset(void) {
  path = getenv("FAULT_SHIM_CLOCK");
  int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  struct stat status;
  if (fstat(fd, &status) == 0 && status.st_size >= (off_t)sizeof(int64_t)) {
    void *map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) offset = map;
  }
  close(fd);
}

static int64_t lead(void) { return offset == NULL ? 0 : *offset; }

int clock_gettime(clockid_t clock, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += lead();
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec time;
  int result = clock_gettime(CLOCK_REALTIME, &time);
  if (result == 0) *now = (struct timeval){.tv_sec = time.tv_sec, .tv_usec = time.tv_nsec / 1000};
  return result;
}

time_t time(time_t *into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (into != NULL) *into = now.tv_sec;
  return now.tv_sec;
}

int timerfd_create(int clock, int flags) {
  if (clock != CLOCK_REALTIME || offset == NULL) return (int)syscall(SYS_timerfd_create, clock, flags);
  // Both kinds of descriptor take O_NONBLOCK and O_CLOEXEC by the same values.
  int fd = inotify_init1(flags);
  if (fd >= 0 && inotify_add_watch(fd, path, IN_MODIFY) < 0) {
    int reason = errno;
    close(fd);
    errno = reason;
    return -1;
  }
  stepping = fd;
  return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *time, struct itimerspec *before) {
  if (fd != stepping) return (int)syscall(SYS_timerfd_settime, fd, flags, time, before);
  return 0;
}

ssize_t read(int fd, void *buffer, size_t size) {
  fault_shim_await_read(fd);
  if (fd != stepping || fd < 0) return syscall(SYS_read, fd, buffer, size);
  char events[4096];
  ssize_t got = syscall(SYS_read, fd, events, sizeof events);
  if (got > 0) errno = ECANCELED;
  return -1;
}
