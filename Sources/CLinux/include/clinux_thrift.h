#pragma once

// Keeps large pieces of memory apart from small ones for good, so that each goes back to the system as it is freed: glibc else lets
// its bound for that (M_MMAP_THRESHOLD, mallopt(3)) grow to the largest piece ever freed.
void clinux_keep_large_memory_apart(void);

// Gives back what malloc holds free (malloc_trim(3)), and takes the pages of the program and its libraries that can't have changed
// out of this process (MADV_DONTNEED, madvise(2)). They stay in the system's cache: one that is needed again costs a minor fault.
void clinux_give_back_memory(void);
