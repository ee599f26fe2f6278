/* hub_succeed.c: the household's keys are succeeded (docs/protocol.md, "succeed"; docs/trust.md, "Removing an
 * owner"): who holds the former ones commands nothing here from then on, and opens nothing that comes.
 *
 * household.json has the new keys, and that every stream must begin an epoch, before anything is done by
 * them; a hub that ends between goes on with the epochs when it starts. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "format/succession.h"
#include "hub/hub.h"

/* The chain of the command; it must lead from the key that this hub knows to the command's signer, its last.
 */
static err read_chain(const struct hub *h, const struct command *c, const uint8_t signer[SIGN_PUBLIC_BYTES],
                      struct succession_chain *chain, struct blob *certificate, struct diag *d) {
    const struct pairing_answer *mine = &h->identity->household;
    json_t *list = NULL;
    const struct json_field fields[] = {
        {.name = "succession",
         .kind = JSON_KIND_ARRAY,
         .required = true,
         .max = SUCCESSIONS_MAX,
         .out = &list},
        {.name = "certificate",
         .kind = JSON_KIND_BASE64,
         .required = true,
         .min = 1,
         .max = HUB_CERTIFICATE_MAX_BYTES,
         .out = certificate},
    };
    err e = JSON_READ(c->args, fields, d);
    if (!e) e = succession_chain_parse(list, chain, d);
    if (e) return e;
    const struct succession *last = succession_chain_last(chain);
    if (!last || memcmp(last->sign, signer, SIGN_PUBLIC_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "it is not signed by the newest key of its succession");
    if (memcmp(last->household, mine->household, sizeof last->household) != 0)
        return diag_fail(d, ERR_FORGED, "the succession is of another household");
    return succession_chain_leads(chain, mine->household, mine->sign, signer, d);
}

err hub_succession_open(const struct hub *h, const uint8_t id[COMMAND_ID_BYTES], struct bytes box,
                        struct command *out, uint8_t signer[SIGN_PUBLIC_BYTES], struct diag *d) {
    const struct identity *me = h->identity;
    AUTO(command_clear) struct command c = {0};
    AUTO(blob_clear) struct blob certificate = {0};
    struct succession_chain *chain = calloc(1, sizeof *chain);
    struct diag why = {{0}};
    err e =
        chain ? command_open_any(box, id, &me->box, me->hub, wall_now(), &c, signer, &why) : ERR_NO_MEMORY;
    if (!e && strcmp(c.verb, "succeed") != 0) e = ERR_FORGED;
    if (!e) e = read_chain(h, &c, signer, chain, &certificate, d);
    free(chain);
    if (e) return ERR_FORGED; /* whoever sent it has no answer: it is not known to be the household's */
    *out = c;
    c = (struct command){0};
    return ERR_OK;
}

/* The hub's own certificate, by the new key. */
static err check_certificate(const struct hub *h, const struct blob *raw,
                             const uint8_t sign[SIGN_PUBLIC_BYTES], struct diag *d) {
    const struct identity *me = h->identity;
    struct hub_certificate certificate;
    err e = hub_certificate_verify(blob_bytes(raw), sign, &certificate, d);
    if (e) return e;
    if (memcmp(certificate.sign, me->sign.public_key, sizeof certificate.sign) != 0 ||
        memcmp(certificate.box, me->box.public_key, sizeof certificate.box) != 0 ||
        memcmp(certificate.writer, me->household.writer.public_key, sizeof certificate.writer) != 0)
        return diag_fail(d, ERR_FORGED, "the certificate is not of this hub's keys");
    return ERR_OK;
}

static err begin_epoch(struct hub *h, const uint8_t stream[CAMERA_ID_BYTES], bool at_once, struct diag *d) {
    struct hub_camera *c = hub_camera_find(h, stream);
    /* One that began just now has its root sealed to the former keys: another one, then. */
    for (size_t i = 0; at_once && c && i < c->stream_count; i++)
        if (memcmp(c->streams[i].id, stream, CAMERA_ID_BYTES) == 0) c->streams[i].epoch_tried.us = 0;
    return hub_new_epoch(h, stream, d);
}

/* Every stream, or none counts: what fails is tried again at the next tick. */
static void rekey(struct hub *h, bool at_once) {
    struct diag d = {{0}};
    err e = ERR_OK, one;
    for (size_t i = 0; i < h->cameras.count; i++) {
        const struct camera_settings *s = &h->cameras.list[i];
        if ((one = begin_epoch(h, s->id, at_once, &d))) e = one;
        if (s->has_sub && (one = begin_epoch(h, s->sub, at_once, &d))) e = one;
    }
    if (!e) e = identity_rekeyed(h->identity, h->data, &d);
    if (e && e != ERR_BUSY)
        log_warning("the cameras have no keys of the household's successor yet: %s", d.text);
}

void hub_rekey_tick(struct hub *h) {
    if (h->identity->rekey) rekey(h, false);
}

err hub_succeed(struct hub *h, const struct command *c, const uint8_t signer[SIGN_PUBLIC_BYTES],
                json_t **result, struct diag *d) {
    AUTO(blob_clear) struct blob certificate = {0};
    struct succession_chain *chain = calloc(1, sizeof *chain);
    if (!chain) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = read_chain(h, c, signer, chain, &certificate, d);
    if (!e) e = check_certificate(h, &certificate, signer, d);
    bool taken = !e && memcmp(h->identity->household.sign, signer, SIGN_PUBLIC_BYTES) == 0;
    if (!e && !taken)
        e = identity_succeed(h->identity, h->data, signer, succession_chain_last(chain)->box,
                             blob_bytes(&certificate), d);
    free(chain);
    if (e) return e;
    if (!taken) log_info("the household's keys were succeeded");
    if (!taken) rekey(h, true);
    *result = json_pack("{s:b}", "fresh", !taken);
    return *result ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "out of memory");
}
