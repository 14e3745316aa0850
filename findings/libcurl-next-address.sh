#!/bin/sh
# libcurl 7.88.1 (Debian 12, package libcurl4 7.88.1-10+deb12u15), multi_socket interface: when an address refuses the connection at once, the next one is begun with only when
# a timer fires: after 0.2 s the first time (CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS), then after half of what is left for connecting.
#
# Three addresses of one name, the first two with nobody listening, and 4 s for connecting. Expected of any client: some milliseconds.
# Seen: 2.0 s. With half of it gone for each, what is left for the last one may be too little.
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
cat >"$directory/next-address.c" <<'C'
#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct pollfd watched[16];
static int count;
static long timeout = -1;
static double armed;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

/* As curl_multi_socket_action(3) has it: what is to be watched, and when to call again. */
static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *a, void *b) {
  (void)easy, (void)a, (void)b;
  int place = 0;
  while (place < count && watched[place].fd != fd) place++;
  if (what == CURL_POLL_REMOVE) {
    if (place < count) watched[place] = watched[--count];
    return 0;
  }
  if (place == count) count++;
  watched[place].fd = fd;
  watched[place].events = (what & CURL_POLL_IN ? POLLIN : 0) | (what & CURL_POLL_OUT ? POLLOUT : 0);
  return 0;
}

static int timer_changed(CURLM *multi, long milliseconds, void *a) {
  (void)multi, (void)a;
  timeout = milliseconds;
  armed = now();
  return 0;
}

static void *serve(void *listener) {
  char request[4096];
  int connection = accept(*(int *)listener, NULL, NULL);
  if (read(connection, request, sizeof request) > 0) {
    const char *answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if (write(connection, answer, strlen(answer)) < 0) return NULL;
  }
  close(connection);
  return NULL;
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  pthread_t thread;
  if (bind(listener, (void *)&address, size) || listen(listener, 1)) return 2;
  getsockname(listener, (void *)&address, &size);
  pthread_create(&thread, NULL, serve, &listener);

  char url[64], resolve[128];
  int port = ntohs(address.sin_port);
  snprintf(url, sizeof url, "http://name.example:%d/", port);
  snprintf(resolve, sizeof resolve, "name.example:%d:127.0.0.5,127.0.0.6,127.0.0.1", port);
  curl_global_init(CURL_GLOBAL_ALL);
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_RESOLVE, curl_slist_append(NULL, resolve));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 4000L);
  CURLM *multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_changed);

  double begin = now();
  curl_multi_add_handle(multi, easy);
  int running = 1;
  while (running) {
    double left = timeout < 0 ? 60 : armed + timeout / 1e3 - now();
    struct pollfd ready[16];
    int polled = count;
    memcpy(ready, watched, sizeof watched);
    int events = poll(ready, polled, left < 0 ? 0 : (int)(left * 1e3) + 1);
    if (events == 0) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
    for (int place = 0; events > 0 && place < polled; place++) {
      short got = ready[place].revents;
      int flags = (got & (POLLIN | POLLHUP) ? CURL_CSELECT_IN : 0) | (got & POLLOUT ? CURL_CSELECT_OUT : 0) |
                  (got & POLLERR ? CURL_CSELECT_ERR : 0);
      if (got) curl_multi_socket_action(multi, ready[place].fd, flags, &running);
    }
  }
  int left;
  CURLMsg *message = curl_multi_info_read(multi, &left);
  if (!message || message->data.result != CURLE_OK) return 2;
  printf("%s: %.3f s until the third address answered\n", curl_version(), now() - begin);
  return now() - begin > 1 ? 0 : 1;
}
C
cc -I"$headers" -L"$libraries" -o "$directory/next-address" "$directory/next-address.c" -lcurl -lpthread || exit 2
status=0
LD_LIBRARY_PATH=$libraries "$directory/next-address" || status=$?
case $status in
  0) echo "as described" ;;
  1) echo "libcurl has changed: an address that refuses costs nothing any more" ;;
  *) echo "can't be found out here" ;;
esac
exit "$status"
