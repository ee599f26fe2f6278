/* Commands by which a household's keys are succeeded: who may, what of it is kept, and who is refused from
 * then on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/hash.h"
#include "format/household.h"
#include "hub/hub.h"

struct scene {
    char folder[64];
    struct hub hub;
    struct identity identity;
    struct household_keys first, next, other; /* other: what the first key's holder could make too */
    uint8_t id[COMMAND_ID_BYTES];
};

static void certificate_of(const struct scene *s, const struct sign_key *by, struct blob *out) {
    struct hub_certificate c = {.added = {1700000000000000}};
    AUTO(blob_clear) struct blob payload = {0};
    char key[HUB_KEY_TEXT_BYTES];
    memcpy(c.sign, s->identity.sign.public_key, sizeof c.sign);
    memcpy(c.box, s->identity.box.public_key, sizeof c.box);
    memcpy(c.writer, s->identity.household.writer.public_key, sizeof c.writer);
    hub_certificate_key(s->identity.hub, key);
    out->len = 0;
    assert_int_equal(hub_certificate_encode(&c, &payload), ERR_OK);
    assert_int_equal(object_sign(by, key, 2, blob_bytes(&payload), out), ERR_OK);
}

static struct scene *scene_new(void) {
    static const uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES];
    struct scene *s = calloc(1, sizeof *s);
    struct diag d = {{0}};
    assert_non_null(s);
    snprintf(s->folder, sizeof s->folder, "/tmp/cardea-succeed-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    assert_int_equal(identity_load(s->folder, &s->identity, &d), ERR_OK);
    box_key_generate(&s->first.box);
    sign_key_generate(&s->first.sign);
    random_bytes(s->first.id, sizeof s->first.id);
    assert_int_equal(household_keys_succeed(&s->first, log_key, 1700000000, &s->next, &d), ERR_OK);
    assert_int_equal(household_keys_succeed(&s->first, log_key, 1700000001, &s->other, &d), ERR_OK);
    struct pairing_answer *h = &s->identity.household;
    memcpy(h->household, s->first.id, sizeof h->household);
    memcpy(h->sign, s->first.sign.public_key, sizeof h->sign);
    memcpy(h->box, s->first.box.public_key, sizeof h->box);
    sign_key_generate(&h->writer);
    s->identity.paired = true;
    s->hub.identity = &s->identity;
    s->hub.data = s->folder;
    random_bytes(s->id, sizeof s->id);
    return s;
}

static void scene_free(struct scene *s) {
    char path[96];
    identity_clear(&s->identity);
    for (const char *const *name = (const char *const[]){"identity.json", "household.json", NULL}; *name;
         name++) {
        snprintf(path, sizeof path, "%s/%s", s->folder, *name);
        unlink(path);
    }
    rmdir(s->folder);
    free(s);
}

/* A command with that chain, sealed to the hub and signed by `by`. */
static void command_of(const struct scene *s, const char *verb, const struct household_keys *chain_of,
                       const struct sign_key *by, const struct sign_key *certified_by, struct blob *out) {
    struct command c = {.time = wall_now()};
    AUTO(blob_clear) struct blob certificate = {0};
    certificate_of(s, certified_by, &certificate);
    memcpy(c.id, s->id, sizeof c.id);
    snprintf(c.verb, sizeof c.verb, "%s", verb);
    c.args = json_pack("{s:o, s:o}", "succession", succession_chain_json(&chain_of->chain), "certificate",
                       json_base64(blob_bytes(&certificate)));
    out->len = 0;
    assert_int_equal(command_seal(&c, by, s->identity.box.public_key, s->identity.hub, out), ERR_OK);
    command_clear(&c);
}

static err try(struct scene *s, const char *verb, const struct household_keys *chain_of,
               const struct sign_key *by, const struct sign_key *certified_by, bool *fresh) {
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(command_clear) struct command c = {0};
    AUTO(json_release) json_t *result = NULL;
    uint8_t signer[SIGN_PUBLIC_BYTES];
    struct diag d = {{0}};
    const struct identity *me = &s->identity;
    command_of(s, verb, chain_of, by, certified_by, &raw);
    memcpy(signer, me->household.sign, sizeof signer);
    err e = command_open(blob_bytes(&raw), s->id, &me->box, me->hub, me->household.sign, wall_now(), &c, &d);
    if (e == ERR_FORGED) e = hub_succession_open(&s->hub, s->id, blob_bytes(&raw), &c, signer, &d);
    if (!e) e = hub_succeed(&s->hub, &c, signer, &result, &d);
    if (!e && fresh) *fresh = json_is_true(json_object_get(result, "fresh"));
    return e;
}

static void test_who_may(void **state) {
    (void)state;
    struct scene *s = scene_new();
    struct sign_key stranger;
    sign_key_generate(&stranger);
    const struct sign_key *next = &s->next.sign;
    const struct {
        const char *label, *verb;
        const struct household_keys *chain;
        const struct sign_key *by, *certified;
    } refused[] = {
        {"a stranger, with a chain that is sound", "succeed", &s->next, &stranger, next},
        {"the former key, for a successor that is sound", "succeed", &s->next, &s->first.sign, next},
        {"the successor, with another's chain", "succeed", &s->other, next, next},
        {"the successor, without one", "succeed", &s->first, next, next},
        {"another verb by the successor", "epoch", &s->next, next, next},
        {"a certificate by the former key", "succeed", &s->next, next, &s->first.sign},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (try(s, refused[i].verb, refused[i].chain, refused[i].by, refused[i].certified, NULL) !=
            ERR_FORGED)
            fail_msg("%s: it was not refused as forged", refused[i].label);
        assert_memory_equal(s->identity.household.sign, s->first.sign.public_key, SIGN_PUBLIC_BYTES);
    }
    scene_free(s);
}

static void test_taken_and_kept(void **state) {
    (void)state;
    struct scene *s = scene_new();
    struct identity again;
    struct diag d = {{0}};
    bool fresh = false;
    assert_int_equal(try(s, "succeed", &s->next, &s->next.sign, &s->next.sign, &fresh), ERR_OK);
    assert_true(fresh);
    assert_false(s->identity.rekey); /* no stream was left to begin an epoch */
    assert_int_equal(try(s, "succeed", &s->next, &s->next.sign, &s->next.sign, &fresh), ERR_OK);
    assert_false(fresh);
    /* Whoever kept the former key is refused, with another successor of theirs too. */
    assert_int_equal(try(s, "succeed", &s->other, &s->other.sign, &s->other.sign, NULL), ERR_FORGED);
    assert_int_equal(try(s, "succeed", &s->next, &s->first.sign, &s->next.sign, NULL), ERR_FORGED);
    assert_int_equal(identity_load(s->folder, &again, &d), ERR_OK);
    assert_memory_equal(again.household.sign, s->next.sign.public_key, SIGN_PUBLIC_BYTES);
    assert_memory_equal(again.household.box, s->next.box.public_key, BOX_PUBLIC_BYTES);
    assert_memory_equal(again.household.writer.seed, s->identity.household.writer.seed, SIGN_SEED_BYTES);
    identity_clear(&again);
    scene_free(s);
}

/* Ended between the keys and the epochs: the hub that starts again knows that they are to be begun. */
static void test_what_is_left_is_kept(void **state) {
    (void)state;
    struct scene *s = scene_new();
    struct identity again;
    struct diag d = {{0}};
    assert_int_equal(identity_succeed(&s->identity, s->folder, s->next.sign.public_key,
                                      s->next.box.public_key, bytes_text("certificate"), &d),
                     ERR_OK);
    assert_int_equal(identity_load(s->folder, &again, &d), ERR_OK);
    assert_true(again.rekey);
    assert_int_equal(identity_rekeyed(&again, s->folder, &d), ERR_OK);
    identity_clear(&again);
    assert_int_equal(identity_load(s->folder, &again, &d), ERR_OK);
    assert_false(again.rekey);
    identity_clear(&again);
    scene_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_may),
        cmocka_unit_test(test_taken_and_kept),
        cmocka_unit_test(test_what_is_left_is_kept),
    };
    return cmocka_run_group_tests_name("hub succeed", tests, NULL, NULL);
}
