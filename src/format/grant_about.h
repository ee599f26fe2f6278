/* grant_about.h: what a grantee is told beside the keys: names of household and cameras, words, and the
 * certificates of the hubs that sign what it sees (docs/trust.md, "One statement, two enforcers").
 * A client's (format_grant_keys). Threads: no shared state. */
#ifndef CARDEA_FORMAT_GRANT_ABOUT_H
#define CARDEA_FORMAT_GRANT_ABOUT_H

#include "format/certificate.h"
#include "format/grant.h"

#define GRANT_NAME_MAX_BYTES 128
#define GRANT_WORDS_MAX_BYTES 1024
#define GRANT_CODEC_MAX_BYTES 32
#define GRANT_HUBS_MAX 16
#define GRANT_ACTOR_BYTES 16

struct grant_camera {
    uint8_t id[CAMERA_ID_BYTES];
    char name[GRANT_NAME_MAX_BYTES + 1];
    bool is_sub, has_sub; /* `main` counts of a substream, `sub` when has_sub */
    uint8_t main[CAMERA_ID_BYTES], sub[CAMERA_ID_BYTES];
    uint8_t hub[HUB_ID_BYTES]; /* whose camera it is: one of `hubs` */
    bool indoor;
    char codec[GRANT_CODEC_MAX_BYTES + 1]; /* empty: not known */
};

struct grant_about {
    char household[GRANT_NAME_MAX_BYTES + 1];
    char words[GRANT_WORDS_MAX_BYTES + 1]; /* from who gave it; empty: none */
    bool has_actor;
    uint8_t actor[GRANT_ACTOR_BYTES]; /* what the log calls the grantee */
    struct grant_camera cameras[GRANT_CAMERAS_MAX];
    size_t camera_count;
    struct hub_certificate hubs[GRANT_HUBS_MAX]; /* verified, when read */
    struct blob envelopes[GRANT_HUBS_MAX];       /* the same, as the household signed them */
    size_t hub_count;
};
void grant_about_clear(struct grant_about *a);

/* Appends the JSON. ERR_INVALID: a text is not UTF-8. ERR_LIMIT: GRANT_ABOUT_MAX_BYTES. */
err grant_about_encode(const struct grant_about *a, struct blob *out, struct diag *d) CHECKED;

/* Reads what grant_open found, of that statement. Replaces *out.
 *   ERR_INVALID  names the field     ERR_LIMIT  too large
 *   ERR_FORGED   a camera that the statement does not name, or a hub that its issuer did not certify */
err grant_about_read(struct bytes text, const struct grant_statement *s, struct grant_about *out,
                     struct diag *d) CHECKED;

#endif
