#define _GNU_SOURCE
#include "clinux_files.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

int clinux_open_step(int directory, const char *name) {
  return openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int clinux_memfd(const char *label) { return memfd_create(label, MFD_CLOEXEC); }

int clinux_eventfd(int blocking) { return eventfd(0, EFD_CLOEXEC | (blocking ? 0 : EFD_NONBLOCK)); }
