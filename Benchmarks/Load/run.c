#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 65536, EVENTS = 256 };

static uint64_t nanoseconds(double seconds) { return (uint64_t)(seconds * 1e9); }

// Takes a time that was measured from `began` on into account; those before `counts_from` are the warm-up's.
static void note(struct outcome *outcome, uint64_t began, uint64_t ended, uint64_t counts_from, bool is_good) {
  if (began < counts_from) return;
  if (is_good) histogram_add(&outcome->times, ended - began);
  else outcome->errors++;
}

// How long is gone on beyond the time to be measured until something counts, in seconds.
enum { LONGEST_OVERTIME = 10 };

// When to stop. Until something counts that is later than the end: on a busy machine this program itself may have had no processor for as
// long as it was to measure.
static uint64_t stop_at(const struct outcome *outcome, uint64_t end) {
  return outcome->times.total + outcome->errors > 0 ? end : end + nanoseconds(LONGEST_OVERTIME);
}

static bool send_all(struct channel *channel, const struct plan *plan) {
  return channel_send(channel, plan->request, plan->request_size) == (ssize_t)plan->request_size;
}

// One request and its reply; false when there was no good one. The connection is open afterwards only if it may be kept.
static bool exchange(const struct plan *plan, struct channel *channel, unsigned char *bytes) {
  if (channel->fd < 0 && !channel_open(channel, plan->socket, plan->tls, true)) return false;
  bool is_good = send_all(channel, plan);
  for (size_t got = 0; is_good;) {
    ssize_t count = channel_receive(channel, bytes + got, ROOM - got, 0);
    if (count == 0 && plan->framing == FRAMING_CLOSE && got > 0) break;
    if (count <= 0) is_good = false;
    else {
      got += (size_t)count;
      long size = reply_size(plan->framing, bytes, got);
      if (size == (long)got) break;
      if (size != REPLY_MORE || got == ROOM) is_good = false;
    }
  }
  if (!is_good || plan->new_connections) channel_close(channel);
  return is_good;
}

static void wait_until(uint64_t instant) {
  struct timespec time = {.tv_sec = (time_t)(instant / 1000000000u), .tv_nsec = (long)(instant % 1000000000u)};
  while (!is_over && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

void run_one(const struct plan *plan, struct outcome *outcome) {
  static unsigned char bytes[ROOM];
  struct channel channel = {.fd = -1};
  uint64_t counts_from = now() + nanoseconds(plan->warm_up), end = counts_from + nanoseconds(plan->seconds);
  uint64_t began = now(), ended = began;
  while (ended < stop_at(outcome, end) && !is_over) {
    if (plan->pace) wait_until(began);
    // Ended while it waited: the request isn't due yet.
    if (is_over) break;
    bool is_good = exchange(plan, &channel, bytes);
    ended = now();
    note(outcome, began, ended, counts_from, is_good);
    began = plan->pace ? began + plan->pace : ended;
    if (!is_good && !plan->pace) usleep(1000);
  }
  channel_close(&channel);
  outcome->seconds = (double)(ended - counts_from) / 1e9;
}

struct client {
  struct channel channel;
  uint64_t began;
  size_t got;
  unsigned char *bytes;
};

static bool start(const struct plan *plan, int epoll, struct client *client) {
  client->began = now();
  client->got = 0;
  if (client->channel.fd < 0) {
    if (!channel_open(&client->channel, plan->socket, plan->tls, false)) return false;
    // Sent before it is watched: there is no event to wait for until the reply comes.
    if (!send_all(&client->channel, plan)) return false;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, client->channel.fd, &event) == 0;
  }
  return send_all(&client->channel, plan);
}

// Reads what has come: 1 when the reply is complete, 0 when more is to come, -1 when it is none.
static int take(const struct plan *plan, struct client *client) {
  ssize_t count = channel_receive(&client->channel, client->bytes + client->got, ROOM - client->got, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (count == 0 && plan->framing == FRAMING_CLOSE && client->got > 0) return 1;
  if (count <= 0) return -1;
  client->got += (size_t)count;
  long size = reply_size(plan->framing, client->bytes, client->got);
  if (size == (long)client->got) return 1;
  return size == REPLY_MORE && client->got < ROOM ? 0 : -1;
}

void run_many(const struct plan *plan, struct outcome *outcome) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct client *clients = calloc((size_t)plan->connections, sizeof *clients);
  uint64_t counts_from = now() + nanoseconds(plan->warm_up), end = counts_from + nanoseconds(plan->seconds);
  for (int i = 0; i < plan->connections; i++) {
    clients[i] = (struct client){.channel.fd = -1, .bytes = malloc(ROOM)};
    if (!start(plan, epoll, &clients[i])) {
      perror("bench-load: cannot connect");
      exit(1);
    }
  }
  struct epoll_event events[EVENTS];
  uint64_t moment = now();
  while (moment < stop_at(outcome, end) && !is_over) {
    int count = epoll_wait(epoll, events, EVENTS, 100);
    for (int i = 0; i < count; i++) {
      struct client *client = events[i].data.ptr;
      int result = take(plan, client);
      if (result == 0) continue;
      moment = now();
      note(outcome, client->began, moment, counts_from, result > 0);
      if (result < 0 || plan->new_connections) channel_close(&client->channel);
      while (!start(plan, epoll, client) && !is_over && now() < stop_at(outcome, end)) {
        channel_close(&client->channel);
        outcome->errors++;
        usleep(1000);
      }
    }
    if (count <= 0) moment = now();
  }
  outcome->seconds = (double)(moment - counts_from) / 1e9;
}
