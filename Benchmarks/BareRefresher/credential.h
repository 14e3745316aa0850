// What is kept of an answer to AssumeRole.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Each ends with a zero byte; all in one block, at `key_id`. Zeroes: none yet.
struct credential {
  char *key_id;
  char *secret;
  char *token;
  char *expiration;
};

// Reads the credential of an answer's body and keeps it instead of the one before, which is overwritten; false, and nothing is changed, when it
// lacks a part.
bool credential_take(struct credential *kept, const char *body, size_t count);
