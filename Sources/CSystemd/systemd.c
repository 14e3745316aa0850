#define _GNU_SOURCE
#include "CSystemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

// Room for a control message with one descriptor.
union descriptor_room {
  struct cmsghdr header;
  char room[CMSG_SPACE(sizeof(int))];
};

static void attach(struct msghdr *message, union descriptor_room *control, int fd) {
  memset(control, 0, sizeof *control);
  control->header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&control->header), &fd, sizeof fd);
  message->msg_control = control;
  message->msg_controllen = sizeof *control;
}

int csystemd_notify_now(const char *message, int descriptor) {
  const char *path = getenv("NOTIFY_SOCKET");
  if (path == NULL || (path[0] != '/' && path[0] != '@')) return 0;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof(address.sun_path)) return -E2BIG;
  memcpy(address.sun_path, path, length);
  // An abstract name begins with NUL, and its length marks its end.
  if (path[0] == '@') address.sun_path[0] = 0;
  struct iovec text = {.iov_base = (void *)message, .iov_len = strlen(message)};
  struct msghdr datagram = {
      .msg_name = &address,
      .msg_namelen = offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/' ? 1 : 0),
      .msg_iov = &text,
      .msg_iovlen = 1};
  union descriptor_room control;
  if (descriptor >= 0) attach(&datagram, &control, descriptor);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  ssize_t sent = sendmsg(fd, &datagram, MSG_DONTWAIT | MSG_NOSIGNAL);
  int result = sent < 0 ? -errno : 1;
  close(fd);
  return result;
}

const char *csystemd_program_name(void) { return program_invocation_short_name; }

static int send_in_file(int fd, struct msghdr *message, const void *entry, size_t count) {
  int file = memfd_create("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return -errno;
  union descriptor_room control;
  attach(message, &control, file);
  message->msg_iovlen = 0;
  int result = 0;
  ssize_t written = write(file, entry, count);
  if (written < 0) result = -errno;
  else if ((size_t)written != count) result = -ENOSPC;
  // The journal accepts no file that could still be changed.
  else if (fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) result = -errno;
  else if (sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) result = -errno;
  close(file);
  return result;
}

int csystemd_journal_now(const char *path, const void *entry, size_t count) {
  // Opened once; each entry has the address, so that a restarted journal is found.
  static int fd = -1;
  if (fd < 0) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -E2BIG;
  strcpy(address.sun_path, path);
  struct iovec bytes = {.iov_base = (void *)entry, .iov_len = count};
  struct msghdr message = {
      .msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &bytes, .msg_iovlen = 1};
  if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
  return errno == EMSGSIZE || errno == ENOBUFS ? send_in_file(fd, &message, entry, count) : -errno;
}
