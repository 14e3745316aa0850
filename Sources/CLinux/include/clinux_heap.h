#pragma once

#include <stddef.h>

// Allocates large pieces of memory separately from small ones, so that each goes back to the system as it is freed. Without this
// glibc raises its threshold (M_MMAP_THRESHOLD, mallopt(3)) to the largest piece ever freed.
void clinux_keep_large_memory_apart(void);

// Lets malloc keep up to `most` bytes, less than 2^31, free at the heap's end: the system would have to clear memory that is given
// back before it can be used again (M_TRIM_THRESHOLD, mallopt(3)).
void clinux_keep_free_memory(size_t most);

// Gives whole free pages of malloc back to the system (malloc_trim(3)).
void clinux_trim_heap(void);
