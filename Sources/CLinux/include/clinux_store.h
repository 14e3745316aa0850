#pragma once

#include <stddef.h>
#include <stdint.h>

// Creates a nameless file in memory of `size` bytes that nobody can shrink, grow or write to except through `base`: it is mapped
// first and then sealed (F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE since Linux 5.1, F_SEAL_SEAL; fcntl(2)). Core dumps leave
// the mapping out. Its pages are allocated as they are reserved. Returns a descriptor or a negative errno.
int clinux_store_create(const char *label, size_t size, void **base);

// Allocates `count` bytes of the file from `place` on, both whole pages, and locks them in the mapping (fallocate(2), mlock2(2)),
// so that later writes there never fail for lack of memory. `locked` is whether RLIMIT_MEMLOCK and the kernel allowed that. Returns
// 0 or a negative errno.
int clinux_store_reserve(int fd, void *base, size_t place, size_t count, int *locked);

// Maps such a file for reading, if it is sealed against shrinking: otherwise a read could end the process. `size` is set to its
// bytes. Returns 0 or a negative errno; -EPERM for a file without that seal.
int clinux_store_map(int fd, const void **base, size_t *size);

// Writes a word in one piece, after everything that was written before it (a release in C11's terms).
void clinux_store_commit(void *place, uint64_t word);
