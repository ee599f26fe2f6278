/* make_shares.c: links, revocations, and the signatures that open grants. */
#include <string.h>

#include "format/grant.h"
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

void make_shares(const char *folder) {
    make_links(folder);
    make_revocations(folder);
    make_opens(folder);
}
