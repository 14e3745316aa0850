#include "CCrypto.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

int ccrypto_sha256(const void *bytes, size_t count, uint8_t digest[CCRYPTO_SHA256_SIZE]) {
  return EVP_Digest(bytes, count, digest, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

int ccrypto_hmac_sha256(const void *key, size_t key_count, const void *bytes, size_t count,
                        uint8_t mac[CCRYPTO_SHA256_SIZE]) {
  if (key_count > INT_MAX) return -1;
  // A null key means "the last one" to libcrypto, so an empty one needs an address.
  const void *start = key_count == 0 ? "" : key;
  return HMAC(EVP_sha256(), start, (int)key_count, bytes, count, mac, NULL) == NULL ? -1 : 0;
}
