#pragma once

#include <stddef.h>

// A client certificate and its key, each as the content of a file in PEM form. Nothing here opens a file, asks for a passphrase, or keeps what it
// is given; keys are overwritten before their memory is freed.

enum ccurl_content {
  ccurl_content_sound,
  ccurl_content_empty,
  ccurl_content_der,
  // A key in place of a certificate, or the other way round.
  ccurl_content_mistaken,
  ccurl_content_encrypted,
  // Nothing of the kind in PEM form.
  ccurl_content_none,
  ccurl_content_damaged,
};

// What a file of certificates is: the client's own one, and behind it those above it, if any.
enum ccurl_content ccurl_judge_certificates(const void *content, size_t length);

// What a file with a private key is; its first one counts.
enum ccurl_content ccurl_judge_key(const void *content, size_t length);

// Whether the key is that of the first certificate; 0 unless both are sound.
int ccurl_is_pair(const void *certificates, size_t certificates_length, const void *key, size_t key_length);

// Has a connection that is being set up (SSL_CTX) present the certificates; 0 if it can't.
int ccurl_use_identity(void *context, const void *certificates, size_t certificates_length, const void *key,
                       size_t key_length);
