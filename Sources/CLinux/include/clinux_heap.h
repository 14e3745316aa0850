#pragma once

#include <stddef.h>

// Keeps large pieces of memory apart from small ones for good, so that each goes back to the system as it is freed: glibc else lets
// its bound for that (M_MMAP_THRESHOLD, mallopt(3)) grow to the largest piece ever freed.
void clinux_keep_large_memory_apart(void);

// Has malloc keep up to `most` bytes, less than 2^31, that are free at the heap's end: what is given back has to be cleared by the system when
// it is needed again (M_TRIM_THRESHOLD, mallopt(3)).
void clinux_keep_free_memory(size_t most);

// Gives whole pages that malloc holds free back to the system (malloc_trim(3)).
void clinux_trim_heap(void);
