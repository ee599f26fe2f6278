/* curl_setup.h: what this program's requests by libcurl have in common: they wait ten seconds for a
 * connection, follow no redirection, use no signals, and believe the system's authorities beside those that
 * were named. (libcurl's manual: curl_easy_setopt(3).) Threads: no shared state but libcurl's own, begun
 * once. */
#ifndef CARDEA_NET_CURL_SETUP_H
#define CARDEA_NET_CURL_SETUP_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/err.h"

/* Begins libcurl, and looks whether the file of authorities can be read; NULL is none. ERR_NOT_FOUND. */
err curl_begin(const char *ca_file, struct diag *d) CHECKED;

struct curl_common {
    const char *url, *ca_file; /* NULL: the system's authorities alone */
    bool direct;               /* no proxy: what it leads to is here */
    void *owner;               /* CURLOPT_PRIVATE, and the context of both functions */
    curl_write_callback on_header, on_data;
    char *words; /* CURL_ERROR_SIZE */
};
void curl_set_up(CURL *easy, const struct curl_common *c);

bool curl_plain_line(const char *text); /* no control character */
/* A copy; wipe it with curl_lines_free. ERR_INVALID: it holds a control character; ERR_NO_MEMORY. */
err curl_add_line(struct curl_slist **list, const char *line) CHECKED;
void curl_lines_free(struct curl_slist *list); /* wipes: tokens are among them */

#endif
