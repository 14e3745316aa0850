// HMAC() takes an algorithm by its name and looks it up each time; these of libcrypto's calls, which it calls old, take one that was found.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CCrypto.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

static EVP_MD *found;

static void find(void) { found = EVP_MD_fetch(NULL, "SHA256", NULL); }

// Found once, since the search takes longer than a short digest. NULL if libcrypto has none.
static const EVP_MD *sha256(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find);
  return found;
}

int ccrypto_sha256(const void *bytes, size_t count, uint8_t digest[CCRYPTO_SHA256_SIZE]) {
  return sha256() && EVP_Digest(bytes, count, digest, NULL, sha256(), NULL) == 1 ? 0 : -1;
}

int ccrypto_hmac_sha256(const void *key, size_t key_count, const void *bytes, size_t count,
                        uint8_t mac[CCRYPTO_SHA256_SIZE]) {
  if (key_count > INT_MAX || !sha256()) return -1;
  // A null key means "the last one" to libcrypto, so an empty one needs an address.
  const void *start = key_count == 0 ? "" : key;
  HMAC_CTX *context = HMAC_CTX_new();
  int done = context && HMAC_Init_ex(context, start, (int)key_count, sha256(), NULL) == 1 &&
             HMAC_Update(context, bytes, count) == 1 && HMAC_Final(context, mac, NULL) == 1;
  // Overwrites what it had of the key.
  HMAC_CTX_free(context);
  return done ? 0 : -1;
}
