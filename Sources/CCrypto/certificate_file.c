#include "CCrypto.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Only a regular file: a FIFO in its place would block.
static FILE *open_regular(const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return NULL;
  struct stat status;
  FILE *stream = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(descriptor, "r") : NULL;
  if (!stream) close(descriptor);
  return stream;
}

// NULL if the bytes aren't exactly one certificate.
static X509 *parse(const uint8_t *der, size_t count) {
  if (count > LONG_MAX) return NULL;
  const uint8_t *at = der;
  X509 *certificate = d2i_X509(NULL, &at, (long)count);
  if (certificate && at != der + count) {
    X509_free(certificate);
    return NULL;
  }
  return certificate;
}

// In place of a question on the terminal (pem_password_cb(3)); -1 is an error.
static int no_password(char *buffer, int size, int is_writing, void *was_asked) {
  (void)buffer, (void)size, (void)is_writing;
  *(int *)was_asked = 1;
  return -1;
}

// Frees the certificate, and returns how many bytes of it are in `der` now; 0 for none, or if it is longer.
static size_t take(X509 *certificate, uint8_t *der, size_t room) {
  int size = certificate ? i2d_X509(certificate, NULL) : 0;
  if (size > 0 && (size_t)size <= room) {
    size = i2d_X509(certificate, &der);
  } else {
    size = 0;
  }
  X509_free(certificate);
  ERR_clear_error();
  return size > 0 ? (size_t)size : 0;
}

size_t ccrypto_certificate_file(const char *path, uint8_t *der, size_t room) {
  FILE *stream = open_regular(path);
  if (!stream) return 0;
  // Of a certificate, too, if its header says that it is encrypted.
  int was_asked = 0;
  X509 *certificate = PEM_read_X509(stream, NULL, no_password, &was_asked);
  fclose(stream);
  return take(certificate, der, room);
}

size_t ccrypto_certificate_text(const void *text, size_t count, uint8_t *der, size_t room) {
  BIO *input = count <= INT_MAX ? BIO_new_mem_buf(text, (int)count) : NULL;
  int was_asked = 0;
  X509 *certificate = input ? PEM_read_bio_X509(input, NULL, no_password, &was_asked) : NULL;
  BIO_free(input);
  return take(certificate, der, room);
}

static int read_time(const ASN1_TIME *time, int64_t *seconds) {
  struct tm fields;
  if (!time || ASN1_TIME_to_tm(time, &fields) != 1) return 0;
  *seconds = (int64_t)timegm(&fields);
  return 1;
}

int ccrypto_certificate_validity(const uint8_t *der, size_t count, char *subject, size_t size, int64_t *not_before,
                                 int64_t *not_after) {
  X509 *certificate = parse(der, count);
  BIO *output = certificate ? BIO_new(BIO_s_mem()) : NULL;
  int is_read = output && size > 0 && read_time(X509_get0_notBefore(certificate), not_before) &&
                read_time(X509_get0_notAfter(certificate), not_after) &&
                X509_NAME_print_ex(output, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0;
  if (is_read) {
    char *text;
    long length = BIO_get_mem_data(output, &text);
    size_t taken = length < 0 ? 0 : (size_t)length < size - 1 ? (size_t)length : size - 1;
    memcpy(subject, text, taken);
    subject[taken] = 0;
  }
  BIO_free(output);
  X509_free(certificate);
  ERR_clear_error();
  return is_read ? 0 : -1;
}

enum ccrypto_key_state ccrypto_key_state(const uint8_t *der, size_t count, const char *path) {
  FILE *stream = open_regular(path);
  if (!stream) return CCRYPTO_KEY_NONE;
  int was_asked = 0;
  EVP_PKEY *key = PEM_read_PrivateKey(stream, NULL, no_password, &was_asked);
  fclose(stream);
  X509 *certificate = parse(der, count);
  enum ccrypto_key_state state = was_asked ? CCRYPTO_KEY_ENCRYPTED : CCRYPTO_KEY_NONE;
  if (key && certificate) state = X509_check_private_key(certificate, key) == 1 ? CCRYPTO_KEY_FITS : CCRYPTO_KEY_OTHER;
  EVP_PKEY_free(key);
  X509_free(certificate);
  ERR_clear_error();
  return state;
}
