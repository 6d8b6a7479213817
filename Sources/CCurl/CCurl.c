#include "CCurl.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void wf_curl_prepare(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

// ------------------------------------------------------------------------------------ addresses

static int is_guarded4(uint32_t address) {
    if ((address >> 16) == 0xA9FE) return 1;      // 169.254/16: link-local, and most metadata services
    if ((address >> 24) == 0) return 1;           // 0/8: "this host"
    if ((address >> 28) >= 0xE) return 1;         // multicast, reserved, broadcast
    if (address == 0x646464C8) return 1;          // 100.100.100.200: Alibaba's metadata
    if (address == 0xA83F8110) return 1;          // 168.63.129.16: Azure's
    return address == 0xC00000C0;                 // 192.0.0.192: Oracle's
}

static int is_guarded6(const struct in6_addr *address) {
    static const uint8_t aws[16] = {0xFD, 0, 0x0E, 0xC2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54};
    if (IN6_IS_ADDR_LINKLOCAL(address) || IN6_IS_ADDR_MULTICAST(address) ||
        IN6_IS_ADDR_UNSPECIFIED(address)) {
        return 1;
    }
    if (memcmp(address->s6_addr, aws, 16) == 0) return 1;
    // An IPv4 address within: mapped, compatible, or translated (64:ff9b::/96).
    static const uint8_t nat64[12] = {0, 0x64, 0xFF, 0x9B};
    const int holds4 = IN6_IS_ADDR_V4MAPPED(address) || IN6_IS_ADDR_V4COMPAT(address) ||
                       memcmp(address->s6_addr, nat64, 12) == 0;
    if (!holds4) return 0;
    const uint8_t *b = address->s6_addr + 12;
    return is_guarded4((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
}

// Whether a host is written as such an address.
static int is_guarded_text(const char *host) {
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1) return is_guarded4(ntohl(four.s_addr));
    return inet_pton(AF_INET6, host, &six) == 1 && is_guarded6(&six);
}

int wf_url_fault(const char *url, const char *scheme, const char *other_scheme) {
    CURLU *parts = curl_url();
    char *own = NULL, *host = NULL;
    int fault = 1;
    // Numbers that stand for an address of IPv4 come out of it as four.
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_SCHEME, &own, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        (strcmp(own, scheme) == 0 || strcmp(own, other_scheme) == 0) &&
        // libcurl takes one slash or three for two: not ours, who look for the host after two.
        strncmp(url + strlen(own), "://", 3) == 0 && url[strlen(own) + 3] != '/') {
        char *address = *host == '[' ? host + 1 : host;
        address[strcspn(address, "]%")] = 0;
        fault = is_guarded_text(address) ? 2 : 0;
    }
    curl_free(own);
    curl_free(host);
    curl_url_cleanup(parts);
    return fault;
}

// Asked with the address that a name has turned out to be, so that no name leads around it.
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *at) {
    int *was_guarded = context;
    (void)purpose;
    int guarded = 1;
    if (at->family == AF_INET) {
        guarded = is_guarded4(ntohl(((const struct sockaddr_in *)(const void *)&at->addr)->sin_addr.s_addr));
    } else if (at->family == AF_INET6) {
        guarded = is_guarded6(&((const struct sockaddr_in6 *)(const void *)&at->addr)->sin6_addr);
    }
    if (guarded) {
        *was_guarded = 1;
        return CURL_SOCKET_BAD;
    }
    return socket(at->family, at->socktype | SOCK_CLOEXEC, at->protocol);
}

// -------------------------------------------------------------------------------------- sending

static size_t read_away(char *data, size_t size, size_t count, void *context) {
    // An answer may be long, but not without end.
    size_t *left = context;
    (void)data;
    if (size * count > *left) return 0;
    *left -= size * count;
    return size * count;
}

typedef struct {
    const uint8_t *text;
    size_t left;
} wf_source;

static size_t read_source(char *target, size_t size, size_t count, void *context) {
    wf_source *source = context;
    size_t length = size * count < source->left ? size * count : source->left;
    memcpy(target, source->text, length);
    source->text += length;
    source->left -= length;
    return length;
}

static void prepare(CURL *curl, const char *url, const char *protocols, long timeout_ms,
                    size_t *left, int *was_guarded) {
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, protocols);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms / 2);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, was_guarded);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, read_away);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, left);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "widefield");
}

static wf_sent finish(CURL *curl, const int *was_guarded) {
    wf_sent sent = {0, ""};
    const CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        const char *reason = *was_guarded ? "the address may not be spoken to"
                             : code == CURLE_COULDNT_CONNECT
                                 ? "cannot connect"
                                 : curl_easy_strerror(code);
        snprintf(sent.error, sizeof sent.error, "%s", reason);
    } else {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &sent.status);
    }
    curl_easy_cleanup(curl);
    return sent;
}

static wf_sent without_memory(void) {
    wf_sent sent = {0, "there is no memory to send it"};
    return sent;
}

wf_sent wf_curl_post(const char *url, const char *const *headers, size_t header_count,
                     const uint8_t *body, size_t length, const char *const *names,
                     size_t name_count, long timeout_ms) {
    CURL *curl = curl_easy_init();
    if (!curl) return without_memory();
    size_t left = 1 << 20;
    int was_guarded = 0;
    prepare(curl, url, "http,https", timeout_ms, &left, &was_guarded);
    struct curl_slist *known = NULL;
    for (size_t i = 0; i < name_count; i++) known = curl_slist_append(known, names[i]);
    if (known) curl_easy_setopt(curl, CURLOPT_RESOLVE, known);
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    // No wait for "100 Continue".
    list = curl_slist_append(list, "Expect:");
    for (size_t i = 0; i < header_count; i++) list = curl_slist_append(list, headers[i]);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
    const wf_sent sent = finish(curl, &was_guarded);
    curl_slist_free_all(list);
    curl_slist_free_all(known);
    return sent;
}

wf_sent wf_curl_mail(const char *url, const char *user, const char *password, const char *from,
                     const char *const *to, size_t to_count, const uint8_t *text, size_t length,
                     long timeout_ms) {
    CURL *curl = curl_easy_init();
    if (!curl) return without_memory();
    size_t left = 1 << 20;
    wf_source source = {text, length};
    int was_guarded = 0;
    prepare(curl, url, "smtp,smtps", timeout_ms, &left, &was_guarded);
    struct curl_slist *list = NULL;
    for (size_t i = 0; i < to_count; i++) list = curl_slist_append(list, to[i]);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, list);
    if (*user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, password);
    }
    curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)(*user ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_source);
    curl_easy_setopt(curl, CURLOPT_READDATA, &source);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    const wf_sent sent = finish(curl, &was_guarded);
    curl_slist_free_all(list);
    return sent;
}
