#ifndef WIDEFIELD_CMICROHTTPD_H
#define WIDEFIELD_CMICROHTTPD_H
#include <microhttpd.h>
#include <stdint.h>

/// What a daemon is started with; every pointer is passed on to libmicrohttpd as it is.
struct wf_http_options {
    unsigned int connection_limit;
    unsigned int idle_timeout_seconds;
    size_t connection_memory_bytes;
    /// GnuTLS' priorities for TLS, NULL for plain HTTP.
    const char *tls_priorities;
    /// A gnutls_certificate_retrieve_function3 that gives the certificate for a handshake.
    void *tls_retrieve;
    /// Of `connection_changed`.
    void *thread;
    /// Of all the others.
    void *context;
    void *(*begin)(void *context, const char *target, struct MHD_Connection *connection);
    MHD_AccessHandlerCallback handle;
    MHD_RequestCompletedCallback completed;
    MHD_NotifyConnectionCallback connection_changed;
};

/// Starts an epoll thread for the connections that it will be given; NULL when libmicrohttpd refuses.
struct MHD_Daemon *wf_http_start(const struct wf_http_options *options);

/// The socket of a connection, or -1; MHD_get_connection_info is variadic.
int wf_http_connection_socket(struct MHD_Connection *connection);

/// Writes the peer's numeric address without its port, NUL-terminated; empty when there is none.
void wf_http_peer_address(struct MHD_Connection *connection, char *buffer, size_t size);

/// 1 when the peer has closed its side of the socket, without reading from it.
int wf_socket_is_hung_up(int socket);

/// What a reader of an answer returns at its end and when it cannot go on; macros of casts.
static const ssize_t wf_http_stream_ended = MHD_CONTENT_READER_END_OF_STREAM;
static const ssize_t wf_http_stream_failed = MHD_CONTENT_READER_END_WITH_ERROR;

#endif
