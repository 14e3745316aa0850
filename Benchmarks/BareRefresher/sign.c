#define _GNU_SOURCE
#include "sign.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { HASH = 32, HEX = 2 * HASH + 1 };

static const char names[] =
    "accept;host;user-agent;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;"
    "x-acs-signature-nonce;x-acs-version";

static EVP_MD *sha256;
// Holds the key.
static EVP_MAC_CTX *hmac;
static char hash_of_nothing[HEX];

static void hex(const unsigned char *bytes, size_t count, char *text) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < count; i++) {
    *text++ = digits[bytes[i] >> 4];
    *text++ = digits[bytes[i] & 15];
  }
  *text = 0;
}

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "bare-refresher: %s\n", what);
  exit(1);
}

static void digest(const char *text, size_t count, char out[HEX]) {
  unsigned char bytes[HASH];
  if (EVP_Digest(text, count, bytes, NULL, sha256, NULL) != 1) fail("libcrypto has no SHA-256");
  hex(bytes, HASH, out);
}

static void authenticate(const char *text, size_t count, char out[HEX]) {
  unsigned char bytes[HASH];
  size_t size;
  // Without a key it begins again with the one that it has.
  if (EVP_MAC_init(hmac, NULL, 0, NULL) != 1 || EVP_MAC_update(hmac, (const unsigned char *)text, count) != 1 ||
      EVP_MAC_final(hmac, bytes, &size, sizeof bytes) != 1)
    fail("libcrypto has no HMAC");
  hex(bytes, HASH, out);
}

void sign_prepare(const struct signer *signer) {
  sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0),
                             OSSL_PARAM_construct_end()};
  hmac = mac ? EVP_MAC_CTX_new(mac) : NULL;
  if (!sha256 || !hmac ||
      EVP_MAC_init(hmac, (const unsigned char *)signer->secret, strlen(signer->secret), parameters) != 1)
    fail("libcrypto has no SHA-256 or HMAC");
  digest("", 0, hash_of_nothing);
}

static char *encode(char *at, const char *text) {
  static const char digits[] = "0123456789ABCDEF";
  for (; *text; text++) {
    unsigned char byte = (unsigned char)*text;
    if ((byte | 0x20) - 'a' < 26u || byte - '0' < 10u || strchr("-_.~", byte)) *at++ = (char)byte;
    else {
      *at++ = '%';
      *at++ = digits[byte >> 4];
      *at++ = digits[byte & 15];
    }
  }
  *at = 0;
  return at;
}

void sign(const struct signer *signer, const char *session_name, struct call *call) {
  char query[LINE], date[32], nonce[33], text[2048], hash[HEX], signature[HEX];
  char *at = stpcpy(query, "DurationSeconds=3600&RoleArn=");
  at = encode(at, signer->role_arn);
  encode(stpcpy(at, "&RoleSessionName="), session_name);

  time_t now = time(NULL);
  struct tm parts;
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
  unsigned char chance[16];
  if (getrandom(chance, sizeof chance, 0) != sizeof chance) fail("no random numbers");
  hex(chance, sizeof chance, nonce);

  int count = snprintf(text, sizeof text,
                       "POST\n/\n%s\naccept:application/json\nhost:%s\nuser-agent:bare-refresher\nx-acs-action:AssumeRole\n"
                       "x-acs-content-sha256:%s\nx-acs-credentials-provider:static_ak\nx-acs-date:%s\n"
                       "x-acs-signature-nonce:%s\nx-acs-version:2015-04-01\n\n%s\n%s",
                       query, signer->endpoint, hash_of_nothing, date, nonce, names, hash_of_nothing);
  if (count >= (int)sizeof text) fail("a request is too long to sign");
  digest(text, (size_t)count, hash);
  count = snprintf(text, sizeof text, "ACS3-HMAC-SHA256\n%s", hash);
  authenticate(text, (size_t)count, signature);

  snprintf(call->url, LINE, "https://%s/?%s", signer->endpoint, query);
  strcpy(call->headers[0], "accept: application/json");
  snprintf(call->headers[1], LINE, "host: %s", signer->endpoint);
  strcpy(call->headers[2], "user-agent: bare-refresher");
  strcpy(call->headers[3], "x-acs-action: AssumeRole");
  snprintf(call->headers[4], LINE, "x-acs-content-sha256: %s", hash_of_nothing);
  strcpy(call->headers[5], "x-acs-credentials-provider: static_ak");
  snprintf(call->headers[6], LINE, "x-acs-date: %s", date);
  snprintf(call->headers[7], LINE, "x-acs-signature-nonce: %s", nonce);
  strcpy(call->headers[8], "x-acs-version: 2015-04-01");
  snprintf(call->headers[9], LINE, "Authorization: ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s",
           signer->key_id, names, signature);
}
