// Signature V3 (ACS3-HMAC-SHA256) of AssumeRole, as Sources/Signing makes it.
#pragma once

#include <stddef.h>

struct signer {
  // HOST:PORT, as the `host` header has it.
  const char *endpoint;
  const char *key_id;
  const char *secret;
  const char *role_arn;
};

enum { HEADERS = 10, LINE = 512 };

// What is sent of one call.
struct call {
  char url[LINE];
  // `name: value` each.
  char headers[HEADERS][LINE];
};

// Readies libcrypto; once, before any call is signed.
void sign_prepare(const struct signer *signer);

// Signs a call under a session name, with a date and a nonce of its own.
void sign(const struct signer *signer, const char *session_name, struct call *call);
