#pragma once

#include "channel.h"
#include "histogram.h"
#include "reply.h"

#include <stdbool.h>

struct plan {
  const char *socket;
  // NULL for connections without TLS.
  SSL_CTX *tls;
  const unsigned char *request;
  size_t request_size;
  enum framing framing;
  bool new_connections;
  int connections;
  double seconds;
  double warm_up;
  // Between the starts of two requests, in ns; 0: the next follows the reply. One connection only.
  uint64_t pace;
};

struct outcome {
  struct histogram times;
  uint64_t errors;
  double seconds;
};

// Monotonic, in ns.
uint64_t now(void);

// Connects to a Unix socket, or to a port of 127.0.0.1, waiting for room in the listener's queue; -1 with errno when it can't.
int connect_to(const char *path);

// Set by SIGTERM and SIGINT: what is measured until then counts.
extern volatile bool is_over;

// One connection, which waits for each reply.
void run_one(const struct plan *plan, struct outcome *outcome);

// Many connections, each with one request under way.
void run_many(const struct plan *plan, struct outcome *outcome);

// Holds `count` connections that have sent half a request, opening again what the server closes, until it is ended.
int stall(const char *path, int count);
