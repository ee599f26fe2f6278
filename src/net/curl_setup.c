#include "net/curl_setup.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"

#define CONNECT_MS 10000L

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void start_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

err curl_begin(const char *ca_file, struct diag *d) {
    pthread_once(&once, start_curl);
    if (ca_file && access(ca_file, R_OK))
        return diag_fail(d, ERR_NOT_FOUND, "cannot read the certificate file %s", ca_file);
    return ERR_OK;
}

void curl_set_up(CURL *easy, const struct curl_common *c) {
    curl_easy_setopt(easy, CURLOPT_URL, c->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->words);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, c->owner);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, c->on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, c->owner);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, c->on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, c->owner);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    if (c->ca_file) { /* the folder of the system's roots stays in force beside the file */
        curl_easy_setopt(easy, CURLOPT_CAINFO, c->ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, "/etc/ssl/certs");
    }
    if (c->direct) curl_easy_setopt(easy, CURLOPT_PROXY, "");
}

bool curl_plain_line(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f) return false;
    return true;
}

err curl_add_line(struct curl_slist **list, const char *line) {
    if (!curl_plain_line(line)) return ERR_INVALID;
    struct curl_slist *more = curl_slist_append(*list, line);
    if (!more) return ERR_NO_MEMORY;
    *list = more;
    return ERR_OK;
}

void curl_lines_free(struct curl_slist *list) {
    for (struct curl_slist *s = list; s; s = s->next) wipe(s->data, strlen(s->data));
    curl_slist_free_all(list);
}
