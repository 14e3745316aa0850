#define _GNU_SOURCE
#include "clinux_thrift.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void clinux_keep_large_memory_apart(void) { mallopt(M_MMAP_THRESHOLD, 128 * 1024); }

// What isn't writable is as it lies in the file: relocated constants are in a segment that was writable while they were made.
static int drop_constant_pages(struct dl_phdr_info *object, size_t size, void *context) {
  (void)size;
  (void)context;
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
    uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
    uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz + page - 1) & ~(page - 1);
    // Best effort: what can't be dropped stays.
    (void)madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

void clinux_give_back_memory(void) {
  malloc_trim(0);
  dl_iterate_phdr(drop_constant_pages, NULL);
}
