/* Fails the Nth allocation of our own code, for each N: the answer is ERR_NO_MEMORY, outputs are as they
 * were, nothing leaks (the address sanitizer looks) and nothing is read that was not made. Linked with
 * --wrap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "format/event.h"
#include "format/grant_about.h"
#include "format/household.h"
#include "format/invitation.h"
#include "format/keyring.h"
#include "format/object.h"
#include "format/pairing.h"
#include "format/segment_reader.h"
#include "format/segment_writer.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static long allocations_left = -1; /* -1: as many as wanted */

static bool granted(void) {
    if (allocations_left < 0) return true;
    return allocations_left-- > 0;
}

void *__wrap_malloc(size_t size) {
    return granted() ? __real_malloc(size) : NULL;
}
void *__wrap_calloc(size_t count, size_t size) {
    return granted() ? __real_calloc(count, size) : NULL;
}
void *__wrap_realloc(void *old, size_t size) {
    return granted() ? __real_realloc(old, size) : NULL;
}

/* What every operation works on, made while memory is plentiful. */
static struct world {
    struct timekey_set root;
    struct sign_key sign;
    struct box_key box;
    struct grant_statement statement;
    struct household_keys household;
    struct keyring keyring;
    struct keyring_access access;
    struct passphrase_keys keys;
    struct pairing pairing;
    struct blob revocation, about, invitation;
    struct pairing invited;
    struct grant_about told;
    struct blob segment, grant, sealed_keyring, event, household_object;
    char recovery[RECOVERY_TEXT_BYTES];
} world;

static const uint8_t camera[CAMERA_ID_BYTES] = {1};

static err write_segment(struct blob *out) {
    struct segment_writer *w = segment_writer_new(camera, &world.sign);
    if (!w) return ERR_NO_MEMORY;
    uint8_t data[300] = {0};
    const struct segment_totals totals = {0};
    err e = segment_writer_begin(w, &world.root, 1, 100, out);
    if (!e) e = segment_writer_record(w, &world.root, RECORD_INIT, 100, BYTES_OF(data), out);
    if (!e) e = segment_writer_record(w, &world.root, RECORD_FRAGMENT, 101, BYTES_OF(data), out);
    if (!e) e = segment_writer_end(w, &totals, out);
    segment_writer_free(w);
    return e;
}

/* Without the end: a signature stops the program when there is no memory for it (sign.h). */
static err do_write(struct blob *out) {
    struct segment_writer *w = segment_writer_new(camera, &world.sign);
    if (!w) return ERR_NO_MEMORY;
    err e = segment_writer_begin(w, &world.root, 1, 100, out);
    if (!e) e = segment_writer_record(w, &world.root, RECORD_INIT, 100, bytes_text("init"), out);
    if (!e) e = segment_writer_record(w, &world.root, RECORD_FRAGMENT, 101, bytes_text("frame"), out);
    segment_writer_free(w);
    return e;
}

static err ignore_record(void *context, enum record_kind kind, uint32_t slot, struct bytes data) {
    (void)context, (void)kind, (void)slot, (void)data;
    return ERR_OK;
}

static err do_read(struct blob *out) {
    (void)out;
    struct segment_reader *r = segment_reader_new();
    if (!r) return ERR_NO_MEMORY;
    struct diag d;
    err e = segment_read(r, &world.root, blob_bytes(&world.segment), ignore_record, NULL, &d);
    segment_reader_free(r);
    return e;
}

static err do_scan(struct blob *out) {
    (void)out;
    struct reel_scanner *s = reel_scanner_new(camera, 1);
    if (!s) return ERR_NO_MEMORY;
    struct diag d;
    err e = reel_scanner_feed(s, blob_bytes(&world.segment), NULL, NULL, &d);
    reel_scanner_free(s);
    return e;
}

static err do_event(struct blob *out) {
    uint8_t id[EVENT_ID_BYTES];
    return event_seal(&world.root, EVENT_KIND_EVENT, camera, 1, 100, bytes_text("{}"), id, out);
}

static err do_event_open(struct blob *out) {
    struct event_head head;
    return event_open(&world.root, EVENT_KIND_EVENT, blob_bytes(&world.event), &head, out, NULL);
}

static err do_cover(struct blob *out) {
    (void)out;
    struct timekey_set cover = {0};
    err e = timekey_cover(&world.root, 1, TIMEKEY_SLOT_END - 1, &cover);
    if (e) assert_null(cover.nodes);
    if (!e) e = timekey_remove(&cover, 1000, 2000);
    if (!e) e = timekey_encode(&cover, out);
    timekey_set_clear(&cover);
    return e;
}

static err do_grant(struct blob *out) {
    struct grant_part part = {.epoch = 1, .keys = world.root};
    memcpy(part.camera, camera, sizeof camera);
    return grant_issue(&world.statement, &world.sign, bytes_text("{}"), &part, 1, out, NULL);
}

static err do_grant_open(struct blob *out) {
    (void)out;
    struct grant_statement s;
    struct grant_parts parts = {0};
    err e = grant_open(blob_bytes(&world.grant), world.sign.public_key, &world.box, &s, &parts, NULL);
    if (e) assert_null(parts.parts);
    grant_parts_clear(&parts);
    return e;
}

static err do_revocation(struct blob *out) {
    (void)out;
    struct grant_revocation r;
    return grant_revocation_read(blob_bytes(&world.revocation), world.sign.public_key, &r, NULL);
}

static err do_about(struct blob *out) {
    (void)out;
    struct grant_about *about = &world.told;
    err e = grant_about_read(blob_bytes(&world.about), &world.statement, about, NULL);
    if (e) assert_int_equal(about->camera_count, 0);
    grant_about_clear(about);
    return e;
}

static err do_invitation(struct blob *out) {
    (void)out;
    struct invitation_answer a = {0};
    err e = invitation_answer_open(blob_bytes(&world.invitation), &world.invited, &world.box, &a, NULL);
    invitation_answer_clear(&a);
    return e;
}

static err do_keyring(struct blob *out) {
    return keyring_seal(&world.keyring, out);
}

static err do_unlock(struct blob *out) {
    (void)out;
    struct keyring k;
    return keyring_unlock(blob_bytes(&world.sealed_keyring), KEYRING_BY_PASSPHRASE, &world.keys, &k, NULL);
}

static err do_household(struct blob *out) {
    return household_keys_seal(&world.household, world.box.public_key, out);
}

static err do_household_open(struct blob *out) {
    (void)out;
    struct household_keys k;
    return household_keys_open(&world.box, world.household.id, blob_bytes(&world.household_object), &k, NULL);
}

static void prepare(void) {
    const struct passphrase_cost low = {8192, 1};
    struct world *w = &world;
    AUTO(blob_clear) struct blob payload = {0};
    char key[HOUSEHOLD_KEY_TEXT_BYTES];
    assert_int_equal(timekey_generate(&w->root), ERR_OK);
    sign_key_generate(&w->sign);
    box_key_generate(&w->box);
    box_key_generate(&w->household.box);
    w->household.sign = w->sign;
    w->statement = (struct grant_statement){.camera_count = 1, .from = 5, .to = 500, .expires = 9};
    memcpy(w->statement.cameras[0], camera, sizeof camera);
    memcpy(w->statement.grantee, w->box.public_key, BOX_PUBLIC_BYTES);
    assert_int_equal(
        keyring_create(bytes_text("a passphrase"), low, &w->keyring, w->recovery, &w->access, NULL), ERR_OK);
    assert_int_equal(passphrase_derive(bytes_text("a passphrase"), w->access.salt, low, &w->keys, NULL),
                     ERR_OK);
    assert_int_equal(write_segment(&w->segment), ERR_OK);
    w->statement.witness_count = 1;
    assert_int_equal(do_grant(&w->grant), ERR_OK);
    assert_int_equal(do_keyring(&w->sealed_keyring), ERR_OK);
    const struct invitation_answer answer = {.role = INVITATION_MEMBER};
    struct hub_certificate hub = {0};
    AUTO(blob_clear) struct blob certificate = {0};
    char hub_key[HUB_KEY_TEXT_BYTES];
    memcpy(hub.sign, w->sign.public_key, sizeof hub.sign);
    hub_id_of(hub.sign, hub.hub);
    hub_certificate_key(hub.hub, hub_key);
    assert_int_equal(hub_certificate_encode(&hub, &certificate), ERR_OK);
    assert_int_equal(object_sign(&w->sign, hub_key, 1, blob_bytes(&certificate), &w->told.envelopes[0]),
                     ERR_OK);
    w->told.hub_count = w->told.camera_count = 1;
    memcpy(w->told.cameras[0].hub, hub.hub, HUB_ID_BYTES);
    memcpy(w->statement.issuer, w->sign.public_key, SIGN_PUBLIC_BYTES);
    memcpy(w->told.cameras[0].id, camera, sizeof camera);
    assert_int_equal(grant_revocation_make(&w->sign, w->statement.id, 7, &w->revocation), ERR_OK);
    assert_int_equal(grant_about_encode(&w->told, &w->about, NULL), ERR_OK);
    grant_about_clear(&w->told);
    assert_int_equal(invitation_answer_seal(&answer, &w->invited, w->box.public_key, &w->invitation), ERR_OK);
    assert_int_equal(do_event(&w->event), ERR_OK);
    assert_int_equal(do_household(&payload), ERR_OK);
    household_keys_key(w->box.public_key, key);
    assert_int_equal(object_sign(&w->sign, key, 1, blob_bytes(&payload), &w->household_object), ERR_OK);
}

static void clear(void) {
    timekey_set_clear(&world.root);
    blob_clear(&world.segment);
    blob_clear(&world.grant);
    blob_clear(&world.revocation);
    blob_clear(&world.about);
    blob_clear(&world.invitation);
    blob_clear(&world.sealed_keyring);
    blob_clear(&world.event);
    blob_clear(&world.household_object);
}

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    static const struct {
        const char *label;
        err (*act)(struct blob *out);
    } acts[] = {{"write a segment", do_write},
                {"read a segment", do_read},
                {"scan a reel", do_scan},
                {"seal an event", do_event},
                {"open an event", do_event_open},
                {"cover, remove, encode", do_cover},
                {"open a grant", do_grant_open},
                {"read a revocation", do_revocation},
                {"read what a grant tells", do_about},
                {"open an invitation's answer", do_invitation},
                {"seal a keyring", do_keyring},
                {"unlock a keyring", do_unlock},
                {"seal household keys", do_household},
                {"open household keys", do_household_open}};
    prepare();
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        err e = ERR_NO_MEMORY;
        long n = 0;
        for (; e && n < 1000; n++) {
            struct blob out = {0};
            allocations_left = n;
            e = acts[i].act(&out);
            allocations_left = -1;
            blob_clear(&out);
            if (e && e != ERR_NO_MEMORY) fail_msg("%s, allocation %ld: %s", acts[i].label, n, err_text(e));
        }
        if (e) fail_msg("%s: still not done", acts[i].label);
        if (n < 2) fail_msg("%s: allocated nothing, so nothing was tried", acts[i].label);
    }
    clear();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_may_fail)};
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
