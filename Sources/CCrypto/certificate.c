#include "CCrypto.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

long ccrypto_certificate_der(const uint8_t *pem, size_t count, uint8_t *der) {
  static const char begin[] = "-----BEGIN CERTIFICATE-----\n", end[] = "-----END CERTIFICATE-----";
  const size_t begin_size = sizeof begin - 1, end_size = sizeof end - 1;
  while (count > 0 && pem[count - 1] == '\n') count--;
  if (count > INT_MAX || count < begin_size + end_size || memcmp(pem, begin, begin_size) != 0 ||
      memcmp(pem + count - end_size, end, end_size) != 0)
    return -1;
  const uint8_t *text = pem + begin_size;
  size_t size = count - begin_size - end_size;
  // The decoding ends at a hyphen, where a second certificate would begin.
  if (memchr(text, '-', size)) return -1;
  EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
  if (!context) return -1;
  int decoded = 0, rest = 0;
  EVP_DecodeInit(context);
  int done = EVP_DecodeUpdate(context, der, &decoded, text, (int)size) >= 0 &&
             EVP_DecodeFinal(context, der + decoded, &rest) == 1;
  EVP_ENCODE_CTX_free(context);
  return done && decoded + rest > 0 ? (long)decoded + rest : -1;
}

typedef void (*name_reader)(void *context, enum ccrypto_name_kind kind, const uint8_t *bytes, size_t count);

// Returns 0, or -1 for a common name that can't be converted to UTF-8.
static int read_common_names(X509 *certificate, name_reader each, void *context) {
  const X509_NAME *subject = X509_get_subject_name(certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    uint8_t *text = NULL;
    int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) return -1;
    each(context, CCRYPTO_COMMON_NAME, text, (size_t)size);
    OPENSSL_free(text);
  }
  return 0;
}

// Returns 0, or -1 for an extension that can't be read or is there twice.
static int read_alternative_names(X509 *certificate, name_reader each, void *context) {
  int found = 0;
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, &found, NULL);
  // -1 is for none at all (X509_get_ext_d2i(3)).
  if (!names) return found == -1 ? 0 : -1;
  for (int at = 0; at < sk_GENERAL_NAME_num(names); at++) {
    int type = 0;
    const ASN1_STRING *text = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, at), &type);
    if (type != GEN_DNS && type != GEN_URI) continue;
    each(context, type == GEN_DNS ? CCRYPTO_DNS_NAME : CCRYPTO_URI, ASN1_STRING_get0_data(text),
         (size_t)ASN1_STRING_length(text));
  }
  GENERAL_NAMES_free(names);
  return 0;
}

int ccrypto_certificate_names(const uint8_t *der, size_t count, name_reader each, void *context) {
  if (count > LONG_MAX) return -1;
  const uint8_t *at = der;
  X509 *certificate = d2i_X509(NULL, &at, (long)count);
  int failed = !certificate || at != der + count || read_common_names(certificate, each, context) != 0 ||
               read_alternative_names(certificate, each, context) != 0;
  X509_free(certificate);
  // Whoever else uses libcrypto on this thread would find the errors of this certificate in its queue.
  if (failed) ERR_clear_error();
  return failed ? -1 : 0;
}
