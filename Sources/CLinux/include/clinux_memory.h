#pragma once

#include <stddef.h>

// Overwrites `count` bytes with zeroes; the compiler can't remove it (explicit_bzero(3)).
void clinux_wipe(void *bytes, size_t count);

// Maps `size` bytes of zeroes, whole pages at a multiple of `alignment` (itself a multiple of the page size), that core dumps leave
// out (MADV_DONTDUMP, madvise(2)), and locks them as they are touched (MLOCK_ONFAULT, mlock2(2), in C since it needs _GNU_SOURCE).
// `locked` is whether RLIMIT_MEMLOCK and the kernel allowed that. Returns NULL if there is no memory.
void *clinux_map_secret(size_t size, size_t alignment, int *locked);
