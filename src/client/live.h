/* live.h: opens the live view of cameras. Threads: one. */
#ifndef CARDEA_CLIENT_LIVE_H
#define CARDEA_CLIENT_LIVE_H

#include "client/camera.h"

#define LIVE_CAMERAS_MAX 64

struct live_item {
    size_t camera;         /* index into the list asked for */
    enum record_kind kind; /* RECORD_INIT, RECORD_FRAGMENT, RECORD_PICTURE, RECORD_MARK or RECORD_END */
    uint32_t slot;
    struct bytes data; /* borrowed for the call */
};

struct live_handler {
    void *context;
    /* An error ends live_run with it; ERR_CANCELLED is how a viewer leaves. */
    err (*item)(void *context, const struct live_item *item, struct diag *d);
    /* JSON as the vault sent it; may be NULL. */
    void (*notice)(void *context, struct bytes json);
    /* What comes as live of that camera is too old to be, and is left out until it is live again
     * (LIVE_BEHIND_MAX_S); may be NULL. */
    void (*late)(void *context, size_t camera, const char *why);
    /* The stream broke and is being opened again; may be NULL. */
    void (*trouble)(void *context, err e, const char *why);
};

/* Runs until the handler ends it, or what is wrong will not mend itself (ERR_DENIED, ERR_NOT_FOUND, …). */
err live_run(struct client *c, struct camera **cameras, size_t count, const struct live_handler *handler,
             struct diag *d) CHECKED;

#endif
