#pragma once

#include <curl/curl.h>

// The certificates of a CA file, for OpenSSL to verify servers by: an X509_STORE. It keeps each certificate as it lies in the file, in
// DER, and parses it when a chain asks for an issuer of its name: parsed, Debian's 140 take six times the memory.
typedef struct x509_store_st ccurl_authorities;

// Reads a file of certificates in PEM form. NULL when it can't be read, holds none, or one that hasn't a certificate's form: DER whose
// elements fit each other, down to the last. A key or an extension that OpenSSL doesn't take shows when the certificate is parsed, which then
// verifies nothing.
ccurl_authorities *ccurl_authorities_read(const char *path);

// Lets go of them; connections that were made by them hold them on.
void ccurl_authorities_free(ccurl_authorities *authorities);

// Has a connection that is being set up (SSL_CTX) verify its server by these and nothing else. With NULL no connection is made:
// CURLE_SSL_CACERT_BADFILE.
CURLcode ccurl_use_authorities(void *context, ccurl_authorities *authorities);

// Has `set_up` called with `context` for each connection of `easy`, to say by what it is verified and what it presents (CURLOPT_SSL_CTX_FUNCTION(3)).
CURLcode ccurl_set_tls(CURL *easy, curl_ssl_ctx_callback set_up, void *context);

// libcurl doesn't see what connections are set up with, so it would go on using a connection or a TLS session that was set up with something else.
// `version`, another one for whatever is read, keeps those apart: a directory of certificates that can't be there, since its path leads
// through a device.
CURLcode ccurl_set_tls_version(CURL *easy, const char *version);

// How many of them have been parsed; for tests.
int ccurl_authorities_parsed(const ccurl_authorities *authorities);
