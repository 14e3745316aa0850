#define _GNU_SOURCE
#include "channel.h"
#include "load.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <unistd.h>

SSL_CTX *tls_context(const char *certificate, const char *key, const char *authority) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (context && SSL_CTX_use_certificate_chain_file(context, certificate) == 1 &&
      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_load_verify_locations(context, authority, NULL) == 1) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return context;
  }
  ERR_print_errors_fp(stderr);
  return NULL;
}

static bool shake_hands(struct channel *channel, SSL_CTX *context) {
  channel->tls = SSL_new(context);
  return channel->tls && SSL_set1_host(channel->tls, "localhost") == 1 &&
         SSL_set_tlsext_host_name(channel->tls, "localhost") == 1 && SSL_set_fd(channel->tls, channel->fd) == 1 &&
         SSL_connect(channel->tls) == 1;
}

bool channel_open(struct channel *channel, const char *path, SSL_CTX *tls, bool waits) {
  *channel = (struct channel){.fd = connect_to(path)};
  if (channel->fd < 0) return false;
  if (!tls) return true;
  if (shake_hands(channel, tls) && (waits || fcntl(channel->fd, F_SETFL, O_NONBLOCK) == 0)) return true;
  ERR_print_errors_fp(stderr);
  channel_close(channel);
  errno = EPROTO;
  return false;
}

void channel_close(struct channel *channel) {
  SSL_free(channel->tls);
  if (channel->fd >= 0) close(channel->fd);
  *channel = (struct channel){.fd = -1};
}

ssize_t tls_send(SSL *tls, const void *bytes, size_t count) {
  size_t sent = 0;
  return SSL_write_ex(tls, bytes, count, &sent) == 1 ? (ssize_t)sent : -1;
}

ssize_t tls_receive(SSL *tls, void *bytes, size_t room) {
  size_t got = 0;
  if (SSL_read_ex(tls, bytes, room, &got) == 1) return (ssize_t)got;
  int problem = SSL_get_error(tls, 0);
  ERR_clear_error();
  if (problem == SSL_ERROR_ZERO_RETURN) return 0;
  errno = problem == SSL_ERROR_WANT_READ ? EAGAIN : EPROTO;
  return -1;
}
