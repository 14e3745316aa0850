#pragma once

#include <stddef.h>
#include <stdint.h>

// The first certificate of a file in PEM form: its subject as in RFC 2253, at most `size` bytes with the zero at its end, and the end of its
// validity in seconds since 1970. 0 when the file can't be read or holds none.
int ccurl_certificate_read(const char *path, char *subject, size_t size, int64_t *not_after);
