/* make_messages.c: envelopes, household objects, successions, commands, replies, pairing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/seal.h"
#include "format/camera_object.h"
#include "format/certificate.h"
#include "format/command.h"
#include "format/household.h"
#include "format/object.h"
#include "format/pairing.h"
#include "make.h"

static void ephemeral_of(const char *label, uint8_t out[BOX_SECRET_BYTES]) {
    make_bytes(label, out, BOX_SECRET_BYTES);
}

static void envelope_case(json_t *cases, const char *name, const char *error, const char *domain,
                          struct bytes raw) {
    struct envelope envelope;
    struct diag d = {0};
    err e = envelope_verify(raw, domain, &envelope, &d);
    if ((e == ERR_OK) != (error == NULL)) MUST(ERR_CONFLICT);
    json_t *one = json_pack("{s:s, s:s, s:o}", "name", name, "domain", domain, "envelope", make_hex(raw));
    if (!e) {
        json_object_set_new(one, "signer", make_hex(BYTES_OF(envelope.signer)));
        json_object_set_new(one, "message", make_hex(envelope.message));
    }
    make_case(cases, error, one);
}

static void make_envelope(const char *folder) {
    json_t *cases = json_array();
    struct sign_key key;
    make_sign_key("envelope", &key);
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob empty = {0};
    MUST(envelope_sign(&key, "cardea/1 object", bytes_text("a message"), &raw));
    MUST(envelope_sign(&key, "cardea/1 object", (struct bytes){0}, &empty));
    struct bytes whole = blob_bytes(&raw);
    envelope_case(cases, "a message", NULL, "cardea/1 object", whole);
    envelope_case(cases, "an empty message", NULL, "cardea/1 object", blob_bytes(&empty));
    envelope_case(cases, "another domain", "forged", "cardea/1 grant", whole);
    static const struct {
        const char *name, *error;
        size_t at;
    } flips[] = {{"another magic", "invalid", 1},
                 {"another version", "invalid", 4},
                 {"another signer", "forged", 5},
                 {"another signature", "forged", 40},
                 {"another message", "forged", ENVELOPE_OVERHEAD_BYTES}};
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        raw.data[flips[i].at] ^= 1;
        envelope_case(cases, flips[i].name, flips[i].error, "cardea/1 object", whole);
        raw.data[flips[i].at] ^= 1;
    }
    envelope_case(cases, "cut short", "invalid", "cardea/1 object",
                  BYTES(raw.data, ENVELOPE_OVERHEAD_BYTES - 1));
    make_file(folder, "envelope.json", "Signed envelopes.", "docs/formats.md, \"Signed\"", cases);
}

static void object_case(json_t *cases, const char *name, const char *error, const char *key,
                        struct bytes raw) {
    struct object object;
    struct diag d = {0};
    struct sign_key signer;
    make_sign_key("household sign", &signer);
    err e = object_verify_from(raw, signer.public_key, key, &object, &d);
    if ((e == ERR_OK) != (error == NULL)) MUST(ERR_CONFLICT);
    json_t *one = json_pack("{s:s, s:s, s:o, s:o}", "name", name, "key", key, "signer",
                            make_hex(BYTES_OF(signer.public_key)), "object", make_hex(raw));
    if (!e) {
        json_object_set_new(one, "version", json_integer((json_int_t)object.version));
        json_object_set_new(one, "payload", make_hex(object.payload));
    }
    make_case(cases, error, one);
}

/* An envelope around a message that object_sign would not make. */
static void object_odd(json_t *cases, const char *name, const char *key, struct bytes message) {
    struct sign_key signer;
    make_sign_key("household sign", &signer);
    AUTO(blob_clear) struct blob raw = {0};
    MUST(envelope_sign(&signer, "cardea/1 object", message, &raw));
    object_case(cases, name, "invalid", key, blob_bytes(&raw));
}

static void make_object(const char *folder) {
    json_t *cases = json_array();
    struct sign_key signer, other;
    make_sign_key("household sign", &signer);
    make_sign_key("stranger", &other);
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob forged = {0};
    MUST(object_sign(&signer, "hub/00ff", 7, bytes_text("payload"), &raw));
    MUST(object_sign(&other, "hub/00ff", 7, bytes_text("payload"), &forged));
    struct bytes whole = blob_bytes(&raw);
    object_case(cases, "an object", NULL, "hub/00ff", whole);
    object_case(cases, "in another object's place", "forged", "hub/00fe", whole);
    object_case(cases, "signed by somebody else", "forged", "hub/00ff", blob_bytes(&forged));
    raw.data[raw.len - 1] ^= 1;
    object_case(cases, "another payload", "forged", "hub/00ff", whole);
    object_odd(cases, "a key longer than the message", "a",
               BYTES("\x00\x09"
                     "a",
                     3));
    object_odd(cases, "no version", "a",
               BYTES("\x00\x01"
                     "a\0\0",
                     5));
    object_odd(cases, "version 0", "a",
               BYTES("\x00\x01"
                     "a\0\0\0\0\0\0\0\0",
                     11));
    object_odd(cases, "a key with a capital", "A",
               BYTES("\x00\x01"
                     "A\0\0\0\0\0\0\0\1",
                     11));
    object_odd(cases, "an empty key", "",
               BYTES("\x00\x00"
                     "\0\0\0\0\0\0\0\1",
                     10));
    object_odd(cases, "a key with a slash at its end", "a/",
               BYTES("\x00\x02"
                     "a/\0\0\0\0\0\0\0\1",
                     12));
    make_file(folder, "object.json", "Objects as they are read by who knows the signer and the key.",
              "docs/formats.md, \"Household objects\"", cases);
}

/* The people of the play: one household, one hub, one account. */
struct cast {
    struct household_keys household;
    struct sign_key hub_sign, writer;
    struct box_key hub_box, account;
    uint8_t hub[HUB_ID_BYTES];
    struct blob certificate;
};

static void cast_init(struct cast *c) {
    *c = (struct cast){0};
    make_bytes("household id", c->household.id, sizeof c->household.id);
    memcpy(c->household.name, "Home", 5);
    make_box_key("household box", &c->household.box);
    make_sign_key("household sign", &c->household.sign);
    make_sign_key("hub sign", &c->hub_sign);
    make_box_key("hub box", &c->hub_box);
    make_sign_key("writer", &c->writer);
    make_box_key("account box", &c->account);
    hub_id_of(c->hub_sign.public_key, c->hub);
    struct hub_certificate certificate = {.added = {1700000000000000}};
    memcpy(certificate.sign, c->hub_sign.public_key, SIGN_PUBLIC_BYTES);
    memcpy(certificate.box, c->hub_box.public_key, BOX_PUBLIC_BYTES);
    memcpy(certificate.writer, c->writer.public_key, SIGN_PUBLIC_BYTES);
    AUTO(blob_clear) struct blob payload = {0};
    char key[HUB_KEY_TEXT_BYTES];
    hub_certificate_key(c->hub, key);
    MUST(hub_certificate_encode(&certificate, &payload));
    MUST(object_sign(&c->household.sign, key, 1, blob_bytes(&payload), &c->certificate));
}

/* Keys that were succeeded `times` times. */
static void succeed(const struct cast *c, int times, struct household_keys *out) {
    uint8_t log_key[HOUSEHOLD_LOG_KEY_BYTES];
    make_bytes("household log key", log_key, sizeof log_key);
    *out = c->household;
    for (int i = 0; i < times; i++) {
        struct box_key box;
        struct sign_key sign;
        struct household_keys before = *out;
        char name[32];
        snprintf(name, sizeof name, "successor %d", i + 1);
        make_box_key(name, &box);
        make_sign_key(name, &sign);
        MUST(
            household_keys_succeed_with(&before, log_key, 1700000000u + (unsigned)i, &box, &sign, out, NULL));
    }
}

static json_t *former_json(const struct household_keys *k) {
    json_t *list = json_array();
    for (size_t i = 0; i < k->chain.count; i++)
        json_array_append_new(list, make_hex(BYTES_OF(k->former[i].secret)));
    return list;
}

static void keys_case(json_t *cases, const char *name, const char *error, const struct cast *c,
                      const char *key, const struct household_keys *k) {
    uint8_t ephemeral[BOX_SECRET_BYTES];
    AUTO(blob_clear) struct blob payload = {0}, object = {0};
    ephemeral_of(name, ephemeral);
    MUST(household_keys_seal_with(k, c->account.public_key, ephemeral, &payload));
    MUST(object_sign(&k->sign, key, k->chain.count + 1, blob_bytes(&payload), &object));
    json_t *one = json_pack("{s:s, s:s, s:o, s:o, s:o, s:s}", "name", name, "kind", "keys", "account_secret",
                            make_hex(BYTES_OF(c->account.secret)), "household", make_hex(BYTES_OF(k->id)),
                            "object", make_hex(blob_bytes(&object)), "key", key);
    if (!error) {
        json_object_set_new(one, "ephemeral", make_hex(BYTES_OF(ephemeral)));
        json_object_set_new(one, "box", make_hex(BYTES_OF(k->box.secret)));
        json_object_set_new(one, "sign", make_hex(BYTES_OF(k->sign.seed)));
        json_object_set_new(one, "title", json_string(k->name));
        json_object_set_new(one, "payload", make_hex(blob_bytes(&payload)));
        json_object_set_new(one, "log", make_hex(BYTES_OF(k->log_key)));
        json_object_set_new(one, "former", former_json(k));
        json_object_set_new(one, "known", make_hex(BYTES_OF(c->household.sign.public_key)));
        json_object_set_new(one, "present", make_hex(BYTES_OF(k->sign.public_key)));
    }
    make_case(cases, error, one);
}

static void make_succeeded(json_t *cases, const struct cast *c, const char *key) {
    struct household_keys *k = calloc(1, sizeof *k);
    if (!k) MUST(ERR_NO_MEMORY);
    succeed(c, 1, k);
    keys_case(cases, "keys that were succeeded once", NULL, c, key, k);
    succeed(c, 3, k);
    keys_case(cases, "keys that were succeeded three times", NULL, c, key, k);
    make_box_key("another box", &k->former[2]);
    keys_case(cases, "a former key that the chain does not name", "forged", c, key, k);
    succeed(c, 2, k);
    make_sign_key("another sign", &k->sign);
    keys_case(cases, "a chain that ends at another key", "forged", c, key, k);
    succeed(c, 2, k);
    memcpy(k->id, c->hub, sizeof k->id);
    keys_case(cases, "a chain of another household", "forged", c, key, k);
    succeed(c, SUCCESSIONS_MAX, k);
    keys_case(cases, "the most successions", NULL, c, key, k);
    household_keys_clear(k);
    free(k);
}

/* A chain as it is given out, held by who knows `known` against `signer`. */
static void chain_case(json_t *cases, const char *name, const char *error,
                       const struct succession_chain *chain, const uint8_t known[32],
                       const uint8_t signer[32]) {
    json_t *list = json_array();
    for (size_t i = 0; i < chain->count; i++)
        json_array_append_new(list, make_hex(BYTES(chain->links[i].raw, chain->links[i].len)));
    make_case(cases, error,
              json_pack("{s:s, s:o, s:o, s:o}", "name", name, "chain", list, "known",
                        make_hex(BYTES(known, 32)), "signer", make_hex(BYTES(signer, 32))));
}

static void raw_case(json_t *cases, const char *name, const char *error, const struct cast *c,
                     struct bytes raw) {
    AUTO(json_release) json_t *list = json_array();
    json_array_append_new(list, make_hex(raw));
    make_case(cases, error,
              json_pack("{s:s, s:O, s:o, s:o}", "name", name, "chain", list, "known",
                        make_hex(BYTES_OF(c->household.sign.public_key)), "signer",
                        make_hex(BYTES_OF(c->household.sign.public_key))));
}

static void odd_statements(json_t *cases, const struct cast *c) {
    struct sign_key next, other;
    struct box_key box;
    struct succession s = {.n = 1, .time = 1700000000};
    AUTO(blob_clear) struct blob good = {0}, text = {0}, raw = {0};
    make_sign_key("successor 1", &next);
    make_sign_key("another sign", &other);
    make_box_key("successor 1", &box);
    memcpy(s.household, c->household.id, sizeof s.household);
    memcpy(s.box, box.public_key, sizeof s.box);
    MUST(succession_make(&s, &c->household.sign, &next, &good));
    raw_case(cases, "cut short", "forged", c, BYTES(good.data, good.len - 1));
    struct bytes message = BYTES(good.data + ENVELOPE_OVERHEAD_BYTES, good.len - ENVELOPE_OVERHEAD_BYTES);
    MUST(envelope_sign(&other, "cardea/1 succession", message, &raw));
    raw_case(cases, "a proof for another former key", "forged", c, blob_bytes(&raw));
    raw.len = 0;
    MUST(envelope_sign(&c->household.sign, "cardea/1 grant", message, &raw));
    raw_case(cases, "signed as something else", "forged", c, blob_bytes(&raw));
    raw.len = 0;
    MUST(blob_append(&text, message));
    char *n = memmem(text.data, text.len, "\"n\":1", 5);
    if (!n) MUST(ERR_INVALID);
    n[4] = '0';
    MUST(envelope_sign(&c->household.sign, "cardea/1 succession", blob_bytes(&text), &raw));
    raw_case(cases, "number 0", "invalid", c, blob_bytes(&raw));
    raw.len = 0;
    n[4] = '2';
    MUST(envelope_sign(&c->household.sign, "cardea/1 succession", blob_bytes(&text), &raw));
    raw_case(cases, "another number than the proof's", "forged", c, blob_bytes(&raw));
}

static void make_succession(const char *folder, const struct cast *c) {
    json_t *cases = json_array();
    struct household_keys *k = calloc(1, sizeof *k);
    struct succession_chain *odd = calloc(1, sizeof *odd);
    if (!k || !odd) MUST(ERR_NO_MEMORY);
    succeed(c, 3, k);
    const struct succession_chain *chain = &k->chain;
    const uint8_t *first = c->household.sign.public_key, *second = chain->links[0].statement.sign,
                  *third = chain->links[1].statement.sign, *last = k->sign.public_key;
    chain_case(cases, "from the first key to the last", NULL, chain, first, last);
    json_t *one = json_array_get(cases, 0);
    json_object_set_new(one, "household", make_hex(BYTES_OF(k->id)));
    json_object_set_new(one, "former_seed", make_hex(BYTES_OF(c->household.sign.seed)));
    struct sign_key next;
    make_sign_key("successor 1", &next);
    json_object_set_new(one, "next_seed", make_hex(BYTES_OF(next.seed)));
    json_object_set_new(one, "next_box", make_hex(BYTES_OF(chain->links[0].statement.box)));
    json_object_set_new(one, "time", json_integer((json_int_t)chain->links[0].statement.time));
    chain_case(cases, "from the first to one between", NULL, chain, first, third);
    chain_case(cases, "from one between to the last", NULL, chain, second, last);
    chain_case(cases, "the known key itself, though the chain goes on", NULL, chain, second, second);
    chain_case(cases, "an empty chain, and the known key", NULL, odd, first, first);
    chain_case(cases, "an empty chain, and another key", "forged", odd, first, last);
    chain_case(cases, "back from the last to the first", "forged", chain, last, first);
    chain_case(cases, "back by one", "forged", chain, third, second);
    chain_case(cases, "from a key that it does not have", "forged", chain, c->hub_sign.public_key, last);
    chain_case(cases, "to a key that it does not have", "forged", chain, first, c->hub_sign.public_key);
    *odd = *chain;
    odd->links[0] = odd->links[1];
    chain_case(cases, "it begins with number 2", "forged", odd, second, last);
    *odd = *chain;
    odd->links[1] = odd->links[2];
    odd->count = 2;
    chain_case(cases, "a number is missing", "forged", odd, first, last);
    *odd = *chain;
    odd->links[1] = odd->links[0];
    chain_case(cases, "a number twice", "forged", odd, first, last);
    odd_statements(cases, c);
    make_file(folder, "succession.json",
              "Chains of successions, oldest first: each read, then asked whether it leads from \"known\" to "
              "\"signer\". Of "
              "the first, its first statement is what the keys of \"former_seed\", \"next_seed\" and "
              "\"next_box\" make.",
              "docs/formats.md, \"Succession\"", cases);
    household_keys_clear(k);
    free(k);
    free(odd);
}

static void make_household(const char *folder, const struct cast *c) {
    json_t *cases = json_array();
    uint8_t ephemeral[BOX_SECRET_BYTES];
    char key[HOUSEHOLD_KEY_TEXT_BYTES];
    AUTO(blob_clear) struct blob payload = {0};
    AUTO(blob_clear) struct blob object = {0};
    ephemeral_of("household ephemeral", ephemeral);
    household_keys_key(c->account.public_key, key);
    MUST(household_keys_seal_with(&c->household, c->account.public_key, ephemeral, &payload));
    MUST(object_sign(&c->household.sign, key, 1, blob_bytes(&payload), &object));
    make_case(cases, NULL,
              json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:s}", "name",
                        "an owner's copy of the keys", "kind", "keys", "account_secret",
                        make_hex(BYTES_OF(c->account.secret)), "ephemeral", make_hex(BYTES_OF(ephemeral)),
                        "household", make_hex(BYTES_OF(c->household.id)), "box",
                        make_hex(BYTES_OF(c->household.box.secret)), "sign",
                        make_hex(BYTES_OF(c->household.sign.seed)), "title", c->household.name, "payload",
                        make_hex(blob_bytes(&payload)), "object", make_hex(blob_bytes(&object)), "key", key));
    make_case(cases, "forged",
              json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", "another account", "kind", "keys",
                        "account_secret", make_hex(BYTES_OF(c->hub_box.secret)), "household",
                        make_hex(BYTES_OF(c->household.id)), "object", make_hex(blob_bytes(&object))));
    make_case(cases, "forged",
              json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", "another household's id", "kind", "keys",
                        "account_secret", make_hex(BYTES_OF(c->account.secret)), "household",
                        make_hex(BYTES_OF(c->hub)), "object", make_hex(blob_bytes(&object))));
    object.len = 0;
    MUST(object_sign(&c->hub_sign, key, 1, blob_bytes(&payload), &object));
    make_case(cases, "forged",
              json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", "keys that the household did not sign", "kind",
                        "keys", "account_secret", make_hex(BYTES_OF(c->account.secret)), "household",
                        make_hex(BYTES_OF(c->household.id)), "object", make_hex(blob_bytes(&object))));
    make_case(cases, NULL,
              json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "name", "a hub's certificate", "kind",
                        "certificate", "signer", make_hex(BYTES_OF(c->household.sign.public_key)), "object",
                        make_hex(blob_bytes(&c->certificate)), "hub", make_hex(BYTES_OF(c->hub)), "sign",
                        make_hex(BYTES_OF(c->hub_sign.public_key)), "box",
                        make_hex(BYTES_OF(c->hub_box.public_key)), "added", "2023-11-14T22:13:20.000Z"));
    make_case(cases, "forged",
              json_pack("{s:s, s:s, s:o, s:o}", "name", "a certificate of another household", "kind",
                        "certificate", "signer", make_hex(BYTES_OF(c->hub_sign.public_key)), "object",
                        make_hex(blob_bytes(&c->certificate))));
    struct hub_certificate other = {.added = {1700000000000000}};
    memcpy(other.sign, c->writer.public_key, SIGN_PUBLIC_BYTES);
    payload.len = object.len = 0;
    MUST(hub_certificate_encode(&other, &payload));
    char hub_key[HUB_KEY_TEXT_BYTES];
    hub_certificate_key(c->hub, hub_key);
    MUST(object_sign(&c->household.sign, hub_key, 1, blob_bytes(&payload), &object));
    make_case(cases, "forged",
              json_pack("{s:s, s:s, s:o, s:o}", "name", "a certificate in another hub's place", "kind",
                        "certificate", "signer", make_hex(BYTES_OF(c->household.sign.public_key)), "object",
                        make_hex(blob_bytes(&object))));
    make_succeeded(cases, c, key);
    make_file(folder, "household.json",
              "The household's keys as an owner opens them (\"log\", \"former\" and \"present\", the key "
              "that the chain leads to, "
              "once they were succeeded; \"known\" is the first signing key), and hubs' certificates.",
              "docs/formats.md, \"Household objects\"", cases);
}

static void make_camera(const char *folder, const struct cast *c) {
    json_t *cases = json_array();
    uint8_t camera[CAMERA_ID_BYTES], ephemeral[BOX_SECRET_BYTES], aad[CAMERA_ID_BYTES + 4];
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob sealed = {0};
    make_bytes("camera", camera, sizeof camera);
    make_root("camera root", &root);
    ephemeral_of("camera ephemeral", ephemeral);
    memcpy(aad, camera, sizeof camera);
    be32_put(aad + sizeof camera, 2);
    MUST(timekey_encode(&root, &raw));
    MUST(box_seal_with(c->household.box.public_key, ephemeral, "cardea/1 root", BYTES_OF(aad),
                       blob_bytes(&raw), &sealed));
    static const struct {
        const char *name, *error;
        int epoch;
        uint8_t flip;
    } tries[] = {
        {"a root", NULL, 2, 0}, {"another epoch", "forged", 3, 0}, {"another camera", "forged", 2, 1}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        camera[0] ^= tries[i].flip;
        make_case(cases, tries[i].error,
                  json_pack("{s:s, s:s, s:o, s:o, s:i, s:o, s:o}", "name", tries[i].name, "kind", "root",
                            "household_secret", make_hex(BYTES_OF(c->household.box.secret)), "camera",
                            make_hex(BYTES_OF(camera)), "epoch", tries[i].epoch, "payload",
                            make_hex(blob_bytes(&sealed)), "expected", make_set(&root)));
        camera[0] ^= tries[i].flip;
    }
    sealed.len = 0;
    struct bytes json = bytes_text("{\"v\":1,\"name\":\"Porch\",\"kind\":\"main\"}");
    MUST(box_seal_with(c->household.box.public_key, ephemeral, "cardea/1 profile", BYTES_OF(camera), json,
                       &sealed));
    make_case(cases, NULL,
              json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", "a profile", "kind", "profile",
                        "household_secret", make_hex(BYTES_OF(c->household.box.secret)), "camera",
                        make_hex(BYTES_OF(camera)), "payload", make_hex(blob_bytes(&sealed)), "expected",
                        make_hex(json)));
    make_file(folder, "camera.json", "A camera's roots and profile as boxes to the household.",
              "docs/formats.md, \"Household objects\"", cases);
}

static void command_case(json_t *cases, const char *name, const char *error, const struct cast *c,
                         int64_t now_us, const uint8_t id[COMMAND_ID_BYTES], struct bytes raw) {
    struct command command = {0};
    struct diag d = {0};
    err e = command_open(raw, id, &c->hub_box, c->hub, c->household.sign.public_key, (struct wall_us){now_us},
                         &command, &d);
    if ((e == ERR_OK) != (error == NULL)) MUST(ERR_CONFLICT);
    json_t *one =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:I, s:o}", "name", name, "hub_secret",
                  make_hex(BYTES_OF(c->hub_box.secret)), "hub", make_hex(BYTES_OF(c->hub)), "household",
                  make_hex(BYTES_OF(c->household.sign.public_key)), "id",
                  make_hex(BYTES(id, COMMAND_ID_BYTES)), "now", (json_int_t)now_us, "command", make_hex(raw));
    if (!e)
        json_object_set_new(one, "expected",
                            json_pack("{s:I, s:s, s:O}", "time", (json_int_t)command.time.us, "verb",
                                      command.verb, "args", command.args));
    command_clear(&command);
    make_case(cases, error, one);
}

/* Signed words in a box to this hub, as somebody would make it who has opened a command to another one. */
static void rebox(const struct cast *c, const char *words, const uint8_t ephemeral[BOX_SECRET_BYTES],
                  struct blob *out) {
    AUTO(blob_clear) struct blob envelope = {0};
    MUST(envelope_sign(&c->household.sign, "cardea/1 command", bytes_text(words), &envelope));
    MUST(box_seal_with(c->hub_box.public_key, ephemeral, "cardea/1 command", BYTES_OF(c->hub),
                       blob_bytes(&envelope), out));
}

static void foreign_command_cases(json_t *cases, const struct cast *c, int64_t time,
                                  const uint8_t id[COMMAND_ID_BYTES],
                                  const uint8_t ephemeral[BOX_SECRET_BYTES]) {
    static const struct {
        const char *name, *error, *hub;
    } tries[] = {{"signed for another hub, and boxed anew to this one", "forged",
                  "\"hub\":\"00112233445566778899aabbccddeeff\","},
                 {"signed without a hub", "invalid", ""}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        AUTO(blob_clear) struct blob raw = {0};
        char words[256], hex[2 * COMMAND_ID_BYTES + 1];
        hex_encode(BYTES(id, COMMAND_ID_BYTES), hex);
        snprintf(words, sizeof words,
                 "{\"id\":\"%s\",\"time\":%lld,%s\"verb\":\"camera.remove\",\"args\":{}}", hex,
                 (long long)time, tries[i].hub);
        rebox(c, words, ephemeral, &raw);
        command_case(cases, tries[i].name, tries[i].error, c, time, id, blob_bytes(&raw));
    }
}

static void make_command(const char *folder, const struct cast *c) {
    const int64_t time = 1700000000000000;
    json_t *cases = json_array();
    uint8_t ephemeral[BOX_SECRET_BYTES], other[COMMAND_ID_BYTES] = {1};
    struct command command = {.time = {time}, .verb = "camera.remove"};
    make_bytes("command id", command.id, sizeof command.id);
    command.args = json_pack("{s:s}", "camera", "00112233445566778899aabbccddeeff");
    ephemeral_of("command ephemeral", ephemeral);
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob forged = {0};
    MUST(command_seal_with(&command, &c->household.sign, c->hub_box.public_key, c->hub, ephemeral, &raw));
    MUST(command_seal_with(&command, &c->writer, c->hub_box.public_key, c->hub, ephemeral, &forged));
    struct bytes whole = blob_bytes(&raw);
    command_case(cases, "a command", NULL, c, time + 1000, command.id, whole);
    json_object_set_new(json_array_get(cases, 0), "ephemeral", make_hex(BYTES_OF(ephemeral)));
    json_object_set_new(json_array_get(cases, 0), "seed", make_hex(BYTES_OF(c->household.sign.seed)));
    command_case(cases, "five minutes old", NULL, c, time + COMMAND_SKEW_US, command.id, whole);
    command_case(cases, "older than five minutes", "denied", c, time + COMMAND_SKEW_US + 1, command.id,
                 whole);
    command_case(cases, "more than five minutes ahead", "denied", c, time - COMMAND_SKEW_US - 1, command.id,
                 whole);
    command_case(cases, "under another id", "forged", c, time, other, whole);
    command_case(cases, "by another signer", "forged", c, time, command.id, blob_bytes(&forged));
    raw.data[60] ^= 1;
    command_case(cases, "a flipped bit", "forged", c, time, command.id, whole);
    raw.data[60] ^= 1;
    foreign_command_cases(cases, c, time, command.id, ephemeral);
    command_case(cases, "shorter than a box", "invalid", c, time, command.id, BYTES(raw.data, 40));
    command_clear(&command);
    make_file(folder, "command.json", "Commands as a hub opens them.", "docs/protocol.md, \"Command\"",
              cases);
}

static void reply_case(json_t *cases, const char *name, const char *error, const struct cast *c,
                       const uint8_t id[COMMAND_ID_BYTES], struct bytes raw) {
    struct reply reply = {0};
    struct diag d = {0};
    err e = reply_open(raw, id, &c->household.box, c->hub_sign.public_key, &reply, &d);
    if ((e == ERR_OK) != (error == NULL)) MUST(ERR_CONFLICT);
    json_t *one = json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", name, "household_secret",
                            make_hex(BYTES_OF(c->household.box.secret)), "hub_sign",
                            make_hex(BYTES_OF(c->hub_sign.public_key)), "id",
                            make_hex(BYTES(id, COMMAND_ID_BYTES)), "reply", make_hex(raw));
    if (!e)
        json_object_set_new(
            one, "expected",
            reply.ok ? json_pack("{s:b, s:O}", "ok", 1, "result", reply.result)
                     : json_pack("{s:b, s:s, s:s}", "ok", 0, "error", reply.error, "message", reply.message));
    reply_clear(&reply);
    make_case(cases, error, one);
}

static void make_reply(const char *folder, const struct cast *c) {
    json_t *cases = json_array();
    uint8_t ephemeral[BOX_SECRET_BYTES], id[COMMAND_ID_BYTES], other[COMMAND_ID_BYTES] = {1};
    struct reply good = {.ok = true, .result = json_pack("{s:i}", "fps", 25)};
    struct reply bad = {.error = "not_found", .message = "there is no such camera"};
    make_bytes("command id", id, sizeof id);
    ephemeral_of("reply ephemeral", ephemeral);
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob refused = {0};
    AUTO(blob_clear) struct blob forged = {0};
    MUST(reply_seal_with(&good, id, &c->hub_sign, c->household.box.public_key, ephemeral, &raw));
    MUST(reply_seal_with(&bad, id, &c->hub_sign, c->household.box.public_key, ephemeral, &refused));
    MUST(reply_seal_with(&good, id, &c->writer, c->household.box.public_key, ephemeral, &forged));
    reply_case(cases, "done", NULL, c, id, blob_bytes(&raw));
    reply_case(cases, "refused", NULL, c, id, blob_bytes(&refused));
    reply_case(cases, "of another command", "forged", c, other, blob_bytes(&raw));
    reply_case(cases, "by another hub", "forged", c, id, blob_bytes(&forged));
    raw.data[70] ^= 1;
    reply_case(cases, "a flipped bit", "forged", c, id, blob_bytes(&raw));
    reply_case(cases, "shorter than a box", "invalid", c, id, BYTES(raw.data, 47));
    reply_clear(&good);
    make_file(folder, "reply.json", "Replies as an owner opens them.", "docs/protocol.md, \"Command\"",
              cases);
}

static void code_case(json_t *cases, const char *name, const char *error, const char *text) {
    uint8_t secret[PAIRING_SECRET_BYTES];
    struct pairing p;
    struct diag d = {0};
    err e = pairing_parse(text, secret, &d);
    if ((e == ERR_OK) != (error == NULL)) MUST(ERR_CONFLICT);
    json_t *one = json_pack("{s:s, s:s, s:s}", "name", name, "kind", "code", "text", text);
    if (!e) {
        pairing_derive(secret, &p);
        json_object_set_new(one, "secret", make_hex(BYTES_OF(secret)));
        json_object_set_new(one, "id", make_hex(BYTES_OF(p.id)));
        json_object_set_new(one, "key", make_hex(BYTES_OF(p.key)));
    }
    make_case(cases, error, one);
}

static void answer_case(json_t *cases, const char *name, const char *error, const struct cast *c,
                        const struct pairing *p, struct bytes raw) {
    struct pairing_answer answer = {0};
    struct diag d = {0};
    err e = pairing_answer_open(raw, p, &c->hub_box, c->hub_sign.public_key, &answer, &d);
    if ((e == ERR_OK) != (error == NULL)) MUST(ERR_CONFLICT);
    pairing_answer_clear(&answer);
    json_t *one = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", name, "kind", "answer", "key",
                            make_hex(BYTES_OF(p->key)), "hub_secret", make_hex(BYTES_OF(c->hub_box.secret)),
                            "hub_sign", make_hex(BYTES_OF(c->hub_sign.public_key)), "answer", make_hex(raw));
    if (!e)
        json_object_set_new(one, "expected",
                            json_pack("{s:o, s:o, s:o, s:o, s:o}", "household",
                                      make_hex(BYTES_OF(c->household.id)), "box",
                                      make_hex(BYTES_OF(c->household.box.public_key)), "sign",
                                      make_hex(BYTES_OF(c->household.sign.public_key)), "writer",
                                      make_hex(BYTES_OF(c->writer.seed)), "certificate",
                                      make_hex(blob_bytes(&c->certificate))));
    make_case(cases, error, one);
}

static void make_pairing(const char *folder, const struct cast *c) {
    json_t *cases = json_array();
    uint8_t secret[PAIRING_SECRET_BYTES], mac[32], ephemeral[BOX_SECRET_BYTES];
    char text[PAIRING_TEXT_BYTES];
    struct pairing p, other = {0};
    make_bytes("pairing", secret, sizeof secret);
    pairing_format(secret, text);
    pairing_derive(secret, &p);
    code_case(cases, "a code", NULL, text);
    code_case(cases, "letters that are read as digits, in lower case, without dashes", NULL,
              "oil0 1234abcd efgh");
    code_case(cases, "all the same letter", NULL, "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
    code_case(cases, "a letter that is in no code", "invalid", "UZZZ-ZZZZ-ZZZZ-ZZZZ");
    code_case(cases, "one letter short", "invalid", "ZZZZ-ZZZZ-ZZZZ-ZZZ");
    code_case(cases, "one letter long", "invalid", "ZZZZ-ZZZZ-ZZZZ-ZZZZ-Z");
    pairing_mac(&p, c->hub_sign.public_key, c->hub_box.public_key, mac);
    make_case(cases, NULL,
              json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", "what the hub posts", "kind", "mac", "key",
                        make_hex(BYTES_OF(p.key)), "sign", make_hex(BYTES_OF(c->hub_sign.public_key)), "box",
                        make_hex(BYTES_OF(c->hub_box.public_key)), "mac", make_hex(BYTES_OF(mac))));
    make_case(cases, "forged",
              json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", "keys exchanged on the way", "kind", "mac",
                        "key", make_hex(BYTES_OF(p.key)), "sign", make_hex(BYTES_OF(c->writer.public_key)),
                        "box", make_hex(BYTES_OF(c->hub_box.public_key)), "mac", make_hex(BYTES_OF(mac))));
    struct pairing_answer answer = {.writer = c->writer, .certificate = c->certificate};
    memcpy(answer.household, c->household.id, sizeof answer.household);
    memcpy(answer.box, c->household.box.public_key, BOX_PUBLIC_BYTES);
    memcpy(answer.sign, c->household.sign.public_key, SIGN_PUBLIC_BYTES);
    ephemeral_of("pairing ephemeral", ephemeral);
    AUTO(blob_clear) struct blob raw = {0};
    MUST(pairing_answer_seal_with(&answer, &p, c->hub_box.public_key, ephemeral, &raw));
    answer_case(cases, "the answer", NULL, c, &p, blob_bytes(&raw));
    answer_case(cases, "an answer made without the code", "forged", c, &other, blob_bytes(&raw));
    raw.len = 0;
    make_sign_key("stranger", &answer.writer);
    MUST(pairing_answer_seal_with(&answer, &p, c->hub_box.public_key, ephemeral, &raw));
    answer_case(cases, "a certificate of another writer", "forged", c, &p, blob_bytes(&raw));
    answer.writer = c->writer;
    memcpy(answer.sign, c->hub_sign.public_key, SIGN_PUBLIC_BYTES);
    raw.len = 0;
    MUST(pairing_answer_seal_with(&answer, &p, c->hub_box.public_key, ephemeral, &raw));
    answer_case(cases, "a certificate of another household", "forged", c, &p, blob_bytes(&raw));
    make_file(
        folder, "pairing.json",
        "Pairing codes and what is derived from them, the hub's MAC over its keys, and the answer as the hub "
        "opens it.",
        "docs/protocol.md, \"Pairing\"", cases);
}

void make_messages(const char *folder) {
    struct cast c;
    cast_init(&c);
    make_envelope(folder);
    make_object(folder);
    make_household(folder, &c);
    make_succession(folder, &c);
    make_camera(folder, &c);
    make_command(folder, &c);
    make_reply(folder, &c);
    make_pairing(folder, &c);
    blob_clear(&c.certificate);
}
