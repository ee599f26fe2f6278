/* pages.h: the files of the web app, and the headers that keep a page from doing more than it should. */
#ifndef CARDEA_VAULT_PAGES_H
#define CARDEA_VAULT_PAGES_H

#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "net/http_server.h"

struct web_release;
struct vault;

struct pages {
    char folder[PATH_MAX];
    char log_folder[PATH_MAX]; /* beside the access log; empty: none is kept */
    /* NULL: the folder has no list, and is served as it is. Those before it are kept until the end, since a
     * request may still hold one. */
    _Atomic(struct web_release *) release;
    struct stat list; /* of the list that was read last */
    struct steady_us tried;
};

/* Reads the folder's release, and logs it where a log is kept. Before anything is served. */
err pages_open(struct pages *pages, struct vault *v, struct diag *d) CHECKED;
/* The pages may have been built or installed again: when the list is another, and every file is there as it
 * says, that release is logged, and served from then on. Until then what is not as the old list says is not
 * sent. Each second; one thread. */
void pages_refresh(struct pages *pages, struct vault *v);
void pages_close(struct pages *pages);

/* Answers GET and HEAD from the folder (NULL: there are no pages). */
void pages_serve(const struct pages *pages, struct http_request *request, struct http_reply *r);
/* Headers for every answer. */
void pages_dress(const struct http_request *request, struct http_reply *r);

#endif
