#include "ccurl_certificate.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Only a regular file: a FIFO in its place would block.
static X509 *read_first(const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return NULL;
  struct stat status;
  FILE *stream = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(descriptor, "r") : NULL;
  if (!stream) {
    close(descriptor);
    return NULL;
  }
  X509 *certificate = PEM_read_X509(stream, NULL, NULL, NULL);
  fclose(stream);
  return certificate;
}

int ccurl_certificate_read(const char *path, char *subject, size_t size, int64_t *not_after) {
  X509 *certificate = read_first(path);
  ERR_clear_error();
  if (!certificate) return 0;
  BIO *output = BIO_new(BIO_s_mem());
  struct tm end;
  int is_read = 0;
  if (output && size > 0 && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1 &&
      X509_NAME_print_ex(output, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
    char *text;
    long length = BIO_get_mem_data(output, &text);
    size_t count = length < 0 ? 0 : (size_t)length < size - 1 ? (size_t)length : size - 1;
    memcpy(subject, text, count);
    subject[count] = 0;
    *not_after = (int64_t)timegm(&end);
    is_read = 1;
  }
  BIO_free(output);
  X509_free(certificate);
  ERR_clear_error();
  return is_read;
}
