#!/bin/sh
# libcurl 7.88.1 (Debian 12, package libcurl4 7.88.1-10+deb12u15): a POST on a kept connection that the server closes after reading all of it is sent again by itself, and again
# on each further kept connection: up to six deliveries of one transfer. The application sees one.
#
# The six are the same bytes, so the same SignatureNonce. A call that isn't idempotent (CreateUploadVideo, AssumeRole) is carried out by the first, and what comes back is the
# refusal of the last: 400 SignatureNonceUsed, from a request that was never repeated as far as the application knows. A gateway that is restarted does this. No option of 7.88.1
# turns it off alone; CURLOPT_FRESH_CONNECT or CURLOPT_FORBID_REUSE do, at the price of a connection each. CURLOPT_READFUNCTION without CURLOPT_SEEKFUNCTION ends it, too: the
# resend then fails with CURLE_SEND_FAIL_REWIND.
#
# Kept connections, each closed by the server after it has read the POST; what the server got and what the application got:
#     0                        1 POST,  200
#     1                        2 POSTs, 400 SignatureNonceUsed, CURLINFO_NUM_CONNECTS 1
#     5                        6 POSTs, the same
#     8                        6 POSTs, CURLE_SEND_ERROR
#     5, CURLOPT_FRESH_CONNECT 1 POST,  200
#
# Exit status: 0 when libcurl behaves as described, 1 when it doesn't any more, 2 when that can't be found out here.
set -eu

version=7.88.1-10+deb12u15
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
# The very packages, for this program alone; what they depend on is the host's (apt install libcurl4-openssl-dev gcc).
chmod 0755 "$directory"
(
  cd "$directory"
  apt-get -qq download "libcurl4=$version" "libcurl4-openssl-dev=$version" 2>/dev/null
  for package in ./*.deb; do dpkg-deb -x "$package" .; done
) || { echo "libcurl $version can't be fetched from Debian's archive" >&2; exit 2; }
libraries=$(dirname "$(find "$directory/usr/lib" -name libcurl.so.4)")
headers=$(dirname "$(dirname "$(find "$directory/usr/include" -name curl.h)")")
cat >"$directory/post-again.c" <<'C'
#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char call[] = "Action=CreateUploadVideo&Title=title&FileName=a.mp4&SignatureNonce=1";
static const char *const refusal = "{\"Code\":\"SignatureNonceUsed\"}", *const created = "{\"VideoId\":\"1\"}";

/* The server's side: each GET is answered when all have come, so that each has a connection of its own to keep. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int kept, gets, posts;

/* Reads a request with its body into `text`. False at the end of the connection. */
static int read_request(int connection, char *text, size_t size) {
  size_t length = 0, wanted = 0;
  do {
    ssize_t more = read(connection, text + length, size - 1 - length);
    if (more <= 0) return 0;
    text[length += (size_t)more] = 0;
    char *body = strstr(text, "\r\n\r\n"), *field = strstr(text, "Content-Length: ");
    if (body) wanted = (size_t)(body + 4 - text) + (field ? strtoul(field + 16, NULL, 10) : 0);
  } while (!wanted || length < wanted);
  return 1;
}

static void answer(int connection, int status, const char *body) {
  char text[256];
  int length = snprintf(text, sizeof text, "HTTP/1.1 %d Answer\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
  if (write(connection, text, (size_t)length) != length) exit(2);
}

static void *serve(void *number) {
  int connection = (int)(long)number, is_kept = 0;
  char text[4096];
  while (read_request(connection, text, sizeof text)) {
    pthread_mutex_lock(&lock);
    if (strncmp(text, "POST", 4) == 0) {
      if (!strstr(text, call)) exit(2);
      int first = posts++ == 0;
      pthread_mutex_unlock(&lock);
      if (is_kept) break; /* carried out, but the connection ends before the answer */
      answer(connection, first ? 200 : 400, first ? created : refusal);
      continue;
    }
    is_kept = 1;
    gets++;
    pthread_cond_broadcast(&changed);
    while (gets < kept) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    answer(connection, 200, "");
  }
  close(connection);
  return NULL;
}

static void *accept_all(void *listener) {
  for (;;) {
    pthread_t thread;
    pthread_create(&thread, NULL, serve, (void *)(long)accept(*(int *)listener, NULL, NULL));
    pthread_detach(thread);
  }
}

static size_t collect(char *bytes, size_t size, size_t count, void *text) {
  strncat(text, bytes, size * count);
  return size * count;
}

static void run(CURLM *multi) {
  int running = 1;
  while (running) {
    curl_multi_perform(multi, &running);
    if (running) curl_multi_poll(multi, NULL, 0, 1000, NULL);
  }
}

static CURL *transfer(CURLM *multi, const char *url, char *text) {
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, text);
  curl_multi_add_handle(multi, easy);
  return easy;
}

/* Keeps `connections` open, makes one POST, and compares what both sides saw. */
static int behaves(const char *url, int connections, long fresh, int deliveries, CURLcode result, const char *body) {
  char ignored[1] = "", text[256] = "";
  CURLM *multi = curl_multi_init();
  kept = connections, gets = 0, posts = 0;
  CURL *keepers[8];
  for (int number = 0; number < connections; number++) keepers[number] = transfer(multi, url, ignored);
  run(multi);
  for (int number = 0; number < connections; number++) curl_multi_remove_handle(multi, keepers[number]);

  CURL *easy = transfer(multi, url, text);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call);
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh);
  run(multi);
  CURLcode got = CURLE_OK;
  int left;
  long opened = 0;
  for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));)
    if (message->easy_handle == easy) got = message->data.result;
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &opened);
  printf("%d kept%s: %d delivered; result %d, %ld opened, %s\n", connections, fresh ? ", fresh" : "", posts, got, opened, *text ? text : "no answer");
  curl_multi_remove_handle(multi, easy);
  curl_easy_cleanup(easy);
  for (int number = 0; number < connections; number++) curl_easy_cleanup(keepers[number]);
  curl_multi_cleanup(multi);
  return posts == deliveries && got == result && strcmp(text, body) == 0;
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  pthread_t thread;
  if (bind(listener, (void *)&address, size) || listen(listener, 16)) return 2;
  getsockname(listener, (void *)&address, &size);
  pthread_create(&thread, NULL, accept_all, &listener);
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
  curl_global_init(CURL_GLOBAL_ALL);
  puts(curl_version());

  if (!behaves(url, 0, 0, 1, CURLE_OK, created)) return 2;
  int same = behaves(url, 1, 0, 2, CURLE_OK, refusal);
  same &= behaves(url, 5, 0, 6, CURLE_OK, refusal);
  same &= behaves(url, 8, 0, 6, CURLE_SEND_ERROR, "");
  same &= behaves(url, 5, 1, 1, CURLE_OK, created);
  return same ? 0 : 1;
}
C
cc -I"$headers" -L"$libraries" -o "$directory/post-again" "$directory/post-again.c" -lcurl -lpthread || exit 2
status=0
LD_LIBRARY_PATH=$libraries timeout 60 "$directory/post-again" || status=$?
case $status in
  0) echo "as described" ;;
  1) echo "libcurl has changed: a POST is no longer delivered again on kept connections" ;;
  *) echo "can't be found out here"; status=2 ;;
esac
exit "$status"
