#include "clinux_heap.h"

#include <malloc.h>

void clinux_keep_large_memory_apart(void) { mallopt(M_MMAP_THRESHOLD, 128 * 1024); }

void clinux_trim_heap(void) { malloc_trim(0); }
