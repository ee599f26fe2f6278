#include "vault/grant_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "crypto/hash.h"
#include "tlog/log_entry.h"

void sharing_make(const struct daemon *d, struct sharing *s) {
    AUTO(answer_clear) struct answer a = {0};
    AUTO(blob_clear) struct blob key = {0};
    char path[128];
    *s = (struct sharing){0};
    household_make(d, &s->h);
    sign_key_generate(&s->sign);
    box_key_generate(&s->box);
    log_key_derive(s->sign.seed, s->log_key);
    ASK(d, 200, &a, "GET", "/v1/vault");
    const char *text = answer_text(&a, "log_key");
    assert_int_equal(base64_decode(text, strlen(text), &key), ERR_OK);
    assert_int_equal(key.len, sizeof s->log);
    memcpy(s->log, key.data, sizeof s->log);
    ASK(d, 204, NULL, "PUT", "/v1/household", s->h.owner_auth,
        .json = json_pack("{s:o,s:o,s:o}", "sign", json_base64(BYTES_OF(s->sign.public_key)), "box",
                          json_base64(BYTES_OF(s->box.public_key)), "log_key",
                          json_base64(BYTES_OF(s->log_key))));
    camera_make(&s->porch);
    camera_make(&s->garden);
    const struct camera *cameras[] = {&s->porch, &s->garden};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/v1/cameras/%s", cameras[i]->hex);
        ASK(d, 204, NULL, "PUT", path, s->h.owner_auth, .json = json_pack("{s:i}", "retention_days", 0));
    }
}

void sharing_clear(struct sharing *s) {
    camera_clear(&s->porch);
    camera_clear(&s->garden);
    sign_key_clear(&s->sign);
    box_key_clear(&s->box);
}

void grantee_make(struct grantee *g) {
    sign_key_generate(&g->sign);
    box_key_generate(&g->box);
}

struct grant_statement sharing_statement(const struct sharing *s, const struct grantee *g, uint64_t from,
                                         uint64_t to) {
    uint32_t now = wall_slot(wall_now());
    struct grant_statement out = {.purpose = GRANT_LINK,
                                  .camera_count = 1,
                                  .from = from,
                                  .to = to,
                                  .live = true,
                                  .not_before = now - 60,
                                  .expires = now + 3600,
                                  .time = now};
    random_bytes(out.id, sizeof out.id);
    memcpy(out.cameras[0], s->porch.id, CAMERA_ID_BYTES);
    memcpy(out.grantee, g->box.public_key, sizeof out.grantee);
    memcpy(out.grantee_sign, g->sign.public_key, sizeof out.grantee_sign);
    memcpy(out.log, s->log, sizeof out.log);
    return out;
}

void sharing_issue(const struct sharing *s, const struct grant_statement *statement, struct blob *raw) {
    struct diag d = {0};
    struct grant_part part = {.epoch = 1, .keys = s->porch.keys};
    memcpy(part.camera, statement->cameras[0], sizeof part.camera);
    raw->len = 0;
    if (grant_issue(statement, &s->sign, (struct bytes){0}, &part, 1, raw, &d)) fail_msg("%s", d.text);
}

void sharing_post(const struct daemon *d, const struct sharing *s, struct bytes raw, long status,
                  struct answer *out) {
    ASK(d, status, out, "POST", "/v1/grants", s->h.owner_auth,
        .json = json_pack("{s:o,s:o}", "grant", json_base64(raw), "note", json_base64(bytes_text("a note"))));
}

void sharing_give(const struct daemon *d, const struct sharing *s, const struct grant_statement *statement) {
    AUTO(blob_clear) struct blob raw = {0};
    sharing_issue(s, statement, &raw);
    sharing_post(d, s, blob_bytes(&raw), 201, NULL);
}

const char *grant_path(const uint8_t grant[GRANT_ID_BYTES], const char *rest, char out[128]) {
    char hex[2 * GRANT_ID_BYTES + 1];
    hex_encode(BYTES(grant, GRANT_ID_BYTES), hex);
    snprintf(out, 128, "/v1/grants/%s%s", hex, rest);
    return out;
}

static void open_with(const struct daemon *d, const struct grantee *g, const uint8_t grant[GRANT_ID_BYTES],
                      struct bytes nonce, const char *renews, uint64_t *opening, long status, char auth[128],
                      struct answer *out) {
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    AUTO(blob_clear) struct blob challenge = {0};
    uint8_t signature[SIGNATURE_BYTES];
    char path[128];
    ASK(d, 200, &a, "GET", "/v1/access/challenge");
    const char *text = answer_text(&a, "challenge");
    assert_int_equal(base64_decode(text, strlen(text), &challenge), ERR_OK);
    assert_int_equal(grant_open_sign(&g->sign, blob_bytes(&challenge), grant, signature), ERR_OK);
    if (nonce.len == LOG_OPENING_NONCE_BYTES) *opening = log_opening_fact(nonce.data, signature);
    ASK(d, status, &b, "POST", grant_path(grant, "/open", path),
        .json =
            json_pack("{s:s,s:o,s:o*,s:s*}", "challenge", text, "signature", json_base64(BYTES_OF(signature)),
                      "nonce", nonce.len ? json_base64(nonce) : NULL, "renews", renews));
    if (status == 200 && auth) snprintf(auth, 128, "Access %s", answer_text(&b, "token"));
    if (!out) return;
    answer_clear(out);
    *out = b;
    b = (struct answer){0};
}

void sharing_open(const struct daemon *d, const struct grantee *g, const uint8_t grant[GRANT_ID_BYTES],
                  long status, char auth[128], struct answer *out) {
    open_with(d, g, grant, (struct bytes){0}, NULL, NULL, status, auth, out);
}

void sharing_open_again(const struct daemon *d, const struct grantee *g, const uint8_t grant[GRANT_ID_BYTES],
                        const char *renews, long status, char auth[128], struct answer *out) {
    open_with(d, g, grant, (struct bytes){0}, renews, NULL, status, auth, out);
}

void sharing_open_as(const struct daemon *d, const struct grantee *g, const uint8_t grant[GRANT_ID_BYTES],
                     struct bytes nonce, uint64_t *opening, long status, char auth[128], struct answer *out) {
    open_with(d, g, grant, nonce, NULL, opening, status, auth, out);
}

void sharing_revoke(const struct daemon *d, const struct sharing *s, const uint8_t grant[GRANT_ID_BYTES],
                    long status) {
    AUTO(blob_clear) struct blob raw = {0};
    char path[128];
    assert_int_equal(grant_revocation_make(&s->sign, grant, wall_slot(wall_now()), &raw), ERR_OK);
    ASK(d, status, NULL, "POST", grant_path(grant, "/revoke", path), s->h.owner_auth,
        .json = json_pack("{s:o}", "revocation", json_base64(blob_bytes(&raw))));
}

/* --- the log --- */

json_t *log_of(const struct daemon *d, const struct sharing *s) {
    json_t *all = json_array();
    for (json_int_t next = 0, from = -1; next != from;) {
        AUTO(answer_clear) struct answer a = {0};
        char path[64];
        size_t i;
        json_t *row;
        from = next;
        snprintf(path, sizeof path, "/v1/log/mine?from=%lld", (long long)from);
        ASK(d, 200, &a, "GET", path, s->h.owner_auth);
        json_array_foreach(json_object_get(a.json, "entries"), i, row) {
            AUTO(blob_clear) struct blob raw = {0}, details = {0};
            struct log_entry entry;
            struct diag why = {0};
            const char *text = json_string_value(json_array_get(row, 2));
            /* What came while the answer was made stands in it, beyond its "next", and comes again. */
            if (json_integer_value(json_array_get(row, 0)) < (json_int_t)json_array_size(all)) continue;
            assert_int_equal(base64_decode(text, strlen(text), &raw), ERR_OK);
            if (log_entry_decode(blob_bytes(&raw), &entry, &why)) fail_msg("%s", why.text);
            assert_int_equal(box_open(&s->box, LOG_BOX_INFO, BYTES_OF(entry.tag), entry.details, &details),
                             ERR_OK);
            json_t *one = json_loadb((const char *)details.data, details.len, 0, NULL);
            assert_non_null(one);
            json_object_set_new(one, "kind", json_string(entry.kind));
            json_object_set_new(one, "index", json_incref(json_array_get(row, 1)));
            json_object_set_new(one, "actor", json_hex(BYTES_OF(entry.actor)));
            json_array_append_new(all, one);
        }
        next = json_integer_value(json_object_get(a.json, "next"));
    }
    return all;
}

static unsigned count_kind(json_t *entries, const char *kind) {
    unsigned count = 0;
    size_t i;
    json_t *one;
    json_array_foreach(entries, i, one) count +=
        strcmp(json_string_value(json_object_get(one, "kind")), kind) == 0;
    return count;
}

void log_wait(const struct daemon *d, const struct sharing *s, const char *kind, unsigned count) {
    int64_t until = steady_now().us + 20000000;
    for (;;) {
        AUTO(json_release) json_t *all = log_of(d, s);
        unsigned found = count_kind(all, kind);
        if (found == count) return;
        if (found > count || steady_now().us > until)
            fail_msg("the log has %u of %s, not %u", found, kind, count);
        usleep(20000);
    }
}
