#define _GNU_SOURCE
#include "clinux_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

int clinux_open_step(int directory, const char *name) {
  return openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int clinux_memfd(const char *label) { return memfd_create(label, MFD_CLOEXEC); }

int clinux_eventfd(int blocking) { return eventfd(0, EFD_CLOEXEC | (blocking ? 0 : EFD_NONBLOCK)); }

static const char *const acl_names[] = {"system.posix_acl_access", "system.posix_acl_default"};

// No such attribute, or this kind of file or file system can't have one.
static int is_none(int number) { return number == ENODATA || number == EOPNOTSUPP || number == ENOSYS; }

int clinux_remove_acls(int fd) {
  int found = 0;
  for (int i = 0; i < 2; i++) {
    // Checked first: removing a missing attribute would change the time of the last status change.
    if (fgetxattr(fd, acl_names[i], NULL, 0) < 0) {
      if (is_none(errno)) continue;
      return -errno;
    }
    if (fremovexattr(fd, acl_names[i]) != 0 && !is_none(errno)) return -errno;
    found = 1;
  }
  return found;
}

int clinux_remove_acls_at(const char *path) {
  if (lgetxattr(path, acl_names[0], NULL, 0) < 0) return is_none(errno) ? 0 : -errno;
  return lremovexattr(path, acl_names[0]) == 0 || is_none(errno) ? 1 : -errno;
}

int clinux_has_acl(int directory, const char *name) {
  // Before Linux 6.13 there is no lgetxattr relative to a directory, and fgetxattr refuses an O_PATH descriptor.
  char path[32 + 256];
  int length = snprintf(path, sizeof path, "/proc/self/fd/%d/%s", directory, name);
  if (length < 0 || (size_t)length >= sizeof path) return 0;
  for (int i = 0; i < 2; i++)
    if (lgetxattr(path, acl_names[i], NULL, 0) >= 0) return 1;
  return 0;
}

ssize_t clinux_get_attribute(int fd, const char *name, void *bytes, size_t size) {
  ssize_t length = fgetxattr(fd, name, bytes, size);
  return length < 0 ? -errno : length;
}

ssize_t clinux_get_attribute_at(const char *path, const char *name, void *bytes, size_t size) {
  ssize_t length = getxattr(path, name, bytes, size);
  return length < 0 ? -errno : length;
}

static int64_t nanoseconds(struct statx_timestamp time) {
  return (int64_t)((uint64_t)time.tv_sec * 1000000000u + time.tv_nsec);
}

int clinux_status(int directory, const char *path, int flags, struct clinux_status *status) {
  struct statx found;
  if (statx(directory, path, flags, STATX_BASIC_STATS | STATX_BTIME, &found) != 0) return -1;
  // Some file systems report 0 for a time that they don't keep.
  int has_birth = (found.stx_mask & STATX_BTIME) != 0 && (found.stx_btime.tv_sec != 0 || found.stx_btime.tv_nsec != 0);
  *status = (struct clinux_status){
    .device = makedev(found.stx_dev_major, found.stx_dev_minor),
    .inode = found.stx_ino,
    .links = found.stx_nlink,
    .size = (int64_t)found.stx_size,
    .modified = nanoseconds(found.stx_mtime),
    .born = has_birth ? nanoseconds(found.stx_btime) : INT64_MIN,
    .mode = found.stx_mode,
  };
  return 0;
}

int clinux_status_of(int fd, struct clinux_status *status) { return clinux_status(fd, "", AT_EMPTY_PATH, status); }
