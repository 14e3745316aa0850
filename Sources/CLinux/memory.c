#define _GNU_SOURCE
#include "clinux_memory.h"

#include <string.h>

void clinux_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }
