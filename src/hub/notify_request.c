/* Channels that make one request for each alert: what came of it, in words. */
#include <stdio.h>
#include <stdlib.h>

#include "hub/notify_channel.h"

char *channel_alert_json(const struct alert_message *m) {
    AUTO(json_release) json_t *whole = json_copy(m->json);
    if (!whole) return NULL;
    if (m->jpeg.len && json_object_set_new(whole, "picture", json_base64(blob_bytes(&m->jpeg)))) return NULL;
    if (m->test && json_object_set_new(whole, "test", json_true())) return NULL;
    return json_dumps(whole, JSON_COMPACT);
}

static enum channel_result usual_result(int status) {
    if (status >= 200 && status < 300) return CHANNEL_TAKEN;
    switch (status) {
        case 400:
        case 413:
        case 415:
        case 422: return CHANNEL_REFUSED;
        default: return CHANNEL_AGAIN;
    }
}

static void on_done(void *context, err e, const struct outgoing_answer *answer, const struct diag *d) {
    struct request_channel *c = context;
    struct channel_outcome o = {.result = CHANNEL_AGAIN, .retry_after_s = answer->retry_after_s};
    c->transfer = NULL;
    if (e) {
        snprintf(o.said, sizeof o.said, "%.299s", d->text);
    } else {
        o.result = usual_result(answer->status);
        if (c->judge) o.result = c->judge(c, answer->status, o.result);
        if (answer->status >= 300 && answer->status < 400)
            snprintf(o.said, sizeof o.said,
                     "the server redirects elsewhere (%.150s): give the address it leads to", answer->said);
        else if (answer->status == 401 || answer->status == 403)
            snprintf(o.said, sizeof o.said, "refused (%.200s): %.60s", answer->said, c->mend);
        else
            snprintf(o.said, sizeof o.said, "%.250s", answer->said);
    }
    c->base.host->done(c->base.host->context, &o);
}

err request_send(struct request_channel *c, const struct outgoing_request *request, struct diag *d) {
    return outgoing_start(c->base.host->outgoing, request, on_done, c, &c->transfer, d);
}

void *request_channel_new(size_t size, const struct channel_ops *ops, const struct channel_host *host,
                          const char *mend, struct diag *d) {
    struct request_channel *c = calloc(1, size);
    if (!c) {
        (void)diag_fail(d, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    c->base = (struct channel){ops, host};
    c->size = size;
    c->mend = mend;
    return c;
}

void request_channel_close(struct channel *base) {
    struct request_channel *c = (struct request_channel *)base;
    if (!c) return;
    outgoing_cancel(c->transfer);
    wipe(c, c->size); /* tokens */
    free(c);
}
