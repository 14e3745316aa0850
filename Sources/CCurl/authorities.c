#include "ccurl_authorities.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Where a certificate lies in the bytes of all, and what it is looked for by: the hash of its subject, as in a directory of certificates
// (X509_NAME_hash_ex(3)).
struct certificate {
  unsigned long name;
  size_t start;
  size_t length;
  // With settings of trust behind it ("TRUSTED CERTIFICATE", PEM_read_bio_X509_AUX(3)).
  int has_trust;
  int is_parsed;
};

struct file {
  unsigned char *bytes;
  size_t length;
  struct certificate *certificates;
  size_t count;
};

static X509 *parse(const unsigned char *bytes, size_t length, int has_trust) {
  return has_trust ? d2i_X509_AUX(NULL, &bytes, (long)length) : d2i_X509(NULL, &bytes, (long)length);
}

static int hash(const X509_NAME *name, unsigned long *value) {
  int is_known = 0;
  *value = X509_NAME_hash_ex(name, NULL, NULL, &is_known);
  return is_known;
}

// An element of DER: its identifier (X.690, 8.1.2), and its content.
struct element {
  unsigned char identifier;
  const unsigned char *content;
  const unsigned char *end;
};

enum { integer = 0x02, bit_string = 0x03, sequence = 0x30, version_number = 0xa0, constructed = 0x20, most_nesting = 16 };

// Reads the element at `*place`, which `end` bounds, and goes on behind it; 0 when there is none, or none of a length that fits.
static int next(const unsigned char **place, const unsigned char *end, struct element *element) {
  const unsigned char *bytes = *place;
  // Tags of more than one byte don't occur in certificates (RFC 5280, appendix A).
  if (end - bytes < 2 || (bytes[0] & 0x1f) == 0x1f) return 0;
  element->identifier = bytes[0];
  size_t length = bytes[1];
  bytes += 2;
  if (length > 0x80) {
    size_t count = length & 0x7f;
    if (count > 3 || (size_t)(end - bytes) < count) return 0;
    for (length = 0; count > 0; count--) length = length << 8 | *bytes++;
  } else if (length == 0x80) {
    return 0;
  }
  if ((size_t)(end - bytes) < length) return 0;
  element->content = bytes;
  element->end = *place = bytes + length;
  return 1;
}

// Whether the elements from `place` to `end`, and all in them, have lengths that fit.
static int fit(const unsigned char *place, const unsigned char *end, int nesting) {
  struct element element;
  while (place < end) {
    if (!next(&place, end, &element)) return 0;
    if (!(element.identifier & constructed)) continue;
    if (nesting == most_nesting || !fit(element.content, element.end, nesting + 1)) return 0;
  }
  return 1;
}

static int follows(const unsigned char **place, const unsigned char *end, unsigned char identifier,
                   struct element *element) {
  return next(place, end, element) && element->identifier == identifier;
}

// Finds the subject's name, a whole element, in a certificate (RFC 5280, 4.1): 0 where it hasn't a certificate's form. It is parsed no further:
// that decodes its key as well, which takes OpenSSL 3.0 some 80 µs for each of them.
static int find_subject(const unsigned char *bytes, size_t length, int has_trust, const unsigned char **subject,
                        size_t *subject_length) {
  const unsigned char *end = bytes + length;
  struct element whole, body, part;
  if (!follows(&bytes, end, sequence, &whole) || (bytes < end && !has_trust)) return 0;
  if (!fit(whole.content, whole.end, 0) || !fit(bytes, end, 0)) return 0;
  const unsigned char *place = whole.content;
  if (!follows(&place, whole.end, sequence, &body) || !follows(&place, whole.end, sequence, &part) ||
      !follows(&place, whole.end, bit_string, &part) || place < whole.end)
    return 0;
  place = body.content;
  if (place < body.end && *place == version_number) next(&place, body.end, &part);
  // Serial number, signature algorithm, issuer and validity stand before it, the key behind.
  if (!follows(&place, body.end, integer, &part)) return 0;
  for (int i = 0; i < 3; i++)
    if (!follows(&place, body.end, sequence, &part)) return 0;
  *subject = place;
  if (!follows(&place, body.end, sequence, &part)) return 0;
  *subject_length = (size_t)(place - *subject);
  return follows(&place, body.end, sequence, &part);
}

static int append(struct file *file, const unsigned char *bytes, size_t length, int has_trust) {
  const unsigned char *subject;
  size_t subject_length;
  if (!find_subject(bytes, length, has_trust, &subject, &subject_length)) return 0;
  struct certificate new = {.start = file->length, .length = length, .has_trust = has_trust};
  X509_NAME *name = d2i_X509_NAME(NULL, &subject, (long)subject_length);
  int is_known = name && hash(name, &new.name);
  X509_NAME_free(name);
  if (!is_known) return 0;
  unsigned char *all = realloc(file->bytes, file->length + length);
  if (!all) return 0;
  file->bytes = all;
  struct certificate *list = realloc(file->certificates, (file->count + 1) * sizeof *list);
  if (!list) return 0;
  file->certificates = list;
  memcpy(all + file->length, bytes, length);
  file->length += length;
  list[file->count++] = new;
  return 1;
}

static int read_all(struct file *file, BIO *input) {
  char *kind = NULL, *header = NULL;
  unsigned char *bytes = NULL;
  long length = 0;
  int is_sound = 1;
  while (is_sound && PEM_read_bio(input, &kind, &header, &bytes, &length)) {
    int has_trust = strcmp(kind, PEM_STRING_X509_TRUSTED) == 0;
    // Whatever else lies there is none of ours.
    if (has_trust || strcmp(kind, PEM_STRING_X509) == 0 || strcmp(kind, PEM_STRING_X509_OLD) == 0)
      is_sound = append(file, bytes, (size_t)length, has_trust);
    OPENSSL_free(kind);
    OPENSSL_free(header);
    OPENSSL_clear_free(bytes, (size_t)length);
  }
  // How the end looks.
  unsigned long why = ERR_peek_last_error();
  return is_sound && file->count > 0 && ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE;
}

static void free_file(struct file *file) {
  free(file->bytes);
  free(file->certificates);
  free(file);
}

static void free_with_store(void *parent, void *file, CRYPTO_EX_DATA *data, int index, long argument, void *pointer) {
  (void)parent, (void)data, (void)index, (void)argument, (void)pointer;
  if (file) free_file(file);
}

static int file_index = -1;
static void reserve_index(void) { file_index = X509_STORE_get_ex_new_index(0, NULL, NULL, NULL, free_with_store); }

// Where every store keeps its file, reserved once for all threads; -1 without memory for it.
static int place(void) {
  static pthread_once_t reserved = PTHREAD_ONCE_INIT;
  pthread_once(&reserved, reserve_index);
  return file_index;
}

// Adds to the store what is called that. Without memory for it, it isn't found, and no server is verified by it.
static void parse_named(X509_STORE_CTX *context, const X509_NAME *name) {
  X509_STORE *store = X509_STORE_CTX_get0_store(context);
  struct file *file = store ? X509_STORE_get_ex_data(store, place()) : NULL;
  unsigned long wanted;
  if (!file || !hash(name, &wanted)) return;
  for (size_t i = 0; i < file->count; i++) {
    struct certificate *certificate = &file->certificates[i];
    if (certificate->is_parsed || certificate->name != wanted) continue;
    // Of one that can't be parsed no error may stay, which OpenSSL would take for the handshake's.
    ERR_set_mark();
    X509 *parsed = parse(file->bytes + certificate->start, certificate->length, certificate->has_trust);
    certificate->is_parsed = parsed && X509_STORE_add_cert(store, parsed);
    X509_free(parsed);
    ERR_pop_to_mark();
  }
}

// What OpenSSL asks a store (X509_STORE_set_get_issuer(3)); it answers from the parsed ones by itself.

static int issuer_of(X509 **issuer, X509_STORE_CTX *context, X509 *certificate) {
  parse_named(context, X509_get_issuer_name(certificate));
  return X509_STORE_CTX_get1_issuer(issuer, context, certificate);
}

static STACK_OF(X509) * all_named(X509_STORE_CTX *context, const X509_NAME *name) {
  parse_named(context, name);
  return X509_STORE_CTX_get1_certs(context, name);
}

// NULL for what is no regular file: a pipe would have the loop wait for whoever writes to it.
static BIO *open_file(const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat status;
  if (descriptor < 0) return NULL;
  FILE *stream = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(descriptor, "r") : NULL;
  if (!stream) {
    close(descriptor);
    return NULL;
  }
  BIO *input = BIO_new_fp(stream, BIO_CLOSE);
  if (!input) fclose(stream);
  return input;
}

ccurl_authorities *ccurl_authorities_read(const char *path) {
  ERR_clear_error();
  BIO *input = open_file(path);
  struct file *file = calloc(1, sizeof *file);
  X509_STORE *store = X509_STORE_new();
  int is_read = input && file && store && place() >= 0 && read_all(file, input);
  // As libcurl's own stores are: any certificate of the file may end a chain.
  is_read = is_read && X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN) &&
            X509_STORE_set_ex_data(store, place(), file);
  BIO_free(input);
  ERR_clear_error();
  if (!is_read) {
    X509_STORE_free(store);
    if (file) free_file(file);
    return NULL;
  }
  X509_STORE_set_get_issuer(store, issuer_of);
  X509_STORE_set_lookup_certs(store, all_named);
  return store;
}

void ccurl_authorities_free(ccurl_authorities *authorities) { X509_STORE_free(authorities); }

int ccurl_authorities_parsed(const ccurl_authorities *authorities) {
  const struct file *file = X509_STORE_get_ex_data(authorities, place());
  int count = 0;
  for (size_t i = 0; i < file->count; i++) count += file->certificates[i].is_parsed;
  return count;
}

CURLcode ccurl_use_authorities(void *context, ccurl_authorities *authorities) {
  if (!authorities) return CURLE_SSL_CACERT_BADFILE;
  SSL_CTX_set1_cert_store(context, authorities);
  return CURLE_OK;
}

CURLcode ccurl_set_tls_version(CURL *easy, const char *version) {
  char directory[64];
  snprintf(directory, sizeof directory, "/dev/null/%s", version);
  CURLcode code = curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
  return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_CAPATH, directory) : code;
}

CURLcode ccurl_set_tls(CURL *easy, curl_ssl_ctx_callback set_up, void *context) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, set_up);
  return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, context) : code;
}
