// The yardstick of a refresh: what it costs at least to get credentials from STS.
//
//     bare-refresher ENDPOINT CA-FILE KEY-ID SECRET ROLE-ARN CALLS
//
// Signs so many AssumeRole calls and makes them over 16 kept connections, with libcurl's multi interface and one epoll; checks the
// server's certificate, reads each answer, and keeps the credential in the place of the one that was there. It knows no schedule, rate, retry,
// time-out of its own, log or strict JSON. The first answer that has no credential ends it.
//
// Prints, a line each: calls, seconds and cpu (user and system time, in seconds), both from the first call on, the handshakes included.
#define _GNU_SOURCE
#include "credential.h"
#include "sign.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum { CONNECTIONS = 16, ROOM = 65536 };

// One call under way.
struct transfer {
  CURL *easy;
  struct curl_slist *lines;
  long number;
  size_t count;
  char body[ROOM];
};

static struct signer signer;
static struct transfer transfers[CONNECTIONS];
static struct credential *credentials;
static CURLM *multi;
static int epoll;
static long calls, begun, ended;
// When libcurl wants to be called again, in ns; -1: not of itself.
static int64_t due = -1;

static _Noreturn void fail(const char *what, const char *why) {
  fprintf(stderr, "bare-refresher: %s: %s\n", what, why);
  exit(1);
}

static int64_t clock_now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static size_t receive(char *bytes, size_t size, size_t count, void *context) {
  struct transfer *transfer = context;
  if (size * count > ROOM - transfer->count) return 0;
  memcpy(transfer->body + transfer->count, bytes, size * count);
  transfer->count += size * count;
  return size * count;
}

static int watch(CURL *easy, curl_socket_t socket, int what, void *context, void *known) {
  (void)easy, (void)context;
  static char watched;
  struct epoll_event event = {.data.fd = socket};
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  int operation = what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL : known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  epoll_ctl(epoll, operation, socket, &event);
  curl_multi_assign(multi, socket, what == CURL_POLL_REMOVE ? NULL : &watched);
  return 0;
}

static int set_timer(CURLM *of, long milliseconds, void *context) {
  (void)of, (void)context;
  due = milliseconds < 0 ? -1 : clock_now(CLOCK_MONOTONIC) + milliseconds * 1000000;
  return 0;
}

static void begin(struct transfer *transfer) {
  struct call call;
  char session_name[64];
  transfer->number = begun++;
  transfer->count = 0;
  snprintf(session_name, sizeof session_name, "bare-refresher-role-%05ld-0", transfer->number);
  sign(&signer, session_name, &call);
  // Without a value, so that libcurl adds nothing that isn't signed.
  struct curl_slist *lines = curl_slist_append(curl_slist_append(NULL, "Expect:"), "Content-Type:");
  for (int i = 0; i < HEADERS; i++) lines = curl_slist_append(lines, call.headers[i]);
  curl_easy_setopt(transfer->easy, CURLOPT_URL, call.url);
  curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, lines);
  curl_slist_free_all(transfer->lines);
  transfer->lines = lines;
  curl_multi_add_handle(multi, transfer->easy);
}

static void finish(struct transfer *transfer, CURLcode code) {
  long status = 0;
  curl_multi_remove_handle(multi, transfer->easy);
  if (code != CURLE_OK) fail("a call failed", curl_easy_strerror(code));
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200 || !credential_take(&credentials[transfer->number], transfer->body, transfer->count)) {
    transfer->body[transfer->count < ROOM ? transfer->count : ROOM - 1] = 0;
    fail("no credential", transfer->body);
  }
  ended++;
  if (begun < calls) begin(transfer);
}

static void collect(void) {
  int left;
  for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
    struct transfer *transfer;
    if (message->msg != CURLMSG_DONE) continue;
    // The message is gone with its handle.
    CURLcode code = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    finish(transfer, code);
  }
}

// The same options as the daemon's (Sources/HTTPClient), where they bear on speed or on what is checked.
static void set_up(struct transfer *transfer, const char *ca_file) {
  CURL *easy = transfer->easy = curl_easy_init();
  if (!easy) fail("cannot begin", "out of memory");
  curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
  curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, -1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "identity");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 10000L);
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
  curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, "");
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
}

static void turn(void) {
  struct epoll_event events[CONNECTIONS];
  int running, wait = -1;
  int64_t left = due < 0 ? -1 : due - clock_now(CLOCK_MONOTONIC);
  if (due >= 0) wait = left <= 0 ? 0 : (int)((left + 999999) / 1000000);
  int count = epoll_wait(epoll, events, CONNECTIONS, wait);
  for (int i = 0; i < count; i++) {
    int flags = (events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) | (events[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(multi, events[i].data.fd, flags, &running);
  }
  if (due >= 0 && clock_now(CLOCK_MONOTONIC) >= due) {
    due = -1;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
  collect();
}

int main(int count, char **words) {
  if (count != 7 || (calls = atol(words[6])) < 1) {
    fprintf(stderr, "usage: bare-refresher ENDPOINT CA-FILE KEY-ID SECRET ROLE-ARN CALLS\n");
    return 2;
  }
  signer = (struct signer){.endpoint = words[1], .key_id = words[3], .secret = words[4], .role_arn = words[5]};
  credentials = calloc((size_t)calls, sizeof *credentials);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK || !(multi = curl_multi_init()) || !credentials || epoll < 0)
    fail("cannot begin", "out of memory");
  sign_prepare(&signer);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
  for (int i = 0; i < CONNECTIONS; i++) set_up(&transfers[i], words[2]);

  int64_t started = clock_now(CLOCK_MONOTONIC), used = clock_now(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < CONNECTIONS && begun < calls; i++) begin(&transfers[i]);
  while (ended < calls) turn();
  used = clock_now(CLOCK_PROCESS_CPUTIME_ID) - used;
  started = clock_now(CLOCK_MONOTONIC) - started;
  printf("calls %ld\nseconds %.6f\ncpu %.6f\n", ended, (double)started / 1e9, (double)used / 1e9);
  return 0;
}
