// The calculations of libcrypto that request signing needs, and its reading of certificates. Every function has the prefix ccrypto_.
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

// The certificate in a text in PEM form (RFC 7468), as DER into `der`, which has room for `count` bytes. Returns the number of
// bytes, or -1 if the text isn't exactly one certificate. What the certificate says isn't read yet.
long ccrypto_certificate_der(const uint8_t *pem, size_t count, uint8_t *der);

enum ccrypto_name_kind { CCRYPTO_COMMON_NAME, CCRYPTO_DNS_NAME, CCRYPTO_URI };

// Calls `each` with the subject's common names (as UTF-8) and with the DNS names and URIs of subjectAltName (RFC 5280, 4.2.1.6), in the
// order of the certificate; a name may have any bytes. Returns 0, or -1 if `der` isn't exactly one certificate or its
// subjectAltName can't be read or is there twice; `each` may have been called before that.
int ccrypto_certificate_names(const uint8_t *der, size_t count,
                              void (*each)(void *context, enum ccrypto_name_kind kind, const uint8_t *bytes, size_t count),
                              void *context);

// The first certificate of a file in PEM form, as DER into `der`, which has room for `room` bytes; it isn't read yet. Returns the number of bytes; 0 when the
// file can't be read, isn't a regular one or holds none, or for one that is longer.
size_t ccrypto_certificate_file(const char *path, uint8_t *der, size_t room);

// The same of `count` bytes that were read before.
size_t ccrypto_certificate_text(const void *text, size_t count, uint8_t *der, size_t room);

// A certificate's subject as in RFC 2253, at most `size` bytes with the zero at its end, and its validity in seconds since 1970. Returns 0, or -1
// if `der` isn't exactly one certificate, or has times that can't be read.
int ccrypto_certificate_validity(const uint8_t *der, size_t count, char *subject, size_t size, int64_t *not_before,
                                 int64_t *not_after);

enum ccrypto_key_state { CCRYPTO_KEY_FITS, CCRYPTO_KEY_OTHER, CCRYPTO_KEY_NONE, CCRYPTO_KEY_ENCRYPTED };

// Whether the first private key of a file in PEM form is that of a certificate. CCRYPTO_KEY_NONE when the file can't be read, isn't a regular one or holds
// none that can be used; nobody is asked for a password.
enum ccrypto_key_state ccrypto_key_state(const uint8_t *der, size_t count, const char *path);
