#define _GNU_SOURCE
#include "clinux_memory.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

void clinux_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }

void *clinux_map_secret(size_t size, size_t alignment, int *locked) {
  size_t room = size + alignment;
  char *start = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return NULL;
  char *base = (char *)(((uintptr_t)start + alignment - 1) & ~(uintptr_t)(alignment - 1));
  if (base > start) munmap(start, base - start);
  munmap(base + size, start + room - (base + size));
  madvise(base, size, MADV_DONTDUMP);
  *locked = mlock2(base, size, MLOCK_ONFAULT) == 0;
  return base;
}
