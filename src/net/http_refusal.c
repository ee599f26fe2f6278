/* http_refusal.c: what libmicrohttpd cannot read as a request it answers by itself, in HTML that none of its
 * options changes. Its answers go out by MHD_queue_response, and a program may define what a shared library
 * calls by name: this one puts the application's words in their place. Where a linker binds the library's
 * calls within it, its own pages are what is sent, and nothing else is different. */
#include <dlfcn.h>
#include <string.h>

#include "net/http_internal.h"

typedef enum MHD_Result queue_function(struct MHD_Connection *, unsigned, struct MHD_Response *);

static queue_function *library_queue;
static pthread_once_t found = PTHREAD_ONCE_INIT;

static void find(void) {
    void *symbol = dlsym(RTLD_NEXT, "MHD_queue_response");
    memcpy(&library_queue, &symbol, sizeof library_queue);
}

enum MHD_Result http_queue(struct MHD_Connection *connection, unsigned status,
                           struct MHD_Response *response) {
    pthread_once(&found, find);
    return library_queue ? library_queue(connection, status, response) : MHD_NO;
}

static const char *words(unsigned status) {
    switch (status) {
        case 413: return "the body is longer than this server takes";
        case 414: return "the address is too long";
        case 431: return "the request's headers are too long";
        case 505: return "this server speaks HTTP/1.0 and HTTP/1.1";
        default: return "this is not a request as HTTP has it";
    }
}

/* NULL: the library's own answer has to do. */
static struct MHD_Response *refusal(struct MHD_Connection *connection, unsigned *status) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const struct conn *c = info ? info->socket_context : NULL;
    struct http_reply reply = {.fd = -1};
    struct http_request request = {.method = ""};
    if (!c || !c->listener) return NULL;
    const struct http_app *app = c->listener->app;
    app->refuse(app->context, *status, words(*status), &reply);
    if (app->dress) app->dress(app->context, &request, &reply);
    if (app->done) app->done(app->context, &request, reply.status);
    struct MHD_Response *r =
        MHD_create_response_from_buffer(reply.body.len, reply.body.data, MHD_RESPMEM_MUST_COPY);
    if (r && reply.type) MHD_add_response_header(r, "Content-Type", reply.type);
    for (size_t i = 0; r && i < reply.header_count; i++)
        MHD_add_response_header(r, reply.headers[i].name, reply.headers[i].value);
    *status = reply.status;
    http_reply_clear(&reply);
    return r;
}

/* In the library's place, for the library alone: our own answers go by http_queue. */
enum MHD_Result MHD_queue_response(struct MHD_Connection *connection, unsigned status,
                                   struct MHD_Response *response) {
    struct MHD_Response *ours = status >= 400 ? refusal(connection, &status) : NULL;
    enum MHD_Result queued = http_queue(connection, status, ours ? ours : response);
    if (ours) MHD_destroy_response(ours);
    return queued;
}
