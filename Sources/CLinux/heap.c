#include "clinux_heap.h"

#include <malloc.h>

void clinux_keep_large_memory_apart(void) { mallopt(M_MMAP_THRESHOLD, 128 * 1024); }

void clinux_keep_free_memory(size_t most) { mallopt(M_TRIM_THRESHOLD, (int)most); }

void clinux_trim_heap(void) { malloc_trim(0); }
