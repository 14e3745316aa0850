// HMAC() takes an algorithm by its name and looks it up each time; these of libcrypto's calls, which it calls old, take one that was found.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CCrypto.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

// Each found once, since the search takes longer than a short digest. NULL if libcrypto has none.
static EVP_MD *found_sha256, *found_sha1;

static void find_sha256(void) { found_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL); }
static void find_sha1(void) { found_sha1 = EVP_MD_fetch(NULL, "SHA1", NULL); }

static const EVP_MD *sha256(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find_sha256);
  return found_sha256;
}

static const EVP_MD *sha1(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find_sha1);
  return found_sha1;
}

static int hmac(const EVP_MD *algorithm, const void *key, size_t key_count, const void *bytes, size_t count,
                uint8_t *mac) {
  if (key_count > INT_MAX || !algorithm) return -1;
  // A null key means "the last one" to libcrypto, so an empty one needs an address.
  const void *start = key_count == 0 ? "" : key;
  HMAC_CTX *context = HMAC_CTX_new();
  int done = context && HMAC_Init_ex(context, start, (int)key_count, algorithm, NULL) == 1 &&
             HMAC_Update(context, bytes, count) == 1 && HMAC_Final(context, mac, NULL) == 1;
  // Overwrites what it had of the key.
  HMAC_CTX_free(context);
  return done ? 0 : -1;
}

int ccrypto_sha256(const void *bytes, size_t count, uint8_t digest[CCRYPTO_SHA256_SIZE]) {
  return sha256() && EVP_Digest(bytes, count, digest, NULL, sha256(), NULL) == 1 ? 0 : -1;
}

int ccrypto_hmac_sha256(const void *key, size_t key_count, const void *bytes, size_t count,
                        uint8_t mac[CCRYPTO_SHA256_SIZE]) {
  return hmac(sha256(), key, key_count, bytes, count, mac);
}

int ccrypto_hmac_sha1(const void *key, size_t key_count, const void *bytes, size_t count,
                      uint8_t mac[CCRYPTO_SHA1_SIZE]) {
  return hmac(sha1(), key, key_count, bytes, count, mac);
}
