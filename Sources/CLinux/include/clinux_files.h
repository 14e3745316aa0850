#pragma once

#include <stddef.h>
#include <sys/types.h>

// Opens a directory to look names up in, which needs no permission to read it; a symlink is refused with ELOOP or
// ENOTDIR (O_PATH | O_NOFOLLOW, open(2)). Relative to `directory`. Returns a descriptor or -1.
int clinux_open_step(int directory, const char *name);

// A nameless file in memory that ends with its last descriptor (memfd_create(2)). Returns a descriptor or -1.
int clinux_memfd(const char *label);

// Removes the POSIX ACLs of an open file or directory of ours, the one for access and a directory's default (acl(5);
// system.posix_acl_access, system.posix_acl_default). Returns 1 when there was one, 0 when there was none or the file system has none
// at all, or a negative errno.
int clinux_remove_acls(int fd);

// The same for what `path` itself is, say a socket, which can't be opened.
int clinux_remove_acls_at(const char *path);

// Whether what `name` in `directory` itself is has a POSIX ACL beyond its mode: 1 or 0; 0 also where that can't be seen. Needs no
// permission for the file.
int clinux_has_acl(int directory, const char *name);

// Reads an extended attribute of an open file (fgetxattr(2)). Returns its size or a negative errno.
ssize_t clinux_get_attribute(int fd, const char *name, void *bytes, size_t size);

// The same of what a path leads to; links are followed (getxattr(2)).
ssize_t clinux_get_attribute_at(const char *path, const char *name, void *bytes, size_t size);

// A counter to wait on (eventfd(2)), 0 at first. With `blocking` reads wait, else they fail with EAGAIN.
int clinux_eventfd(int blocking);
