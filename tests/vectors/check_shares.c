/* check_shares.c: link, revocation, open. */
#include <string.h>

#include "check.h"
#include "format/grant.h"
#include "format/invitation.h"
#include "format/link.h"

static void check_link(json_t *one) {
    struct link l;
    struct link_keys keys;
    struct diag d = {0};
    char vault[LINK_URL_MAX_BYTES], again[LINK_TEXT_BYTES];
    err e = link_parse(check_text(one, "link"), &l, vault, &d);
    check_error(one, e, &d);
    if (e) return;
    assert_string_equal(check_text(one, "vault"), vault);
    assert_int_equal(json_is_true(json_object_get(one, "has_password")), l.password);
    check_equal(one, "grant", BYTES_OF(l.grant));
    check_equal(one, "issuer", BYTES_OF(l.issuer));
    check_equal(one, "secret", BYTES_OF(l.secret));
    assert_int_equal(link_derive(&l, bytes_text(check_text(one, "password")), &keys, &d), ERR_OK);
    check_equal(one, "box", BYTES_OF(keys.box.secret));
    check_equal(one, "box_public", BYTES_OF(keys.box.public_key));
    check_equal(one, "sign", BYTES_OF(keys.sign.seed));
    check_equal(one, "sign_public", BYTES_OF(keys.sign.public_key));
    assert_int_equal(link_format(&l, vault, again), ERR_OK);
    assert_string_equal(again, check_text(one, "link"));
}

static void check_revocation(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "revocation");
    AUTO(blob_clear) struct blob again = {0};
    struct grant_statement s = {0};
    struct grant_revocation found;
    struct sign_key key;
    struct diag d = {0};
    uint8_t seed[SIGN_SEED_BYTES];
    check_hex_into(one, "household", s.issuer, sizeof s.issuer);
    check_hex_into(one, "grant", s.id, sizeof s.id);
    err e = grant_revocation_check(blob_bytes(&raw), &s, s.issuer, &found, &d);
    check_error(one, e, &d);
    if (e) assert_int_equal(strncmp(d.text, "revocation: ", 12), 0);
    if (e) return;
    assert_int_equal(check_int(one, "time"), found.time);
    check_hex_into(one, "seed", seed, sizeof seed);
    sign_key_from_seed(seed, &key);
    assert_int_equal(grant_revocation_make(&key, s.id, found.time, &again), ERR_OK);
    check_equal(one, "revocation", blob_bytes(&again));
}

static void check_open(json_t *one) {
    AUTO(blob_clear) struct blob challenge = check_hex(one, "challenge");
    struct grant_statement s = {0};
    struct sign_key key;
    struct diag d = {0};
    uint8_t seed[SIGN_SEED_BYTES], signature[SIGNATURE_BYTES];
    check_hex_into(one, "grantee_sign", s.grantee_sign, sizeof s.grantee_sign);
    check_hex_into(one, "grant", s.id, sizeof s.id);
    check_hex_into(one, "signature", signature, sizeof signature);
    err e = grant_open_check(&s, blob_bytes(&challenge), signature, &d);
    check_error(one, e, &d);
    if (e) return;
    check_hex_into(one, "seed", seed, sizeof seed);
    sign_key_from_seed(seed, &key);
    assert_int_equal(grant_open_sign(&key, blob_bytes(&challenge), s.id, signature), ERR_OK);
    check_equal(one, "signature", BYTES_OF(signature));
}

static void check_invited(json_t *one, const struct pairing *p, const uint8_t box[BOX_PUBLIC_BYTES],
                          const struct invitation_answer *a) {
    json_t *e = json_object_get(one, "expected");
    uint8_t ephemeral[BOX_SECRET_BYTES];
    bool owner = a->role == INVITATION_OWNER;
    AUTO(blob_clear) struct blob again = {0};
    check_equal(e, "household", BYTES_OF(a->household));
    check_equal(e, "sign", BYTES_OF(a->sign));
    check_equal(e, "grant", BYTES(a->grant, owner ? 0 : sizeof a->grant));
    check_equal(e, "capability", BYTES(a->capability.seed, owner ? SIGN_SEED_BYTES : 0));
    assert_string_equal(check_text(e, "name"), a->name);
    assert_string_equal(check_text(e, "role"), invitation_roles[a->role]);
    check_hex_into(one, "ephemeral", ephemeral, sizeof ephemeral);
    assert_int_equal(invitation_answer_seal_with(a, p, box, ephemeral, &again), ERR_OK);
    check_equal(one, "answer", blob_bytes(&again));
}

static void check_invitation(json_t *one) {
    struct pairing p = {0};
    struct diag d = {0};
    check_hex_into(one, "key", p.key, sizeof p.key);
    if (strcmp(check_text(one, "kind"), "mac") == 0) {
        uint8_t sign[SIGN_PUBLIC_BYTES], box[BOX_PUBLIC_BYTES], mac[32];
        check_hex_into(one, "sign", sign, sizeof sign);
        check_hex_into(one, "box", box, sizeof box);
        check_hex_into(one, "mac", mac, sizeof mac);
        check_error(one, pairing_member_check(&p, sign, box, mac, &d), &d);
        return;
    }
    AUTO(blob_clear) struct blob raw = check_hex(one, "answer");
    struct invitation_answer a = {0};
    struct box_key box;
    uint8_t secret[BOX_SECRET_BYTES];
    check_hex_into(one, "box_secret", secret, sizeof secret);
    box_key_from_secret(secret, &box);
    err e = invitation_answer_open(blob_bytes(&raw), &p, &box, &a, &d);
    check_error(one, e, &d);
    if (!e) check_invited(one, &p, box.public_key, &a);
}

void check_share_files(void **state) {
    (void)state;
    check_file("link.json", check_link);
    check_file("revocation.json", check_revocation);
    check_file("open.json", check_open);
    check_file("invitation.json", check_invitation);
}
