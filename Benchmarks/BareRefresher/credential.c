#define _GNU_SOURCE
#include "credential.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS = 4 };

struct part {
  const char *start;
  size_t count;
};

// A member's text. No part of a credential has a quote or an escape in it.
static bool find(const char *body, size_t count, const char *name, struct part *part) {
  const char *end = body + count, *at = memmem(body, count, name, strlen(name));
  if (!at) return false;
  at += strlen(name);
  while (at < end && (*at == ' ' || *at == ':')) at++;
  if (at == end || *at++ != '"') return false;
  const char *quote = memchr(at, '"', (size_t)(end - at));
  if (!quote || quote == at) return false;
  *part = (struct part){at, (size_t)(quote - at)};
  return true;
}

static void forget(struct credential *kept) {
  if (!kept->key_id) return;
  explicit_bzero(kept->key_id, (size_t)(kept->expiration - kept->key_id));
  free(kept->key_id);
}

bool credential_take(struct credential *kept, const char *body, size_t count) {
  static const char *const names[PARTS] = {"\"AccessKeyId\"", "\"AccessKeySecret\"", "\"SecurityToken\"",
                                           "\"Expiration\""};
  struct part parts[PARTS];
  size_t size = 0;
  for (int i = 0; i < PARTS; i++) {
    if (!find(body, count, names[i], &parts[i])) return false;
    size += parts[i].count + 1;
  }
  char *at = malloc(size), *texts[PARTS];
  if (!at) return false;
  for (int i = 0; i < PARTS; i++) {
    texts[i] = at;
    at = mempcpy(at, parts[i].start, parts[i].count);
    *at++ = 0;
  }
  forget(kept);
  *kept = (struct credential){texts[0], texts[1], texts[2], texts[3]};
  return true;
}
