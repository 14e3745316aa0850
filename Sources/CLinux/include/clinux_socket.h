#pragma once

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/types.h>

// The process at the other end of a Unix socket, as the kernel recorded it at connect time (unix(7)).
struct clinux_peer {
  uid_t uid;
  gid_t gid;
  pid_t pid;
  // The number of supplementary groups; if it is more than the capacity given, none was written.
  size_t group_count;
};

// Reads the peer from the kernel: SO_PEERCRED and SO_PEERGROUPS (Linux 4.13; no groups before). In C since ucred needs _GNU_SOURCE.
// Returns 0 or a negative errno.
int clinux_peer_of(int fd, struct clinux_peer *peer, gid_t *groups, size_t capacity);

// Accepts one connection, non-blocking and close-on-exec (accept4(2)), and reads its peer. Returns the descriptor or a negative
// errno.
int clinux_accept(int listener, struct clinux_peer *peer, gid_t *groups, size_t capacity);

// Opens a pidfd, close-on-exec, of the process that connected (SO_PEERPIDFD, Linux 6.5). It stays that process's after its number has been
// given to another one. Returns a negative errno otherwise, -ENOPROTOOPT where the kernel has no such option.
int clinux_peer_pidfd(int fd);

// Has the kernel refuse descriptors (SCM_RIGHTS) that are sent to this Unix socket, with EPERM for the sender (SO_PASSRIGHTS, Linux 6.16). A
// listener's connections inherit it when they are made. Returns 0 or a negative errno, -ENOPROTOOPT where the kernel has no such option.
int clinux_refuse_descriptors(int fd);

struct clinux_part {
  const void *bytes;
  size_t count;
};

// Sends bytes without SIGPIPE and without waiting (MSG_NOSIGNAL, MSG_DONTWAIT), and wipes them. Returns the number of bytes sent or a
// negative errno.
ssize_t clinux_send_and_wipe(int fd, void *bytes, size_t count);

// Sends four parts in one call without copying them, in the same way. Empty parts are left out. Returns the number of bytes sent
// or a negative errno.
ssize_t clinux_send(int fd, struct clinux_part first, struct clinux_part second, struct clinux_part third,
                    struct clinux_part fourth);
