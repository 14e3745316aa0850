#define _GNU_SOURCE
#include "clinux_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

// As in the kernel's include/uapi/asm-generic/socket.h, for headers that are older.
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

int clinux_peer_of(int fd, struct clinux_peer *peer, gid_t *groups, size_t capacity) {
  struct ucred who;
  socklen_t size = sizeof who;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) return -errno;
  peer->uid = who.uid;
  peer->gid = who.gid;
  peer->pid = who.pid;
  peer->group_count = 0;
  size = capacity * sizeof *groups;
  int got = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size);
  // If the buffer is too small, the kernel returns the required size.
  if (got == 0 || errno == ERANGE) peer->group_count = size / sizeof *groups;
  else if (errno != ENOPROTOOPT) return -errno;
  return 0;
}

int clinux_accept(int listener, struct clinux_peer *peer, gid_t *groups, size_t capacity) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return -errno;
  int failure = clinux_peer_of(fd, peer, groups, capacity);
  if (failure == 0) return fd;
  close(fd);
  return failure;
}

int clinux_peer_pidfd(int fd) {
  int found = -1;
  socklen_t size = sizeof found;
  return getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &found, &size) < 0 ? -errno : found;
}

int clinux_refuse_descriptors(int fd) {
  int passes = 0;
  return setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &passes, sizeof passes) < 0 ? -errno : 0;
}

ssize_t clinux_send_and_wipe(int fd, void *bytes, size_t count) {
  ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
  int failure = errno;
  explicit_bzero(bytes, count);
  return sent < 0 ? -failure : sent;
}

ssize_t clinux_send(int fd, struct clinux_part first, struct clinux_part second, struct clinux_part third,
                    struct clinux_part fourth) {
  const struct clinux_part parts[] = {first, second, third, fourth};
  struct iovec vectors[4];
  struct msghdr message = {.msg_iov = vectors};
  for (size_t i = 0; i < 4; i++)
    if (parts[i].count > 0)
      vectors[message.msg_iovlen++] = (struct iovec){.iov_base = (void *)parts[i].bytes, .iov_len = parts[i].count};
  ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 ? -errno : sent;
}
