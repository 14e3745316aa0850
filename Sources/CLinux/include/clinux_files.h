#pragma once

#include <stddef.h>

// Opens a directory to look names up in, which needs no permission to read it; a symlink is refused with ELOOP or
// ENOTDIR (O_PATH | O_NOFOLLOW, open(2)). Relative to `directory`. Returns a descriptor or -1.
int clinux_open_step(int directory, const char *name);

// A nameless file in memory that ends with its last descriptor (memfd_create(2)). Returns a descriptor or -1.
int clinux_memfd(const char *label);

// A counter to wait on (eventfd(2)), 0 at first. With `blocking` reads wait, else they fail with EAGAIN.
int clinux_eventfd(int blocking);
