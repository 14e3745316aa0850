// Where a reply ends, by the protocol that the server speaks.
#pragma once

#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <stdlib.h>

enum framing {
  FRAMING_HTTP,     // a head, and a body as long as its Content-Length says
  FRAMING_LENGTH32, // four bytes of length, big-endian, and so many bytes: the agent protocol of ssh
  FRAMING_CLOSE,    // all until the server closes
};

enum { REPLY_MORE = 0, REPLY_BAD = -1 };

// The size of a complete reply at `bytes`, REPLY_MORE when more has to come, REPLY_BAD when it is no good answer.
static inline long reply_size(enum framing framing, const unsigned char *bytes, size_t count) {
  if (framing == FRAMING_CLOSE) return REPLY_MORE;
  if (framing == FRAMING_LENGTH32) {
    if (count < 4) return REPLY_MORE;
    size_t size = 4 + ((size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3]);
    return count >= size ? (long)size : REPLY_MORE;
  }
  const unsigned char *end = memmem(bytes, count, "\r\n\r\n", 4);
  if (!end) return REPLY_MORE;
  if (count < 12 || memcmp(bytes + 8, " 200", 4) != 0) return REPLY_BAD;
  for (const unsigned char *line = bytes; line < end;) {
    if (strncasecmp((const char *)line, "content-length:", 15) == 0) {
      size_t size = (size_t)(end - bytes) + 4 + strtoul((const char *)line + 15, NULL, 10);
      return count >= size ? (long)size : REPLY_MORE;
    }
    const unsigned char *newline = memchr(line, '\n', (size_t)(end - line));
    if (!newline) break;
    line = newline + 1;
  }
  return REPLY_BAD;
}
