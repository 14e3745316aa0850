#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// The two ends of a TCP connection as one end accepted it, in network byte order. An IPv4 address is in the first four bytes.
struct clinux_tcp_ends {
  // AF_INET or AF_INET6, of the accepted socket.
  int family;
  uint8_t client[16];
  uint8_t server[16];
  uint16_t client_port;
  uint16_t server_port;
};

// Listens at an address of the family, non-blocking and close-on-exec. An IPv6 socket takes no IPv4 connections. `port` is in the host's byte
// order. Returns the descriptor or a negative errno, and in `call` the name of the call that failed.
int clinux_listen_tcp(int family, const uint8_t *address, uint16_t port, const char **call);

// Accepts one connection, non-blocking and close-on-exec (accept4(2)). Returns the descriptor or a negative errno.
int clinux_accept_tcp(int listener);

// Reads the ends of an accepted connection, or of a listening socket, which has no client. Returns 0 or a negative errno.
int clinux_tcp_ends_of(int fd, struct clinux_tcp_ends *ends);

// Opens a socket for questions about sockets (sock_diag(7)). It takes no privilege. Returns the descriptor or a negative errno.
int clinux_socket_questions(void);

// Asks the kernel for the socket at the client's end of a TCP connection, exactly the one from the client to the server. The kernel makes the
// answer before the question's send(2) returns. Returns the length of the answer, one netlink message (netlink(7)), or a negative errno; -EAGAIN
// if there was no answer to this question, which `number` identifies.
ssize_t clinux_ask_for_client(int questions, const struct clinux_tcp_ends *ends, uint32_t number, void *answer, size_t capacity);
