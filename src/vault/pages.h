/* pages.h: the files of the web app, and the headers that keep a page from doing more than it should. */
#ifndef CARDEA_VAULT_PAGES_H
#define CARDEA_VAULT_PAGES_H

#include <limits.h>

#include "net/http_server.h"

struct web_release;

struct pages {
    char folder[PATH_MAX];
    struct web_release *release; /* NULL: the folder has no list, and is served as it is */
};

/* Answers GET and HEAD from the folder (NULL: there are no pages). */
void pages_serve(const struct pages *pages, struct http_request *request, struct http_reply *r);
/* Headers for every answer. */
void pages_dress(const struct http_request *request, struct http_reply *r);

#endif
