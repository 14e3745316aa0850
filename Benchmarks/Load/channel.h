// A connection to the server, perhaps by TLS with a client's certificate.
#pragma once

#include <errno.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/socket.h>

struct channel {
  // -1 while there is none.
  int fd;
  // NULL without TLS.
  SSL *tls;
};

// What TLS needs: a certificate and its key to show, and the authority of the server, each a file in PEM form. NULL, with
// what is wrong on stderr, when they can't be used.
SSL_CTX *tls_context(const char *certificate, const char *key, const char *authority);

// Connects as `connect_to` does, and with `tls` makes a full handshake with a server that has to be `localhost`; it waits for both. Then
// reads wait only if `waits`. False when there is no connection.
bool channel_open(struct channel *channel, const char *path, SSL_CTX *tls, bool waits);
void channel_close(struct channel *channel);

ssize_t tls_send(SSL *tls, const void *bytes, size_t count);
ssize_t tls_receive(SSL *tls, void *bytes, size_t room);

// Sends as send(2) does: a request fits into the socket.
static inline ssize_t channel_send(struct channel *channel, const void *bytes, size_t count) {
  if (channel->tls) return tls_send(channel->tls, bytes, count);
  return send(channel->fd, bytes, count, MSG_NOSIGNAL);
}

// Reads as recv(2) does, with these flags; with TLS, whether it waits was settled when the connection was made.
static inline ssize_t channel_receive(struct channel *channel, void *bytes, size_t room, int flags) {
  if (channel->tls) return tls_receive(channel->tls, bytes, room);
  return recv(channel->fd, bytes, room, flags);
}
