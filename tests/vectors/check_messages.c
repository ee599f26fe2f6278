/* check_messages.c: envelope, object, household, camera, command, reply, pairing. */
#include <string.h>

#include "base/clock.h"
#include "check.h"
#include "format/camera_object.h"
#include "format/certificate.h"
#include "format/command.h"
#include "format/household.h"
#include "format/object.h"
#include "format/pairing.h"

static void check_envelope(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "envelope");
    struct envelope envelope;
    struct diag d = {0};
    err e = envelope_verify(blob_bytes(&raw), check_text(one, "domain"), &envelope, &d);
    check_error(one, e, &d);
    if (e) return;
    check_equal(one, "signer", BYTES_OF(envelope.signer));
    check_equal(one, "message", envelope.message);
}

static void check_object(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "object");
    uint8_t signer[SIGN_PUBLIC_BYTES];
    struct object object;
    struct diag d = {0};
    check_hex_into(one, "signer", signer, sizeof signer);
    err e = object_verify_from(blob_bytes(&raw), signer, check_text(one, "key"), &object, &d);
    check_error(one, e, &d);
    if (e) return;
    assert_int_equal(check_int(one, "version"), object.version);
    check_equal(one, "payload", object.payload);
}

static void key_of(json_t *one, const char *field, struct box_key *out) {
    uint8_t secret[BOX_SECRET_BYTES];
    check_hex_into(one, field, secret, sizeof secret);
    box_key_from_secret(secret, out);
}

static void check_certificate(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "object");
    uint8_t signer[SIGN_PUBLIC_BYTES];
    struct hub_certificate c;
    struct diag d = {0};
    check_hex_into(one, "signer", signer, sizeof signer);
    err e = hub_certificate_verify(blob_bytes(&raw), signer, &c, &d);
    check_error(one, e, &d);
    if (e) return;
    char added[WALL_TEXT_BYTES];
    wall_format(c.added, added);
    check_equal(one, "hub", BYTES_OF(c.hub));
    check_equal(one, "sign", BYTES_OF(c.sign));
    check_equal(one, "box", BYTES_OF(c.box));
    assert_string_equal(check_text(one, "added"), added);
}

/* Once they were succeeded. */
static void check_former(json_t *one, const struct household_keys *keys) {
    json_t *former = json_object_get(one, "former");
    uint8_t known[SIGN_PUBLIC_BYTES];
    assert_int_equal(json_array_size(former), keys->chain.count);
    if (!former) return;
    check_equal(one, "log", BYTES_OF(keys->log_key));
    check_equal(one, "present", BYTES_OF(keys->sign.public_key));
    for (size_t i = 0; i < keys->chain.count; i++) {
        uint8_t secret[BOX_SECRET_BYTES];
        assert_int_equal(
            hex_decode(json_string_value(json_array_get(former, i)), (struct buffer){secret, sizeof secret}),
            ERR_OK);
        assert_memory_equal(secret, keys->former[i].secret, sizeof secret);
    }
    check_hex_into(one, "known", known, sizeof known);
    assert_int_equal(succession_chain_leads(&keys->chain, keys->id, known, keys->sign.public_key, NULL),
                     ERR_OK);
}

static void check_household(json_t *one) {
    if (strcmp(check_text(one, "kind"), "certificate") == 0) {
        check_certificate(one);
        return;
    }
    AUTO(blob_clear) struct blob raw = check_hex(one, "object");
    struct box_key account;
    struct household_keys keys;
    struct diag d = {0};
    uint8_t id[HOUSEHOLD_ID_BYTES];
    key_of(one, "account_secret", &account);
    check_hex_into(one, "household", id, sizeof id);
    err e = household_keys_open(&account, id, blob_bytes(&raw), &keys, &d);
    check_error(one, e, &d);
    if (e) return;
    check_equal(one, "box", BYTES_OF(keys.box.secret));
    check_equal(one, "sign", BYTES_OF(keys.sign.seed));
    assert_string_equal(check_text(one, "title"), keys.name);
    uint8_t ephemeral[BOX_SECRET_BYTES];
    check_hex_into(one, "ephemeral", ephemeral, sizeof ephemeral);
    AUTO(blob_clear) struct blob payload = {0};
    assert_int_equal(household_keys_seal_with(&keys, account.public_key, ephemeral, &payload), ERR_OK);
    check_equal(one, "payload", blob_bytes(&payload));
    check_former(one, &keys);
}

/* The first case's first statement is made anew, too. */
static void check_made(json_t *one, const struct succession_chain *chain) {
    struct succession s = {.n = 1, .time = (uint64_t)check_int(one, "time")};
    uint8_t seed[SIGN_SEED_BYTES];
    struct sign_key former, next;
    AUTO(blob_clear) struct blob raw = {0};
    check_hex_into(one, "household", s.household, sizeof s.household);
    check_hex_into(one, "next_box", s.box, sizeof s.box);
    check_hex_into(one, "former_seed", seed, sizeof seed);
    sign_key_from_seed(seed, &former);
    check_hex_into(one, "next_seed", seed, sizeof seed);
    sign_key_from_seed(seed, &next);
    assert_int_equal(succession_make(&s, &former, &next, &raw), ERR_OK);
    assert_true(bytes_equal(blob_bytes(&raw), BYTES(chain->links[0].raw, chain->links[0].len)));
}

static void check_succession(json_t *one) {
    static struct succession_chain chain;
    json_t *list = json_object_get(one, "chain"), *item;
    size_t i;
    uint8_t known[SIGN_PUBLIC_BYTES], signer[SIGN_PUBLIC_BYTES];
    struct diag d = {0};
    err e = ERR_OK;
    chain = (struct succession_chain){0};
    check_hex_into(one, "known", known, sizeof known);
    check_hex_into(one, "signer", signer, sizeof signer);
    json_array_foreach(list, i, item) {
        uint8_t raw[SUCCESSION_MAX_BYTES];
        size_t len = json_string_length(item) / 2;
        if (e) break;
        assert_true(len <= sizeof raw);
        assert_int_equal(hex_decode(json_string_value(item), (struct buffer){raw, len}), ERR_OK);
        e = succession_chain_add(&chain, BYTES(raw, len), &d);
    }
    if (!e) e = succession_chain_leads(&chain, NULL, known, signer, &d);
    check_error(one, e, &d);
    if (!e && json_object_get(one, "former_seed")) check_made(one, &chain);
}

static void check_camera(json_t *one) {
    AUTO(blob_clear) struct blob payload = check_hex(one, "payload");
    AUTO(blob_clear) struct blob out = {0};
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    struct box_key household;
    struct diag d = {0};
    uint8_t camera[CAMERA_ID_BYTES];
    key_of(one, "household_secret", &household);
    check_hex_into(one, "camera", camera, sizeof camera);
    err e;
    if (strcmp(check_text(one, "kind"), "profile") == 0) {
        e = camera_profile_open(&household, camera, blob_bytes(&payload), &out, &d);
    } else {
        e = camera_root_open(&household, camera, (uint32_t)check_int(one, "epoch"), blob_bytes(&payload),
                             &root, &d);
        if (!e) e = timekey_encode(&root, &out);
    }
    check_error(one, e, &d);
    if (!e) check_equal(one, "expected", blob_bytes(&out));
}

static void check_command(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "command");
    struct box_key hub_box;
    uint8_t hub[HUB_ID_BYTES], household[SIGN_PUBLIC_BYTES], id[COMMAND_ID_BYTES];
    struct command c = {0};
    struct diag d = {0};
    key_of(one, "hub_secret", &hub_box);
    check_hex_into(one, "hub", hub, sizeof hub);
    check_hex_into(one, "household", household, sizeof household);
    check_hex_into(one, "id", id, sizeof id);
    const struct wall_us now = {check_int(one, "now")};
    err e = command_open(blob_bytes(&raw), id, &hub_box, hub, household, now, &c, &d);
    check_error(one, e, &d);
    if (e) return;
    json_t *expected = json_object_get(one, "expected");
    assert_int_equal(check_int(expected, "time"), c.time.us);
    assert_string_equal(check_text(expected, "verb"), c.verb);
    assert_true(json_equal(json_object_get(expected, "args"), c.args));
    command_clear(&c);
}

static void check_reply(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "reply");
    struct box_key household;
    uint8_t hub_sign[SIGN_PUBLIC_BYTES], id[COMMAND_ID_BYTES];
    struct reply r = {0};
    struct diag d = {0};
    key_of(one, "household_secret", &household);
    check_hex_into(one, "hub_sign", hub_sign, sizeof hub_sign);
    check_hex_into(one, "id", id, sizeof id);
    err e = reply_open(blob_bytes(&raw), id, &household, hub_sign, &r, &d);
    check_error(one, e, &d);
    if (e) return;
    json_t *expected = json_object_get(one, "expected");
    assert_int_equal(json_is_true(json_object_get(expected, "ok")), r.ok);
    if (r.ok) {
        assert_true(json_equal(json_object_get(expected, "result"), r.result));
    } else {
        assert_string_equal(check_text(expected, "error"), r.error);
        assert_string_equal(check_text(expected, "message"), r.message);
    }
    reply_clear(&r);
}

static void check_code(json_t *one) {
    uint8_t secret[PAIRING_SECRET_BYTES];
    struct pairing p;
    struct diag d = {0};
    err e = pairing_parse(check_text(one, "text"), secret, &d);
    check_error(one, e, &d);
    if (e) return;
    pairing_derive(secret, &p);
    check_equal(one, "secret", BYTES_OF(secret));
    check_equal(one, "id", BYTES_OF(p.id));
    check_equal(one, "key", BYTES_OF(p.key));
}

static void check_answer(json_t *one, const struct pairing *p) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "answer");
    AUTO(pairing_answer_clear) struct pairing_answer a = {0};
    struct box_key hub_box;
    uint8_t hub_sign[SIGN_PUBLIC_BYTES];
    struct diag d = {0};
    key_of(one, "hub_secret", &hub_box);
    check_hex_into(one, "hub_sign", hub_sign, sizeof hub_sign);
    err e = pairing_answer_open(blob_bytes(&raw), p, &hub_box, hub_sign, &a, &d);
    check_error(one, e, &d);
    if (e) return;
    json_t *expected = json_object_get(one, "expected");
    check_equal(expected, "household", BYTES_OF(a.household));
    check_equal(expected, "box", BYTES_OF(a.box));
    check_equal(expected, "sign", BYTES_OF(a.sign));
    check_equal(expected, "writer", BYTES_OF(a.writer.seed));
    check_equal(expected, "certificate", blob_bytes(&a.certificate));
}

static void check_pairing(json_t *one) {
    const char *kind = check_text(one, "kind");
    if (strcmp(kind, "code") == 0) {
        check_code(one);
        return;
    }
    struct pairing p = {0};
    check_hex_into(one, "key", p.key, sizeof p.key);
    if (strcmp(kind, "answer") == 0) {
        check_answer(one, &p);
        return;
    }
    uint8_t sign[SIGN_PUBLIC_BYTES], box[BOX_PUBLIC_BYTES], mac[32];
    struct diag d = {0};
    check_hex_into(one, "sign", sign, sizeof sign);
    check_hex_into(one, "box", box, sizeof box);
    check_hex_into(one, "mac", mac, sizeof mac);
    check_error(one, pairing_check(&p, sign, box, mac, &d), &d);
}

void check_message_files(void **state) {
    (void)state;
    check_file("envelope.json", check_envelope);
    check_file("object.json", check_object);
    check_file("household.json", check_household);
    check_file("succession.json", check_succession);
    check_file("camera.json", check_camera);
    check_file("command.json", check_command);
    check_file("reply.json", check_reply);
    check_file("pairing.json", check_pairing);
}
