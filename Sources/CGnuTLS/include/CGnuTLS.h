// GnuTLS's digests, random numbers and X.509 certificates.
#pragma once

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
