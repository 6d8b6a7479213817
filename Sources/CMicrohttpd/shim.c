#define _GNU_SOURCE
#include "CMicrohttpd.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>

struct MHD_Daemon *wf_http_start(const struct wf_http_options *o) {
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)o->connection_limit, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)o->idle_timeout_seconds, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)o->connection_memory_bytes, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)o->begin, o->context},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)o->completed, o->context},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)o->connection_changed, o->thread},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)o->tls_priorities},
        {MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, o->tls_retrieve},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC
            | MHD_USE_NO_LISTEN_SOCKET | (o->tls_priorities ? MHD_USE_TLS : 0),
        0, NULL, NULL, o->handle, o->context, MHD_OPTION_ARRAY, items, MHD_OPTION_ARRAY,
        o->tls_priorities ? tls : none, MHD_OPTION_END);
}

int wf_http_connection_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}

void wf_http_peer_address(struct MHD_Connection *connection, char *buffer, size_t size) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    buffer[0] = 0;
    if (!address) return;
    socklen_t length = address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                      : sizeof(struct sockaddr_in);
    if (getnameinfo(address, length, buffer, size, NULL, 0, NI_NUMERICHOST) != 0) buffer[0] = 0;
}

int wf_socket_is_hung_up(int socket) {
    struct pollfd entry = {.fd = socket, .events = POLLRDHUP};
    return poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}
