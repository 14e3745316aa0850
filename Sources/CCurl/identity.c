#include "ccurl_identity.h"

#include <ctype.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

// One block of a file in PEM form, still encrypted if it is.
struct block {
  char *kind;
  char *header;
  unsigned char *bytes;
  long length;
};

// Without PEM_FLAG_SECURE, what is read on the way isn't overwritten when it is freed (PEM_read_bio_ex(3)).
static int next(BIO *input, struct block *block) {
  return PEM_read_bio_ex(input, &block->kind, &block->header, &block->bytes, &block->length,
                         PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE);
}

static void free_block(struct block *block) {
  OPENSSL_secure_free(block->kind);
  OPENSSL_secure_free(block->header);
  OPENSSL_secure_clear_free(block->bytes, (size_t)block->length);
}

static int is_certificate(const struct block *block) {
  return strcmp(block->kind, PEM_STRING_X509) == 0 || strcmp(block->kind, PEM_STRING_X509_OLD) == 0 ||
         strcmp(block->kind, PEM_STRING_X509_TRUSTED) == 0;
}

// "PRIVATE KEY", and the same behind a word or two (PEM_read_PrivateKey(3)).
static int is_key(const struct block *block) {
  size_t length = strlen(block->kind), wanted = strlen(PEM_STRING_PKCS8INF);
  return length >= wanted && strcmp(block->kind + length - wanted, PEM_STRING_PKCS8INF) == 0;
}

static int is_encrypted(const struct block *block) {
  return strcmp(block->kind, PEM_STRING_PKCS8) == 0 || (block->header && strstr(block->header, "ENCRYPTED"));
}

static X509 *parse_certificate(const struct block *block) {
  const unsigned char *place = block->bytes;
  return strcmp(block->kind, PEM_STRING_X509_TRUSTED) == 0 ? d2i_X509_AUX(NULL, &place, block->length)
                                                           : d2i_X509(NULL, &place, block->length);
}

static EVP_PKEY *parse_key(const void *bytes, long length) {
  const unsigned char *place = bytes;
  return d2i_AutoPrivateKey(NULL, &place, length);
}

// Whether what was read last is the end of the file, and not something damaged.
static int is_end(void) {
  unsigned long why = ERR_peek_last_error();
  return ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE;
}

static int is_blank(const unsigned char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (!isspace(bytes[i])) return 0;
  return 1;
}

static int is_certificate_in_der(const void *content, size_t length) {
  const unsigned char *place = content;
  X509 *certificate = d2i_X509(NULL, &place, (long)length);
  int is_found = certificate != NULL;
  X509_free(certificate);
  return is_found;
}

static int is_key_in_der(const void *content, size_t length) {
  EVP_PKEY *key = parse_key(content, (long)length);
  int is_found = key != NULL;
  EVP_PKEY_free(key);
  return is_found;
}

// The first certificate, and those behind it. Of what was read, nothing is left unless it is sound.
static enum ccurl_content read_certificates(const void *content, size_t length, X509 **own, STACK_OF(X509) **above) {
  *own = NULL;
  *above = NULL;
  if (length > INT_MAX) return ccurl_content_damaged;
  if (is_blank(content, length)) return ccurl_content_empty;
  BIO *input = BIO_new_mem_buf(content, (int)length);
  *above = sk_X509_new_null();
  int is_sound = input && *above, has_key = 0;
  struct block block;
  while (is_sound && next(input, &block)) {
    has_key |= is_key(&block);
    if (is_certificate(&block)) {
      X509 *certificate = parse_certificate(&block);
      is_sound = certificate != NULL;
      if (is_sound && !*own) {
        *own = certificate;
      } else if (is_sound && !sk_X509_push(*above, certificate)) {
        X509_free(certificate);
        is_sound = 0;
      }
    }
    free_block(&block);
  }
  is_sound = is_sound && is_end();
  BIO_free(input);
  if (is_sound && *own) return ccurl_content_sound;
  X509_free(*own);
  sk_X509_pop_free(*above, X509_free);
  *own = NULL;
  *above = NULL;
  if (!is_sound) return ccurl_content_damaged;
  if (has_key) return ccurl_content_mistaken;
  return is_certificate_in_der(content, length) ? ccurl_content_der : ccurl_content_none;
}

static enum ccurl_content read_key(const void *content, size_t length, EVP_PKEY **key) {
  *key = NULL;
  if (length > INT_MAX) return ccurl_content_damaged;
  if (is_blank(content, length)) return ccurl_content_empty;
  BIO *input = BIO_new_mem_buf(content, (int)length);
  if (!input) return ccurl_content_damaged;
  int is_found = 0, has_certificate = 0, is_locked = 0;
  struct block block;
  while (!is_found && next(input, &block)) {
    has_certificate |= is_certificate(&block);
    is_found = is_key(&block);
    is_locked = is_found && is_encrypted(&block);
    if (is_found && !is_locked) *key = parse_key(block.bytes, block.length);
    free_block(&block);
  }
  int is_whole = is_found || is_end();
  BIO_free(input);
  if (*key) return ccurl_content_sound;
  if (is_locked) return ccurl_content_encrypted;
  if (is_found || !is_whole) return ccurl_content_damaged;
  if (has_certificate) return ccurl_content_mistaken;
  return is_key_in_der(content, length) ? ccurl_content_der : ccurl_content_none;
}

struct identity {
  X509 *own;
  STACK_OF(X509) * above;
  EVP_PKEY *key;
};

static void free_identity(struct identity *identity) {
  X509_free(identity->own);
  sk_X509_pop_free(identity->above, X509_free);
  EVP_PKEY_free(identity->key);
}

static int read_identity(struct identity *identity, const void *certificates, size_t certificates_length,
                         const void *key, size_t key_length) {
  identity->key = NULL;
  return read_certificates(certificates, certificates_length, &identity->own, &identity->above) == ccurl_content_sound &&
         read_key(key, key_length, &identity->key) == ccurl_content_sound;
}

enum ccurl_content ccurl_judge_certificates(const void *content, size_t length) {
  struct identity identity = {0};
  ERR_clear_error();
  enum ccurl_content found = read_certificates(content, length, &identity.own, &identity.above);
  free_identity(&identity);
  ERR_clear_error();
  return found;
}

enum ccurl_content ccurl_judge_key(const void *content, size_t length) {
  EVP_PKEY *key;
  ERR_clear_error();
  enum ccurl_content found = read_key(content, length, &key);
  EVP_PKEY_free(key);
  ERR_clear_error();
  return found;
}

int ccurl_is_pair(const void *certificates, size_t certificates_length, const void *key, size_t key_length) {
  struct identity identity;
  ERR_clear_error();
  int is_pair = read_identity(&identity, certificates, certificates_length, key, key_length) &&
                X509_check_private_key(identity.own, identity.key) == 1;
  free_identity(&identity);
  ERR_clear_error();
  return is_pair;
}

int ccurl_use_identity(void *context, const void *certificates, size_t certificates_length, const void *key,
                       size_t key_length) {
  struct identity identity;
  // No error may stay, which OpenSSL would take for the handshake's.
  ERR_set_mark();
  int is_used = read_identity(&identity, certificates, certificates_length, key, key_length) &&
                SSL_CTX_use_cert_and_key(context, identity.own, identity.key, identity.above, 1) == 1;
  free_identity(&identity);
  ERR_pop_to_mark();
  return is_used;
}
