#pragma once

#include <stddef.h>

// Overwrites `count` bytes with zeroes; the compiler may not drop it (explicit_bzero(3)).
void clinux_wipe(void *bytes, size_t count);
