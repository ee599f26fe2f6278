/* What a grant's holder believes of a vault: each lie by name, beside the truth. And what people paste. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/grantee.h"
#include "client/grants.h"
#include "client/members.h"
#include "tlog/checkpoint.h"
#include "tlog/cosignature.h"
#include "tlog/log_clock.h"
#include "tlog/log_entry.h"

#define NOW INT64_C(1700002000)
#define OPENING UINT64_C(0xfedcba987654) /* what this opening has in the log */

/* A household, its log, and a grant of ten seconds of one camera; `change` spoils one thing of it. */
struct scene {
    struct sign_key household, log, hub, stranger;
    struct client_grant grant; /* the holder's side */
    struct grant_statement statement;
    struct grant_about about;
    struct grant_part part;
    struct log_entry entry;
    uint8_t log_key[LOG_KEY_BYTES];
    struct sign_key *signs, *logs; /* who signs the grant, and the checkpoint */
    bool witnessed;
    uint64_t index;              /* said to be the entry's */
    struct household_keys *next; /* what `household` handed over to; owned */
    struct wall_us now;
    struct grant_answer answer;
};

static void scene_clear(struct scene *s) {
    grant_answer_clear(&s->answer);
    grant_about_clear(&s->about);
    timekey_set_clear(&s->part.keys);
    grant_about_clear(&s->grant.about);
    grant_parts_clear(&s->grant.keys);
    household_keys_clear(s->next);
    free(s->next);
}

static void scene_set(struct scene *s) {
    *s = (struct scene){.now = {NOW * 1000000}, .index = 1};
    struct grantee *who = &s->grant.who;
    sign_key_generate(&s->household);
    sign_key_generate(&s->log);
    sign_key_generate(&s->hub);
    sign_key_generate(&s->stranger);
    box_key_generate(&who->box);
    sign_key_generate(&who->sign);
    random_bytes(who->grant, sizeof who->grant);
    link_issuer(s->household.public_key, who->issuer);
    s->signs = &s->household;
    s->logs = &s->log;
    s->statement = (struct grant_statement){.purpose = GRANT_LINK,
                                            .camera_count = 1,
                                            .from = 1700001000,
                                            .to = 1700001010,
                                            .not_before = NOW - 100,
                                            .expires = NOW + 1000,
                                            .time = NOW - 100};
    memcpy(s->statement.id, who->grant, sizeof who->grant);
    memcpy(s->statement.grantee, who->box.public_key, BOX_PUBLIC_BYTES);
    memcpy(s->statement.grantee_sign, who->sign.public_key, SIGN_PUBLIC_BYTES);
    memcpy(s->statement.log, s->log.public_key, SIGN_PUBLIC_BYTES);
    assert_int_equal(timekey_generate(&s->part.keys), ERR_OK);
    log_key_derive(s->household.seed, s->log_key);
    snprintf(s->about.household, sizeof s->about.household, "home");
    s->about.has_actor = true;
    log_actor_private(s->log_key, who->sign.public_key, s->about.actor);
    s->entry = (struct log_entry){.time = s->now,
                                  .tagged = true,
                                  .acted = true,
                                  .fact_count = 1,
                                  .facts = {{LOG_OPENING_FACT, OPENING}}};
    snprintf(s->entry.kind, sizeof s->entry.kind, "grant.use");
    memcpy(s->entry.actor, s->about.actor, LOG_ACTOR_BYTES);
}

/* The vault's answer as the scene stands: a log of two entries, of which the second is the use. */
static void scene_answer(struct scene *s) {
    AUTO(blob_clear) struct blob about = {0}, text = {0};
    struct grant_answer *a = &s->answer;
    struct checkpoint c = {.origin = "vault.example", .size = 2};
    uint8_t first[HASH_BYTES], second[HASH_BYTES];
    struct diag d = {0};
    assert_int_equal(grant_about_encode(&s->about, &about, &d), ERR_OK);
    assert_int_equal(grant_issue(&s->statement, s->signs, blob_bytes(&about), &s->part, 1, &a->grant, &d),
                     ERR_OK);
    assert_int_equal(log_entry_encode(&s->entry, &a->leaf), ERR_OK);
    assert_int_equal(tlog_leaf_hash(bytes_text("something before"), first), ERR_OK);
    assert_int_equal(tlog_leaf_hash(blob_bytes(&a->leaf), second), ERR_OK);
    tlog_node_hash(first, second, c.root);
    assert_int_equal(blob_append(&a->proof, BYTES_OF(first)), ERR_OK);
    assert_int_equal(checkpoint_sign(&c, s->logs, &text), ERR_OK);
    if (s->witnessed) {
        char name[COSIGNER_NAME_BYTES];
        cosigner_name(s->hub.public_key, name);
        struct bytes signed_text = blob_bytes(&text);
        AUTO(blob_clear) struct blob line = {0};
        assert_int_equal(cosignature_sign(signed_text, name, &s->hub, NOW, &line), ERR_OK);
        assert_int_equal(blob_append(&text, blob_bytes(&line)), ERR_OK);
    }
    assert_int_equal(blob_append_u8(&text, 0), ERR_OK);
    a->checkpoint = strdup((const char *)text.data);
    a->entry = s->index;
    a->opening = OPENING;
}

static void another_household(struct scene *s) {
    s->signs = &s->stranger;
}
static void another_grant(struct scene *s) {
    s->statement.id[0] ^= 1;
}
static void somebody_elses(struct scene *s) {
    memcpy(s->statement.grantee_sign, s->stranger.public_key, SIGN_PUBLIC_BYTES);
}
static void expired(struct scene *s) {
    s->now.us = (int64_t)s->statement.expires * 1000000;
    s->entry.time = s->now;
}
static void last_second(struct scene *s) {
    s->now.us = (int64_t)(s->statement.expires - 1) * 1000000;
    s->entry.time = s->now;
}
static void too_early(struct scene *s) {
    s->now.us = (int64_t)(s->statement.not_before - GRANT_SKEW_SLOTS - 1) * 1000000;
    s->entry.time = s->now;
}
static void another_log(struct scene *s) {
    s->logs = &s->stranger;
}
static void another_place(struct scene *s) {
    s->index = 0;
}
static void a_creation(struct scene *s) {
    snprintf(s->entry.kind, sizeof s->entry.kind, "grant.create");
}
static void anothers_use(struct scene *s) {
    s->entry.actor[0] ^= 1;
}
static void nobodys_use(struct scene *s) {
    s->entry.acted = false;
}
static void yesterdays_use(struct scene *s) {
    s->entry.time.us -= (LOG_CLOCK_OFF_S + 1) * INT64_C(1000000);
}
static void a_slow_clock(struct scene *s) {
    s->entry.time.us -= LOG_CLOCK_OFF_S * INT64_C(1000000);
}
static void another_opening(struct scene *s) {
    s->entry.facts[0].value--;
}
static void no_opening(struct scene *s) {
    s->entry.fact_count = 0;
}
static void no_actor(struct scene *s) {
    s->about.has_actor = false;
}
static void used_before(struct scene *s) {
    s->grant.opened = true;
    s->grant.entry = s->index;
}
static void unwitnessed(struct scene *s) {
    memcpy(s->statement.witnesses[0], s->hub.public_key, SIGN_PUBLIC_BYTES);
    s->statement.witness_count = 1;
}
static void witnessed(struct scene *s) {
    unwitnessed(s);
    s->witnessed = true;
}
static void witnessed_by_another(struct scene *s) {
    witnessed(s);
    memcpy(s->statement.witnesses[0], s->stranger.public_key, SIGN_PUBLIC_BYTES);
}
static void an_agents(struct scene *s) {
    witnessed(s);
    s->statement.purpose = GRANT_SUPPORT;
    snprintf(s->statement.ticket, sizeof s->statement.ticket, "00112233445566778899aabbccddeeff");
    log_actor_staff(s->statement.grantee_sign, s->entry.actor);
    s->entry.facts[s->entry.fact_count++] = (struct log_fact){"grant", log_grant_fact(s->statement.id)};
}
static void an_agents_other_opening(struct scene *s) {
    an_agents(s);
    another_opening(s);
}
static void an_agents_other_grant(struct scene *s) {
    an_agents(s);
    s->entry.facts[1].value--;
}
static void a_member(struct scene *s) {
    s->statement.purpose = GRANT_MEMBER;
    s->statement.role = GRANT_ROLE_VIEWER;
    s->grant.who.by_key = true;
    memcpy(s->grant.who.issuer_key, s->household.public_key, SIGN_PUBLIC_BYTES);
}
static void a_members_other_opening(struct scene *s) {
    a_member(s);
    another_opening(s);
}
static void a_member_of_another(struct scene *s) {
    a_member(s);
    s->grant.who.issuer_key[0] ^= 1;
}
/* The household's keys were succeeded, and the vault says how. */
static void succeeded(struct scene *s) {
    static const uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES];
    struct household_keys *before = calloc(1, sizeof *before);
    s->next = calloc(1, sizeof *s->next);
    assert_true(before && s->next);
    before->sign = s->household;
    box_key_generate(&before->box);
    assert_int_equal(household_keys_succeed(before, log_key, NOW, s->next, NULL), ERR_OK);
    household_keys_clear(before);
    free(before);
    s->answer.chain = s->next->chain;
    s->signs = &s->next->sign;
}
static void succeeded_and_by_the_former(struct scene *s) {
    succeeded(s);
    s->signs = &s->household;
}
static void a_members_succeeded(struct scene *s) {
    succeeded(s);
    a_member(s);
}
static void a_chain_held_back(struct scene *s) {
    succeeded(s);
    s->answer.chain.count = 0;
}
static void a_strangers_chain(struct scene *s) {
    struct sign_key household = s->household;
    s->household = s->stranger;
    succeeded(s);
    s->household = household;
}
static void a_member_who_followed(struct scene *s) {
    a_members_succeeded(s);
    memcpy(s->grant.who.issuer_key, s->next->sign.public_key, SIGN_PUBLIC_BYTES);
}
static void back_to_the_former(struct scene *s) {
    a_member_who_followed(s);
    s->signs = &s->household;
}
static void the_truth(struct scene *s) {
    (void)s;
}

static void an_answer_is_believed_when_all_of_it_is_proven(void **state) {
    (void)state;
    static const struct {
        const char *label;
        void (*change)(struct scene *s);
        err e;
        const char *says;
    } cases[] = {
        {"the truth", the_truth, ERR_OK, NULL},
        {"its last second", last_second, ERR_OK, NULL},
        {"a vault whose clock is five minutes off", a_slow_clock, ERR_OK, NULL},
        {"a member's", a_member, ERR_OK, NULL},
        {"witnessed, as it asks", witnessed, ERR_OK, NULL},
        {"by the key that the issuer's led to", succeeded, ERR_OK, NULL},
        {"a member's, likewise", a_members_succeeded, ERR_OK, NULL},
        {"of before a succession", succeeded_and_by_the_former, ERR_OK, NULL},
        {"a member's who knows the newer key", a_member_who_followed, ERR_OK, NULL},
        {"by a former key, of who knows the newer", back_to_the_former, ERR_FORGED, "another household"},
        {"by a newer key, and no chain", a_chain_held_back, ERR_FORGED, "another household"},
        {"by a key to which a stranger's led", a_strangers_chain, ERR_FORGED, "another household"},
        {"signed by another household", another_household, ERR_FORGED, "another household"},
        {"a member's, by another household", a_member_of_another, ERR_FORGED, "another household"},
        {"another grant", another_grant, ERR_FORGED, "another grant"},
        {"for somebody else", somebody_elses, ERR_FORGED, "somebody else"},
        {"expired", expired, ERR_DENIED, "expired"},
        {"more than five minutes early", too_early, ERR_DENIED, "not valid before"},
        {"a log of another key", another_log, ERR_FORGED, "not proven"},
        {"an entry in another place", another_place, ERR_FORGED, "not proven"},
        {"an entry that is no use", a_creation, ERR_FORGED, "another entry"},
        {"somebody else's use", anothers_use, ERR_FORGED, "somebody else's use"},
        {"a use of nobody's", nobodys_use, ERR_FORGED, "somebody else's use"},
        {"a use of more than five minutes ago", yesterdays_use, ERR_FORGED, "another time"},
        {"a grant that hides what the log calls its holder", no_actor, ERR_INVALID, "its holder"},
        {"the use of the last time again", used_before, ERR_FORGED, "earlier use"},
        {"an earlier opening, within the five minutes", another_opening, ERR_FORGED, "another opening"},
        {"an entry that says of no opening", no_opening, ERR_FORGED, "another opening"},
        {"a member's earlier opening", a_members_other_opening, ERR_FORGED, "another opening"},
        {"an agent's", an_agents, ERR_OK, NULL},
        {"an agent's earlier opening", an_agents_other_opening, ERR_FORGED, "another opening"},
        {"an agent's use of another grant", an_agents_other_grant, ERR_FORGED, "another grant"},
        {"no witness, where it asks for one", unwitnessed, ERR_NOT_FOUND, "not proven"},
        {"another hub's witness", witnessed_by_another, ERR_NOT_FOUND, "not proven"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene *s = malloc(sizeof *s);
        struct diag d = {0};
        assert_non_null(s);
        scene_set(s);
        cases[i].change(s);
        scene_answer(s);
        err e = client_grant_check(&s->grant, &s->answer, s->now, &d);
        if (e != cases[i].e || (cases[i].says && !strstr(d.text, cases[i].says)))
            fail_msg("%s: %s (%s)", cases[i].label, err_text(e), d.text);
        /* Nothing is opened before everything is proven. */
        assert_int_equal(s->grant.keys.count, e ? 0 : 1);
        const uint8_t *newest = s->next ? s->next->sign.public_key : s->household.public_key;
        if (!e) assert_memory_equal(s->grant.newest, newest, SIGN_PUBLIC_BYTES);
        scene_clear(s);
        free(s);
    }
}

/* Every byte of an answer: none can be another and be believed. */
static void no_byte_of_an_answer_can_be_another(void **state) {
    (void)state;
    struct scene *s = malloc(sizeof *s);
    struct diag d = {0};
    assert_non_null(s);
    scene_set(s);
    scene_answer(s);
    struct blob *parts[] = {&s->answer.grant, &s->answer.leaf, &s->answer.proof};
    for (size_t p = 0; p < 3; p++)
        for (size_t at = 0; at < parts[p]->len; at++) {
            parts[p]->data[at] ^= 1;
            if (client_grant_check(&s->grant, &s->answer, s->now, &d) == ERR_OK)
                fail_msg("part %zu, byte %zu was changed and believed", p, at);
            parts[p]->data[at] ^= 1;
        }
    assert_int_equal(client_grant_check(&s->grant, &s->answer, s->now, &d), ERR_OK);
    scene_clear(s);
    free(s);
}

/* The keys are those of the seconds that were granted, for every second around and within. */
static void the_keys_are_of_these_seconds_and_no_others(void **state) {
    (void)state;
    struct scene *s = malloc(sizeof *s);
    struct diag d = {0};
    uint8_t leaf[TIMEKEY_BYTES];
    assert_non_null(s);
    scene_set(s);
    for (uint64_t from = 1700000990; from < 1700001010; from += 3)
        for (uint64_t to = from + 1; to < from + 40; to += 7) {
            s->statement.from = from;
            s->statement.to = to;
            s->grant.opened = false;
            grant_answer_clear(&s->answer);
            scene_answer(s);
            assert_int_equal(client_grant_check(&s->grant, &s->answer, s->now, &d), ERR_OK);
            const struct timekey_set *keys = &s->grant.keys.parts[0].keys;
            assert_true(keys->count <= TIMEKEY_COVER_MAX);
            for (uint32_t slot = (uint32_t)from - 64; slot < to + 64; slot++)
                assert_int_equal(timekey_leaf(keys, slot, leaf),
                                 slot >= from && slot < to ? ERR_OK : ERR_NOT_FOUND);
        }
    scene_clear(s);
    free(s);
}

static void invitations_are_read_as_people_paste_them(void **state) {
    (void)state;
    static const struct {
        const char *text, *vault, *code, *signup;
    } cases[] = {
        {"https://vault/#join=0123-4567-89AB-CDEF", "https://vault", "0123-4567-89AB-CDEF", ""},
        {"https://vault:8443/#join=o123-4567-89ab-cdef&signup=abc", "https://vault:8443",
         "0123-4567-89AB-CDEF", "abc"},
        {"http://127.0.0.1:1/#join=0123456789ABCDEF", "http://127.0.0.1:1", "0123-4567-89AB-CDEF", ""},
        {"https://vault/#join=", NULL, NULL, NULL},
        {"https://vault/#join=0123-4567-89AB-CDE", NULL, NULL, NULL},
        {"https://vault/#join=0123-4567-89AB-CDEF&signup=", NULL, NULL, NULL},
        {"https://vault/share/#AQAA", NULL, NULL, NULL},
        {"ftp://vault/#join=0123-4567-89AB-CDEF", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char vault[LINK_URL_MAX_BYTES], code[PAIRING_TEXT_BYTES], signup[64];
        struct diag d = {0};
        err e = members_link_parse(cases[i].text, vault, code, signup, &d);
        if (!cases[i].vault) {
            if (e != ERR_INVALID || !*d.text) fail_msg("'%s': %s", cases[i].text, err_text(e));
            continue;
        }
        assert_int_equal(e, ERR_OK);
        assert_string_equal(vault, cases[i].vault);
        assert_string_equal(code, cases[i].code);
        assert_string_equal(signup, cases[i].signup);
    }
    struct invitation invitation = {.code = "0123-4567-89AB-CDEF", .signup = "s"};
    char link[INVITATION_LINK_BYTES], vault[LINK_URL_MAX_BYTES], code[PAIRING_TEXT_BYTES], signup[64];
    assert_int_equal(members_link(&invitation, "https://vault/", link), ERR_OK);
    assert_string_equal(link, "https://vault/#join=0123-4567-89AB-CDEF&signup=s");
    assert_int_equal(members_link_parse(link, vault, code, signup, NULL), ERR_OK);
}

static void grants_are_found_by_a_beginning(void **state) {
    (void)state;
    struct grant_item items[3] = {0}, *found = NULL;
    struct grant_list l = {items, 3};
    struct diag d = {0};
    memcpy(items[0].statement.id, "\x12\x34\x56", 3);
    memcpy(items[1].statement.id, "\x12\x34\x99", 3);
    memcpy(items[2].statement.id, "\xab\xcd\xef", 3);
    assert_int_equal(grants_find(&l, "abcd", &found, &d), ERR_OK);
    assert_ptr_equal(found, &items[2]);
    assert_int_equal(grants_find(&l, "12345", &found, &d), ERR_OK);
    assert_ptr_equal(found, &items[0]);
    assert_int_equal(grants_find(&l, "1234", &found, &d), ERR_NOT_FOUND);
    assert_non_null(strstr(d.text, "several"));
    assert_int_equal(grants_find(&l, "abc", &found, &d), ERR_NOT_FOUND);
    assert_non_null(strstr(d.text, "at least four"));
    assert_int_equal(grants_find(&l, "ffff", &found, &d), ERR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_believed_when_all_of_it_is_proven),
        cmocka_unit_test(no_byte_of_an_answer_can_be_another),
        cmocka_unit_test(the_keys_are_of_these_seconds_and_no_others),
        cmocka_unit_test(invitations_are_read_as_people_paste_them),
        cmocka_unit_test(grants_are_found_by_a_beginning),
    };
    return cmocka_run_group_tests_name("grantee", tests, NULL, NULL);
}
