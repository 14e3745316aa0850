#define _GNU_SOURCE
#include "clinux_loopback.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static socklen_t fill(struct sockaddr_storage *place, int family, const uint8_t *address, uint16_t port) {
  memset(place, 0, sizeof *place);
  if (family == AF_INET6) {
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)place;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    memcpy(&six->sin6_addr, address, 16);
    return sizeof *six;
  }
  struct sockaddr_in *four = (struct sockaddr_in *)place;
  four->sin_family = AF_INET;
  four->sin_port = htons(port);
  memcpy(&four->sin_addr, address, 4);
  return sizeof *four;
}

int clinux_listen_tcp(int family, const uint8_t *address, uint16_t port, const char **call) {
  *call = "socket";
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  struct sockaddr_storage place;
  socklen_t size = fill(&place, family, address, port);
  const int on = 1;
  // Connections of the process before may still be in TIME_WAIT; a socket that listens there is in the way all the same (socket(7)).
  *call = "setsockopt";
  int failure = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (failure == 0 && family == AF_INET6) failure = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (failure == 0) {
    *call = "bind";
    failure = bind(fd, (struct sockaddr *)&place, size);
  }
  if (failure == 0) {
    *call = "listen";
    failure = listen(fd, SOMAXCONN);
  }
  if (failure == 0) return fd;
  failure = errno;
  close(fd);
  return -failure;
}

int clinux_accept_tcp(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int read_end(const struct sockaddr_storage *place, uint8_t *address, uint16_t *port) {
  if (place->ss_family == AF_INET) {
    const struct sockaddr_in *four = (const struct sockaddr_in *)place;
    memcpy(address, &four->sin_addr, 4);
    *port = four->sin_port;
    return 0;
  }
  if (place->ss_family != AF_INET6) return -EAFNOSUPPORT;
  const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)place;
  memcpy(address, &six->sin6_addr, 16);
  *port = six->sin6_port;
  return 0;
}

int clinux_tcp_ends_of(int fd, struct clinux_tcp_ends *ends) {
  memset(ends, 0, sizeof *ends);
  struct sockaddr_storage place;
  socklen_t size = sizeof place;
  if (getsockname(fd, (struct sockaddr *)&place, &size) < 0) return -errno;
  ends->family = place.ss_family;
  int failure = read_end(&place, ends->server, &ends->server_port);
  if (failure < 0) return failure;
  size = sizeof place;
  if (getpeername(fd, (struct sockaddr *)&place, &size) < 0) return errno == ENOTCONN ? 0 : -errno;
  return read_end(&place, ends->client, &ends->client_port);
}

int clinux_socket_questions(void) {
  int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  return fd < 0 ? -errno : fd;
}

ssize_t clinux_ask_for_client(int questions, const struct clinux_tcp_ends *ends, uint32_t number, void *answer, size_t capacity) {
  struct {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
  } question = {
      .head = {.nlmsg_len = sizeof question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = number},
      .body = {.sdiag_family = (uint8_t)ends->family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0u},
  };
  struct inet_diag_sockid *id = &question.body.id;
  memcpy(id->idiag_src, ends->client, sizeof ends->client);
  memcpy(id->idiag_dst, ends->server, sizeof ends->server);
  id->idiag_sport = ends->client_port;
  id->idiag_dport = ends->server_port;
  id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (sendto(questions, &question, sizeof question, MSG_DONTWAIT, (struct sockaddr *)&kernel, sizeof kernel) < 0) return -errno;
  // What is left of an earlier question, or isn't from the kernel, is passed over.
  for (int tries = 0; tries < 64; tries++) {
    struct sockaddr_nl sender;
    socklen_t size = sizeof sender;
    ssize_t count = recvfrom(questions, answer, capacity, MSG_DONTWAIT, (struct sockaddr *)&sender, &size);
    if (count < 0) {
      if (errno == EINTR) continue;
      return -errno;
    }
    const struct nlmsghdr *head = answer;
    if (sender.nl_pid == 0 && (size_t)count >= sizeof *head && head->nlmsg_seq == number) return count;
  }
  return -EAGAIN;
}
