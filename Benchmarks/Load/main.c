// A load generator for Unix sockets, and for ports of 127.0.0.1.
//
//     bench-load --socket PATH|PORT (--get TARGET | --hex BYTES) [--framing http|length32|close] [--connections N] [--new]
//                [--seconds S] [--warm-up S] [--pace MICROSECONDS] [--cpus LIST] [--certificate FILE --key FILE --authority FILE]
//     bench-load --socket PATH --stall N
//
// It keeps one request under way on each of N connections, or makes a new connection for each request, and prints, a line
// each: requests, errors, seconds, rate (per second), p50, p99 and max (µs, from the request, or from the start of its connection, to the
// reply's last byte). With a certificate each connection is by TLS, to a server that is `localhost` by the authority, and its handshake a
// full one. With --pace a request is due every so often and its time counts from then on, however late it is sent.
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

volatile bool is_over;

static void end(int number) {
  (void)number;
  is_over = true;
}

uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int connect_to_port(const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  // Closed by a reset: tens of thousands of ports a second would else stay in TIME_WAIT.
  const struct linger reset = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int number = errno;
  close(fd);
  errno = number;
  return -1;
}

int connect_to(const char *path) {
  if (*path >= '0' && *path <= '9') return connect_to_port(path);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int number = errno;
  close(fd);
  errno = number;
  return -1;
}

static _Noreturn void usage_error(const char *what) {
  fprintf(stderr, "bench-load: %s\n", what);
  exit(2);
}

static void pin(const char *list) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const char *at = list; *at;) {
    char *rest;
    CPU_SET(strtoul(at, &rest, 10), &set);
    if (rest == at) usage_error("--cpus takes numbers with commas between them");
    at = *rest == ',' ? rest + 1 : rest;
  }
  if (sched_setaffinity(0, sizeof set, &set) != 0) usage_error("there are no such CPUs");
}

static unsigned char *unhex(const char *text, size_t *size) {
  *size = strlen(text) / 2;
  unsigned char *bytes = malloc(*size + 1);
  for (size_t i = 0; i < *size; i++) {
    unsigned value;
    if (sscanf(text + 2 * i, "%2x", &value) != 1) usage_error("--hex takes pairs of hexadecimal digits");
    bytes[i] = (unsigned char)value;
  }
  return bytes;
}

static enum framing framing_named(const char *name) {
  if (strcmp(name, "http") == 0) return FRAMING_HTTP;
  if (strcmp(name, "length32") == 0) return FRAMING_LENGTH32;
  if (strcmp(name, "close") == 0) return FRAMING_CLOSE;
  usage_error("--framing is http, length32 or close");
}

static void print(const struct outcome *outcome) {
  const struct histogram *times = &outcome->times;
  printf("requests %llu\nerrors %llu\nseconds %.6f\nrate %.3f\np50 %.3f\np99 %.3f\nmax %.3f\n",
         (unsigned long long)times->total, (unsigned long long)outcome->errors, outcome->seconds,
         (double)times->total / outcome->seconds, histogram_quantile(times, 0.5) / 1000,
         histogram_quantile(times, 0.99) / 1000, (double)times->most / 1000);
}

int main(int count, char **words) {
  static const struct option options[] = {
      {"socket", required_argument, NULL, 's'},  {"get", required_argument, NULL, 'g'},
      {"hex", required_argument, NULL, 'x'},     {"framing", required_argument, NULL, 'f'},
      {"connections", required_argument, NULL, 'c'}, {"new", no_argument, NULL, 'n'},
      {"seconds", required_argument, NULL, 't'}, {"warm-up", required_argument, NULL, 'w'},
      {"pace", required_argument, NULL, 'p'},    {"cpus", required_argument, NULL, 'u'},
      {"stall", required_argument, NULL, 'l'},   {"certificate", required_argument, NULL, 'C'},
      {"key", required_argument, NULL, 'K'},     {"authority", required_argument, NULL, 'A'},
      {0},
  };
  static struct outcome outcome;
  struct plan plan = {.connections = 1, .seconds = 1};
  int stalled = 0;
  char *text = NULL;
  const char *certificate = NULL, *key = NULL, *authority = NULL;
  for (int option; (option = getopt_long(count, words, "", options, NULL)) != -1;) switch (option) {
    case 's': plan.socket = optarg; break;
    case 'g':
      plan.request_size = (size_t)asprintf(&text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", optarg);
      plan.request = (unsigned char *)text;
      break;
    case 'x': plan.request = unhex(optarg, &plan.request_size); break;
    case 'f': plan.framing = framing_named(optarg); break;
    case 'c': plan.connections = atoi(optarg); break;
    case 'n': plan.new_connections = true; break;
    case 't': plan.seconds = atof(optarg); break;
    case 'w': plan.warm_up = atof(optarg); break;
    case 'p': plan.pace = (uint64_t)(atof(optarg) * 1000); break;
    case 'u': pin(optarg); break;
    case 'l': stalled = atoi(optarg); break;
    case 'C': certificate = optarg; break;
    case 'K': key = optarg; break;
    case 'A': authority = optarg; break;
    default: return 2;
    }
  signal(SIGPIPE, SIG_IGN);
  // A request under way is finished first: it would else count as a bad one.
  sigaction(SIGTERM, &(struct sigaction){.sa_handler = end, .sa_flags = SA_RESTART}, NULL);
  sigaction(SIGINT, &(struct sigaction){.sa_handler = end, .sa_flags = SA_RESTART}, NULL);
  if (!plan.socket) usage_error("--socket is missing");
  if (stalled > 0) return stall(plan.socket, stalled);
  if (!plan.request) usage_error("--get or --hex is missing");
  if (plan.connections < 1) usage_error("--connections is at least 1");
  if (plan.pace && plan.connections != 1) usage_error("--pace goes with one connection");
  if (certificate || key || authority) {
    if (!certificate || !key || !authority) usage_error("--certificate, --key and --authority go together");
    plan.tls = tls_context(certificate, key, authority);
    if (!plan.tls) return 1;
  }
  if (plan.connections == 1) run_one(&plan, &outcome);
  else run_many(&plan, &outcome);
  print(&outcome);
  return 0;
}
