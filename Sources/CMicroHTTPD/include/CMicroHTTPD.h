// libmicrohttpd, with its variadic start.
#pragma once

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/eventfd.h>

// Called with the request target as sent, before it is decoded; what it returns becomes the request's own state.
typedef void *(*cmicrohttpd_target_fn)(void *state, const char *target, struct MHD_Connection *connection);

struct cmicrohttpd_callbacks {
  MHD_AcceptPolicyCallback accept;
  // Called when a connection begins, before its TLS handshake, and when it ends.
  MHD_NotifyConnectionCallback connected;
  cmicrohttpd_target_fn target;
  MHD_AccessHandlerCallback handle;
  MHD_RequestCompletedCallback completed;
  void *state;
};

// Starts a server of one thread per connection on an IPv4 address, port in host order, 0 for any; or, unless
// `listening` is -1, on that listening socket, which it owns from then on. With `key` and `certificate` (PEM, copied)
// it speaks TLS 1.2 and 1.3, with NULLs plain HTTP. Returns NULL with errno set when it can't listen.
struct MHD_Daemon *cmicrohttpd_start(struct in_addr address, uint16_t port, int listening, const char *key,
                                     const char *certificate, struct cmicrohttpd_callbacks callbacks);

// The port the server really listens on, 0 when it is not known.
uint16_t cmicrohttpd_port(struct MHD_Daemon *daemon);

// The peer's IPv4 address in text, at most INET_ADDRSTRLEN bytes with the NUL; an empty text when it is not known.
void cmicrohttpd_peer(struct MHD_Connection *connection, char *text, size_t capacity);
void cmicrohttpd_address(const struct sockaddr *address, char *text, size_t capacity);

// The connection's gnutls_session_t, NULL where it speaks plain HTTP; valid until the connection ends.
void *cmicrohttpd_tls(struct MHD_Connection *connection);

// The connection's socket, -1 when it is not known.
int cmicrohttpd_descriptor(struct MHD_Connection *connection);
