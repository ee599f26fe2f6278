/* make_shares.c: links, revocations, and the signatures that open grants. */
#include <string.h>

#include "crypto/hash.h"
#include "format/grant.h"
#include "format/invitation.h"
#include "format/link.h"
#include "make.h"

static void link_case(json_t *cases, const char *name, const struct link *l, const char *password) {
    char text[LINK_TEXT_BYTES];
    struct link_keys keys;
    MUST(link_format(l, "https://vault.example:8443", text));
    MUST(link_derive(l, bytes_text(password), &keys, NULL));
    make_case(cases, NULL,
              json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", name, "link",
                        text, "password", password, "vault", "https://vault.example:8443", "has_password",
                        (int)l->password, "grant", make_hex(BYTES_OF(l->grant)), "issuer",
                        make_hex(BYTES_OF(l->issuer)), "secret", make_hex(BYTES_OF(l->secret)), "box",
                        make_hex(BYTES_OF(keys.box.secret)), "box_public",
                        make_hex(BYTES_OF(keys.box.public_key)), "sign", make_hex(BYTES_OF(keys.sign.seed)),
                        "sign_public", make_hex(BYTES_OF(keys.sign.public_key))));
}

static void link_refusals(json_t *cases, const struct link *l) {
    char text[LINK_TEXT_BYTES], changed[LINK_TEXT_BYTES + 4];
    MUST(link_format(l, "https://vault.example", text));
    char *fragment = strchr(text, '#') + 1;
    const size_t at = (size_t)(fragment - text);
    static const struct {
        const char *name;
        size_t at;
        char to;
    } changes[] = {{"another version", 1, 'g'}, {"unknown flags", 2, 'w'}, {"not base64url", 5, '+'}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        memcpy(changed, text, sizeof text);
        changed[at + changes[i].at] = changes[i].to;
        make_case(cases, "invalid", json_pack("{s:s, s:s}", "name", changes[i].name, "link", changed));
    }
    snprintf(changed, sizeof changed, "%.*s", (int)strlen(text) - 4, text);
    make_case(cases, "invalid", json_pack("{s:s, s:s}", "name", "cut short", "link", changed));
    snprintf(changed, sizeof changed, "%sAAAA", text);
    make_case(cases, "invalid", json_pack("{s:s, s:s}", "name", "longer", "link", changed));
    make_case(cases, "invalid",
              json_pack("{s:s, s:s}", "name", "another page", "link", "https://vault.example/#AQAA"));
    make_case(cases, "invalid",
              json_pack("{s:s, s:s}", "name", "another scheme", "link", "ftp://vault.example/share/#AQAA"));
    make_case(cases, "invalid",
              json_pack("{s:s, s:s}", "name", "nothing after #", "link", "https://vault.example/share/#"));
}

static void make_links(const char *folder) {
    json_t *cases = json_array();
    struct sign_key household;
    struct link l = {0};
    make_sign_key("household sign", &household);
    link_issuer(household.public_key, l.issuer);
    make_bytes("link grant", l.grant, sizeof l.grant);
    make_bytes("link secret", l.secret, sizeof l.secret);
    link_case(cases, "without a password", &l, "");
    l.password = true;
    link_case(cases, "with a password", &l, "open sesame");
    link_case(cases, "another password", &l, "Open sesame");
    link_case(cases, "a password that is not ASCII", &l, "größe ✓");
    l.password = false;
    link_refusals(cases, &l);
    make_file(folder, "link.json",
              "Links, and the grantee's keys that come from one and its password. \"issuer\" is the first 16 "
              "bytes of SHA-256 of the household's key.",
              "docs/trust.md, \"A link\"", cases);
}

static void revocation_case(json_t *cases, const char *name, const char *error, struct bytes raw,
                            const uint8_t household[32], const uint8_t grant[16], uint64_t time) {
    make_case(cases, error,
              json_pack("{s:s, s:o, s:o, s:o, s:I}", "name", name, "revocation", make_hex(raw), "household",
                        make_hex(BYTES(household, 32)), "grant", make_hex(BYTES(grant, 16)), "time",
                        (json_int_t)time));
}

static void make_revocations(const char *folder) {
    json_t *cases = json_array();
    struct sign_key household, other;
    uint8_t grant[GRANT_ID_BYTES], another[GRANT_ID_BYTES];
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob wrong = {0};
    make_sign_key("household sign", &household);
    make_sign_key("stranger", &other);
    make_bytes("grant id", grant, sizeof grant);
    make_bytes("another grant", another, sizeof another);
    MUST(grant_revocation_make(&household, grant, SLOT, &raw));
    json_t *one = NULL;
    revocation_case(cases, "an ordinary one", NULL, blob_bytes(&raw), household.public_key, grant, SLOT);
    one = json_array_get(cases, 0);
    json_object_set_new(one, "seed", make_hex(BYTES_OF(household.seed)));
    revocation_case(cases, "replayed for another grant", "forged", blob_bytes(&raw), household.public_key,
                    another, SLOT);
    revocation_case(cases, "held against another household", "forged", blob_bytes(&raw), other.public_key,
                    grant, SLOT);
    raw.data[raw.len - 3] ^= 1;
    revocation_case(cases, "another time written in", "forged", blob_bytes(&raw), household.public_key, grant,
                    SLOT);
    raw.data[raw.len - 3] ^= 1;
    revocation_case(cases, "cut short", "forged", BYTES(raw.data, raw.len - 1), household.public_key, grant,
                    SLOT);
    MUST(envelope_sign(&household, "cardea/1 grant",
                       BYTES(raw.data + ENVELOPE_OVERHEAD_BYTES, raw.len - ENVELOPE_OVERHEAD_BYTES), &wrong));
    revocation_case(cases, "signed as something else", "forged", blob_bytes(&wrong), household.public_key,
                    grant, SLOT);
    wrong.len = 0;
    MUST(envelope_sign(&household, "cardea/1 revoke", bytes_text("{\"v\":1,\"grant\":\"00\",\"time\":1}"),
                       &wrong));
    revocation_case(cases, "an id that cannot be", "invalid", blob_bytes(&wrong), household.public_key, grant,
                    SLOT);
    make_file(
        folder, "revocation.json",
        "Revocations, each read by that household and held against \"grant\". A good case is what \"seed\" "
        "makes.",
        "docs/trust.md, \"One statement, two enforcers\"", cases);
}

static void open_case(json_t *cases, const char *name, const char *error, const struct sign_key *key,
                      struct bytes challenge, const uint8_t grant[16], const uint8_t signature[64]) {
    make_case(cases, error,
              json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", name, "grantee_sign",
                        make_hex(BYTES_OF(key->public_key)), "challenge", make_hex(challenge), "grant",
                        make_hex(BYTES(grant, 16)), "signature", make_hex(BYTES(signature, 64))));
}

static void make_opens(const char *folder) {
    json_t *cases = json_array();
    struct sign_key key, other;
    uint8_t grant[GRANT_ID_BYTES], another[GRANT_ID_BYTES], challenge[48], signature[SIGNATURE_BYTES];
    make_sign_key("grantee sign key", &key);
    make_sign_key("stranger", &other);
    make_bytes("grant id", grant, sizeof grant);
    make_bytes("another grant", another, sizeof another);
    make_bytes("challenge", challenge, sizeof challenge);
    MUST(grant_open_sign(&key, BYTES_OF(challenge), grant, signature));
    open_case(cases, "an ordinary one", NULL, &key, BYTES_OF(challenge), grant, signature);
    json_object_set_new(json_array_get(cases, 0), "seed", make_hex(BYTES_OF(key.seed)));
    open_case(cases, "of another grant", "forged", &key, BYTES_OF(challenge), another, signature);
    open_case(cases, "by another key", "forged", &other, BYTES_OF(challenge), grant, signature);
    open_case(cases, "of another challenge", "forged", &key, BYTES(challenge, 47), grant, signature);
    sign_message(&key, "cardea/1 access", BYTES_OF(challenge), signature);
    open_case(cases, "of the challenge for access", "forged", &key, BYTES_OF(challenge), grant, signature);
    make_file(folder, "open.json",
              "What a grantee signs to open a grant: challenge || grant id, domain \"cardea/1 open\".",
              "docs/trust.md, \"Opening\"", cases);
}

struct invited {
    struct pairing pairing;
    struct box_key box;
    struct sign_key sign;
};

static void mac_case(json_t *cases, const char *name, const char *error, const struct invited *who,
                     const uint8_t mac[32]) {
    make_case(cases, error,
              json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", name, "kind", "mac", "key",
                        make_hex(BYTES_OF(who->pairing.key)), "sign",
                        make_hex(BYTES_OF(who->sign.public_key)), "box",
                        make_hex(BYTES_OF(who->box.public_key)), "mac", make_hex(BYTES(mac, 32))));
}

/* `a` NULL: a refusal. */
static void answer_case(json_t *cases, const char *name, const char *error, const struct invited *who,
                        struct bytes raw, const struct invitation_answer *a, const uint8_t ephemeral[32]) {
    json_t *one = json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", name, "kind", "answer", "key",
                            make_hex(BYTES_OF(who->pairing.key)), "box_secret",
                            make_hex(BYTES_OF(who->box.secret)), "answer", make_hex(raw));
    if (a) {
        bool owner = a->role == INVITATION_OWNER;
        json_object_set_new(one, "ephemeral", make_hex(BYTES(ephemeral, 32)));
        json_object_set_new(
            one, "expected",
            json_pack("{s:o, s:s, s:s, s:o, s:o, s:o}", "household", make_hex(BYTES_OF(a->household)), "name",
                      a->name, "role", invitation_roles[a->role], "sign", make_hex(BYTES_OF(a->sign)),
                      "grant", make_hex(BYTES(a->grant, owner ? 0 : INVITATION_GRANT_BYTES)), "capability",
                      make_hex(BYTES(a->capability.seed, owner ? SIGN_SEED_BYTES : 0))));
    }
    make_case(cases, error, one);
}

static void bad_answer(json_t *cases, const char *name, const struct invited *who, const char *json,
                       const uint8_t ephemeral[32]) {
    AUTO(blob_clear) struct blob raw = {0};
    MUST(box_seal_with(who->box.public_key, ephemeral, "cardea/1 pairing", BYTES_OF(who->pairing.key),
                       bytes_text(json), &raw));
    answer_case(cases, name, "invalid", who, blob_bytes(&raw), NULL, NULL);
}

static void make_invitations(const char *folder) {
    json_t *cases = json_array();
    struct invited who, other;
    uint8_t secret[PAIRING_SECRET_BYTES], mac[32], ephemeral[32];
    struct invitation_answer a = {.name = "Höme", .role = INVITATION_VIEWER};
    AUTO(blob_clear) struct blob raw = {0};
    make_bytes("invitation", secret, sizeof secret);
    pairing_derive(secret, &who.pairing);
    make_box_key("invited box", &who.box);
    make_sign_key("invited sign", &who.sign);
    other = who;
    make_box_key("stranger", &other.box);
    pairing_member_mac(&who.pairing, who.sign.public_key, who.box.public_key, mac);
    mac_case(cases, "who has the code", NULL, &who, mac);
    mac_case(cases, "with another's box key", "forged", &other, mac);
    pairing_mac(&who.pairing, who.sign.public_key, who.box.public_key, mac);
    mac_case(cases, "as a hub does it", "forged", &who, mac);
    make_bytes("invitation ephemeral", ephemeral, sizeof ephemeral);
    make_bytes("household id", a.household, sizeof a.household);
    make_bytes("household sign", a.sign, sizeof a.sign);
    make_bytes("grant id", a.grant, sizeof a.grant);
    MUST(invitation_answer_seal_with(&a, &who.pairing, who.box.public_key, ephemeral, &raw));
    answer_case(cases, "a viewer's", NULL, &who, blob_bytes(&raw), &a, ephemeral);
    answer_case(cases, "for somebody else", "forged", &other, blob_bytes(&raw), NULL, NULL);
    other = who;
    other.pairing.key[0] ^= 1;
    answer_case(cases, "made without the code", "forged", &other, blob_bytes(&raw), NULL, NULL);
    a.role = INVITATION_OWNER;
    make_sign_key("invited capability", &a.capability);
    raw.len = 0;
    MUST(invitation_answer_seal_with(&a, &who.pairing, who.box.public_key, ephemeral, &raw));
    answer_case(cases, "an owner's", NULL, &who, blob_bytes(&raw), &a, ephemeral);
    static const char head[] = "{\"v\":1,\"household\":\"00000000000000000000000000000000\",\"name\":\"x\","
                               "\"sign\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"role\":";
    static const struct {
        const char *name, *rest;
    } bad[] = {{"an owner without a capability", "\"owner\"}"},
               {"a member without a grant", "\"member\"}"},
               {"a role that is not known", "\"landlord\",\"grant\":\"00000000000000000000000000000000\"}"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char json[512];
        snprintf(json, sizeof json, "%s%s", head, bad[i].rest);
        bad_answer(cases, bad[i].name, &who, json, ephemeral);
    }
    make_file(
        folder, "invitation.json",
        "Invitations: what somebody who was invited posts (\"mac\"), and the answer to it (\"answer\").",
        "docs/trust.md, \"Members\"", cases);
}

void make_shares(const char *folder) {
    make_invitations(folder);
    make_links(folder);
    make_revocations(folder);
    make_opens(folder);
}
