#define _GNU_SOURCE
#include "clinux_store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int clinux_store_create(const char *label, size_t size, void **base) {
  int fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  void *mapped = MAP_FAILED;
  int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
  if (ftruncate(fd, size) != 0 ||
      (mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED ||
      fcntl(fd, F_ADD_SEALS, seals) != 0) {
    int number = errno;
    if (mapped != MAP_FAILED) munmap(mapped, size);
    close(fd);
    return -number;
  }
  madvise(mapped, size, MADV_DONTDUMP);
  *base = mapped;
  return fd;
}

int clinux_store_reserve(int fd, void *base, size_t place, size_t count, int *locked) {
  while (fallocate(fd, 0, place, count) != 0)
    if (errno != EINTR) return -errno;
  *locked = mlock2((char *)base + place, count, MLOCK_ONFAULT) == 0;
  return 0;
}

int clinux_store_map(int fd, const void **base, size_t *size) {
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0) return -errno;
  if ((seals & F_SEAL_SHRINK) == 0) return -EPERM;
  struct stat status;
  if (fstat(fd, &status) != 0) return -errno;
  if (status.st_size == 0) return -ENODATA;
  void *mapped = mmap(NULL, status.st_size, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return -errno;
  madvise(mapped, status.st_size, MADV_DONTDUMP);
  *base = mapped;
  *size = status.st_size;
  return 0;
}

void clinux_store_commit(void *place, uint64_t word) { __atomic_store_n((uint64_t *)place, word, __ATOMIC_RELEASE); }
