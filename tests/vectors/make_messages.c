/* make_messages.c: envelopes, household objects, commands, replies, pairing. */
#include <stdio.h>
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
    make_file(folder, "household.json",
              "The household's keys as an owner opens them, and hubs' certificates.",
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
    make_camera(folder, &c);
    make_command(folder, &c);
    make_reply(folder, &c);
    make_pairing(folder, &c);
    blob_clear(&c.certificate);
}
