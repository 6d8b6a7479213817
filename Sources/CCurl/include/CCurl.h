// Outgoing HTTP and mail through Debian's libcurl, to addresses that may be spoken to.
#ifndef WIDEFIELD_CCURL_H
#define WIDEFIELD_CCURL_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    /// The status of HTTP or SMTP; 0 when there was no answer.
    long status;
    /// Why there was none, empty when there was one.
    char error[256];
} wf_sent;

/// Prepares libcurl; call once, before threads are started.
void wf_curl_prepare(void);

/// POSTs a body of JSON and reads the answer away. Redirects are not followed, no proxy is asked; addresses
/// that are link-local, multicast or a cloud's metadata service are not connected to, whatever name leads
/// there. `names` (host:port:address) lead where they say and nowhere else.
wf_sent wf_curl_post(const char *url, const char *const *headers, size_t header_count,
                     const uint8_t *body, size_t length, const char *const *names,
                     size_t name_count, long timeout_ms);

/// Sends a mail as it is through the server at `url` (smtp:// or smtps://). TLS is taken where the server
/// has it, and needed where there is a password.
wf_sent wf_curl_mail(const char *url, const char *user, const char *password, const char *from,
                     const char *const *to, size_t to_count, const uint8_t *text, size_t length,
                     long timeout_ms);

/// What keeps a URL from being sent to, as libcurl reads it: 1 when it is no URL of one of two schemes, 2 when
/// its host is written as an address that is never connected to; else 0.
int wf_url_fault(const char *url, const char *scheme, const char *other_scheme);
#endif
