// The calculations of libcrypto that request signing needs. Every function has the prefix ccrypto_.
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CCRYPTO_SHA256_SIZE 32
#define CCRYPTO_SHA1_SIZE 20

// SHA-256 of `count` bytes into `digest`. Returns 0, or -1 when libcrypto can't (no memory, no such algorithm).
int ccrypto_sha256(const void *bytes, size_t count, uint8_t digest[CCRYPTO_SHA256_SIZE]);

// HMAC-SHA256 of `count` bytes under a key of at most INT_MAX bytes into `mac`. Returns 0 or -1, as above.
int ccrypto_hmac_sha256(const void *key, size_t key_count, const void *bytes, size_t count,
                        uint8_t mac[CCRYPTO_SHA256_SIZE]);

// HMAC-SHA1, as above.
int ccrypto_hmac_sha1(const void *key, size_t key_count, const void *bytes, size_t count,
                      uint8_t mac[CCRYPTO_SHA1_SIZE]);
