#define _GNU_SOURCE
#include "CFaultShim.h"
#include "disk.h"
#include "end.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

// Longer than any test's; what doesn't fit in is not in force.
enum { LIST_SIZE = 8192 };

// The file that says what is broken; NULL for a disk that always is sound.
static const char *list;

__attribute__((constructor)) static void find_list(void) { list = getenv("FAULT_SHIM_DISK"); }

// Whether `line` names this fault for a directory that `path` is, or is below of.
static bool concerns(const char *line, const char *fault, const char *path) {
  size_t length = strlen(fault);
  if (strncmp(line, fault, length) != 0 || line[length] != ' ') return false;
  const char *directory = line + length + 1;
  length = strlen(directory);
  return length > 0 && strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static bool is_broken(int fd, const char *fault) {
  if (list == NULL) return false;
  int before = errno;
  bool found = false;
  int file = open(list, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    char link[64], path[PATH_MAX], lines[LIST_SIZE];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    ssize_t size = syscall(SYS_read, file, lines, sizeof lines - 1);
    close(file);
    if (length > 0 && size > 0) {
      path[length] = lines[size] = 0;
      char *rest = NULL;
      for (char *line = strtok_r(lines, "\n", &rest); line != NULL && !found; line = strtok_r(NULL, "\n", &rest))
        found = concerns(line, fault, path);
    }
  }
  errno = found ? EIO : before;
  return found;
}

static int sync_by(long call, int fd) {
  while (is_broken(fd, "hang")) usleep(10000);
  if (is_broken(fd, "sync")) return -1;
  fault_shim_end(true);
  int result = (int)syscall(call, fd);
  int reason = errno;
  fault_shim_end(false);
  errno = reason;
  return result;
}

int fsync(int fd) { return sync_by(SYS_fsync, fd); }

int fdatasync(int fd) { return sync_by(SYS_fdatasync, fd); }

ssize_t write(int fd, const void *bytes, size_t size) {
  return is_broken(fd, "write") ? -1 : syscall(SYS_write, fd, bytes, size);
}

void fault_shim_await_read(int fd) {
  while (is_broken(fd, "hang-read")) usleep(10000);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size) {
  return is_broken(to, "write") ? -1 : syscall(SYS_sendfile, to, from, offset, size);
}
