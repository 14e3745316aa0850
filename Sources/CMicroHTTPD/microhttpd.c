#include "CMicroHTTPD.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

// A session policy and a token in one query are below 20 KiB; what doesn't fit is answered 431 by the library.
enum { connection_memory = 64 * 1024, connection_limit = 2048, idle_seconds = 60, listen_backlog = 1024 };

struct MHD_Daemon *cmicrohttpd_start(struct in_addr address, uint16_t port, int listening, const char *key,
                                     const char *certificate, struct cmicrohttpd_callbacks callbacks) {
  struct sockaddr_in where;
  memset(&where, 0, sizeof where);
  where.sin_family = AF_INET;
  where.sin_addr = address;
  where.sin_port = htons(port);

  // The answers carry a Date of their own, from a clock that can be set.
  unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC |
                   MHD_USE_SUPPRESS_DATE_NO_CLOCK;
  // A socket of -1 is what the library has without this option.
  struct MHD_OptionItem tls[] = {
      {MHD_OPTION_LISTEN_SOCKET, listening, NULL},
      {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)key},
      {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)certificate},
      {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
      {MHD_OPTION_END, 0, NULL},
  };
  struct MHD_OptionItem plain[] = {{MHD_OPTION_LISTEN_SOCKET, listening, NULL}, {MHD_OPTION_END, 0, NULL}};
  int is_secure = key != NULL && certificate != NULL;
  if (is_secure) flags |= MHD_USE_TLS;

  return MHD_start_daemon(flags, port, callbacks.accept, callbacks.state, callbacks.handle, callbacks.state,
                          MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&where, MHD_OPTION_URI_LOG_CALLBACK,
                          callbacks.target, callbacks.state, MHD_OPTION_NOTIFY_CONNECTION, callbacks.connected,
                          callbacks.state, MHD_OPTION_NOTIFY_COMPLETED, callbacks.completed,
                          callbacks.state, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)connection_memory,
                          MHD_OPTION_CONNECTION_LIMIT, (unsigned)connection_limit, MHD_OPTION_CONNECTION_TIMEOUT,
                          (unsigned)idle_seconds, MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)listen_backlog,
                          MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, is_secure ? tls : plain,
                          MHD_OPTION_END);
}

uint16_t cmicrohttpd_port(struct MHD_Daemon *daemon) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info == NULL ? 0 : info->port;
}

void cmicrohttpd_peer(struct MHD_Connection *connection, char *text, size_t capacity) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  cmicrohttpd_address(info == NULL ? NULL : info->client_addr, text, capacity);
}

void cmicrohttpd_address(const struct sockaddr *address, char *text, size_t capacity) {
  text[0] = 0;
  if (address == NULL || address->sa_family != AF_INET) return;
  const struct sockaddr_in *peer = (const struct sockaddr_in *)address;
  if (inet_ntop(AF_INET, &peer->sin_addr, text, (socklen_t)capacity) == NULL) text[0] = 0;
}

void *cmicrohttpd_tls(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  return info == NULL ? NULL : info->tls_session;
}

int cmicrohttpd_descriptor(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == NULL ? -1 : info->connect_fd;
}
