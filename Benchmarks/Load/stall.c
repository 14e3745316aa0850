#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// Opened over two seconds, so that the server's deadline for them doesn't come for all at once.
static const double opening_seconds = 2;

struct tally {
  int held, least;
  unsigned long cut, refused;
};

static int open_one(const char *path, int epoll) {
  static const char half[] = "GET /v1/roles/some/credentials HTTP/1.1\r\nHost: local";
  int fd = connect_to(path);
  if (fd < 0) return -1;
  // What comes of it is seen when the other end says something.
  (void)!send(fd, half, sizeof half - 1, MSG_NOSIGNAL);
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

// The server ended a connection: because it had been too slow (408), or because there was no room (429 or 503).
static void judge(int fd, struct tally *tally) {
  char answer[256];
  ssize_t count = recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT);
  answer[count > 0 ? count : 0] = 0;
  if (strstr(answer, " 429 ") || strstr(answer, " 503 ")) tally->refused++;
  else tally->cut++;
}

int stall(const char *path, int wanted) {
  struct tally tally = {.least = wanted};
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (; tally.held < wanted && !is_over; tally.held++) {
    if (open_one(path, epoll) != 0) {
      perror("bench-load: cannot hold a connection");
      return 1;
    }
    usleep((useconds_t)(opening_seconds * 1e6 / wanted));
  }
  printf("held %d\n", tally.held);
  fflush(stdout);
  struct epoll_event events[256];
  while (!is_over) {
    int count = epoll_wait(epoll, events, 256, 1000);
    for (int i = 0; i < count; i++) {
      judge(events[i].data.fd, &tally);
      close(events[i].data.fd);
      tally.held--;
    }
    if (tally.held < tally.least) tally.least = tally.held;
    for (; tally.held < wanted && !is_over; tally.held++)
      if (open_one(path, epoll) != 0) break;
  }
  printf("least %d\ncut %lu\nrefused %lu\n", tally.least, tally.cut, tally.refused);
  return 0;
}
