// GnuTLS's digests, random numbers, X.509 certificates and RSA signatures.
#pragma once

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

// `gnutls_free` is a variable, which Swift doesn't take for safe.
static inline void cgnutls_free(void *memory) { gnutls_free(memory); }
