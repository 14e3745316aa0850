#define _GNU_SOURCE
#include "CFaultShim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

// Where connections are noted; NULL for nowhere.
static const char *notes;

__attribute__((constructor)) static void find_notes(void) { notes = getenv("FAULT_SHIM_CONNECTIONS"); }

static int describe(char *line, size_t size, const struct sockaddr *address) {
  char host[INET6_ADDRSTRLEN] = "?";
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
    return snprintf(line, size, "%s:%d\n", host, ntohs(in->sin_port));
  }
  if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;
    inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
    return snprintf(line, size, "[%s]:%d\n", host, ntohs(in->sin6_port));
  }
  if (address->sa_family == AF_UNIX) {
    return snprintf(line, size, "%s\n", ((const struct sockaddr_un *)address)->sun_path);
  }
  return snprintf(line, size, "family %d\n", address->sa_family);
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
  int file = notes == NULL ? -1 : open(notes, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file >= 0) {
    char line[256];
    int size = describe(line, sizeof line, address);
    if (size > 0) syscall(SYS_write, file, line, (size_t)size < sizeof line ? (size_t)size : sizeof line - 1);
    close(file);
  }
  return (int)syscall(SYS_connect, fd, address, length);
}
