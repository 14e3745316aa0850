// The yardstick: what it costs at least to answer on a Unix socket, or at a port of 127.0.0.1.
//
//     bare-server SOCKET|PORT REPLY-FILE
//
// At a port nobody is asked who calls. With `-` as SOCKET it serves the listening socket that it inherited as descriptor 3.
//
// One thread, one epoll. It asks for each connection's SO_PEERCRED, reads until a request's head has ended, and sends the file's bytes,
// head and body together. It knows no deadlines, limits, routes or rights. Prints `listening` when it does.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { EVENTS = 64, ROOM = 16384 };

static char reply[65536];
static size_t reply_size;
static uid_t last_uid;
static int asks_who = 1;

static _Noreturn void fail(const char *what) {
  perror(what);
  exit(1);
}

static void read_reply(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) fail(path);
  reply_size = fread(reply, 1, sizeof reply, file);
  fclose(file);
}

static int listen_at_port(const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0) fail(port);
  asks_who = 0;
  return fd;
}

static int listen_at(const char *path) {
  if (strcmp(path, "-") == 0) {
    if (fcntl(3, F_SETFL, O_NONBLOCK) != 0) fail("the inherited socket");
    return 3;
  }
  if (*path >= '0' && *path <= '9') return listen_at_port(path);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  unlink(path);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0) fail(path);
  return fd;
}

// Answers what has come; false when the connection is to be closed.
static int serve(int fd) {
  static char bytes[ROOM];
  ssize_t count = recv(fd, bytes, sizeof bytes, 0);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return 0;
  // The load generator sends a request whole, and never two at once.
  if (!memmem(bytes, (size_t)count, "\r\n\r\n", 4)) return 0;
  return send(fd, reply, reply_size, MSG_NOSIGNAL) == (ssize_t)reply_size;
}

static void accept_all(int listener, int epoll) {
  for (int i = 0; i < EVENTS; i++) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    struct ucred who;
    socklen_t size = sizeof who;
    if (asks_who && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0) last_uid = who.uid;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    // The request is mostly there already.
    if (!serve(fd) || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) close(fd);
  }
}

int main(int count, char **words) {
  if (count != 3) {
    fprintf(stderr, "usage: bare-server SOCKET REPLY-FILE\n");
    return 2;
  }
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  read_reply(words[2]);
  int listener = listen_at(words[1]), epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.fd = listener};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) fail("epoll_ctl");
  puts("listening");
  fflush(stdout);
  for (;;) {
    int ready = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) accept_all(listener, epoll);
      else if (!serve(fd)) close(fd);
    }
  }
}
