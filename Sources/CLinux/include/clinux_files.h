#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Opens a directory for looking up names, which needs no permission to read it; a symlink is refused with ELOOP or ENOTDIR (O_PATH
// | O_NOFOLLOW, open(2)). Relative to `directory`. Returns a descriptor or -1.
int clinux_open_step(int directory, const char *name);

// Creates a nameless file in memory that is freed with its last descriptor (memfd_create(2)). Returns a descriptor or -1.
int clinux_memfd(const char *label);

// Removes the POSIX ACLs of an open file or directory of ours, the one for access and a directory's default (acl(5);
// system.posix_acl_access, system.posix_acl_default). Returns 1 when there was one, 0 when there was none or the file system has none
// at all, or a negative errno.
int clinux_remove_acls(int fd);

// The same for the file at `path` itself, such as a socket, which can't be opened.
int clinux_remove_acls_at(const char *path);

// Whether the file `name` in `directory` itself has a POSIX ACL beyond its mode: 1 or 0; 0 also if that can't be determined. Needs
// no permission for the file.
int clinux_has_acl(int directory, const char *name);

// Reads an extended attribute of an open file (fgetxattr(2)). Returns its size or a negative errno.
ssize_t clinux_get_attribute(int fd, const char *name, void *bytes, size_t size);

// The same for a path; symlinks are followed (getxattr(2)).
ssize_t clinux_get_attribute_at(const char *path, const char *name, void *bytes, size_t size);

// Creates a counter to wait on (eventfd(2)), initially 0. With `blocking` reads wait, otherwise they fail with EAGAIN.
int clinux_eventfd(int blocking);

// What statx(2) has of a file; in C since it needs _GNU_SOURCE.
struct clinux_status {
  uint64_t device;
  uint64_t inode;
  uint64_t links;
  int64_t size;
  // The times of its last change and its birth, in ns since 1970 modulo 2^64. INT64_MIN where the file system keeps no time of birth.
  int64_t modified;
  int64_t born;
  // With the type (S_IFMT).
  uint32_t mode;
};

// Examines the file at `path`, relative to `directory`; `flags` are those of fstatat(2). Returns 0, or -1 with errno.
int clinux_status(int directory, const char *path, int flags, struct clinux_status *status);

// The same of an open file.
int clinux_status_of(int fd, struct clinux_status *status);
