/* check_staff.c: staff keys, certificates, revocations, tickets. */
#include <string.h>

#include "check.h"
#include "format/ticket.h"

static void check_key(json_t *one, struct bytes raw) {
    struct staff_key key;
    struct diag d = {0};
    char fingerprint[STAFF_FINGERPRINT_TEXT_BYTES];
    err e = staff_key_read(raw, &key, &d);
    check_error(one, e, &d);
    if (e) return;
    json_t *expected = json_object_get(one, "expected");
    check_equal(one, "staff", BYTES_OF(key.staff));
    check_equal(expected, "desk", BYTES_OF(key.desk));
    assert_string_equal(check_text(expected, "name"), key.name);
    assert_int_equal(check_int(expected, "time"), key.time);
    staff_fingerprint(key.staff, fingerprint);
    assert_string_equal(check_text(expected, "fingerprint"), fingerprint);
}

static void check_certificate(json_t *one, struct bytes raw, const uint8_t staff[SIGN_PUBLIC_BYTES]) {
    struct staff_certificate c;
    struct diag d = {0};
    err e = staff_certificate_read(raw, staff, &c, &d);
    check_error(one, e, &d);
    if (e) return;
    json_t *expected = json_object_get(one, "expected"), *roles = json_object_get(expected, "roles");
    unsigned set = 0;
    for (size_t i = 0; i < json_array_size(roles); i++)
        set |= staff_role_of(json_string_value(json_array_get(roles, i)));
    assert_int_equal(set, c.roles);
    assert_int_equal(check_int(expected, "number"), c.number);
    assert_string_equal(check_text(expected, "name"), c.name);
    check_equal(expected, "sign", BYTES_OF(c.sign));
    check_equal(expected, "box", BYTES_OF(c.box));
    assert_int_equal(check_int(expected, "from"), c.from);
    assert_int_equal(check_int(expected, "expires"), c.expires);
    assert_int_equal(staff_certificate_valid_at(&c, c.from - STAFF_SKEW_SLOTS, &d), ERR_OK);
    assert_int_equal(staff_certificate_valid_at(&c, c.from - STAFF_SKEW_SLOTS - 1, &d), ERR_DENIED);
    assert_int_equal(staff_certificate_valid_at(&c, c.expires - 1, &d), ERR_OK);
    assert_int_equal(staff_certificate_valid_at(&c, c.expires, &d), ERR_DENIED);
    uint8_t seed[SIGN_SEED_BYTES];
    struct sign_key key;
    AUTO(blob_clear) struct blob again = {0};
    check_hex_into(one, "staff_seed", seed, sizeof seed);
    sign_key_from_seed(seed, &key);
    assert_int_equal(staff_certificate_sign(&c, &key, &again, &d), ERR_OK);
    check_equal(one, "raw", blob_bytes(&again));
}

static void check_revocation(json_t *one, struct bytes raw, const uint8_t staff[SIGN_PUBLIC_BYTES]) {
    struct staff_revocation r;
    struct diag d = {0};
    err e = staff_revocation_read(raw, staff, &r, &d);
    check_error(one, e, &d);
    if (e) return;
    json_t *expected = json_object_get(one, "expected");
    assert_int_equal(check_int(expected, "number"), r.number);
    check_equal(expected, "sign", BYTES_OF(r.sign));
    assert_int_equal(check_int(expected, "time"), r.time);
}

static void check_staff(json_t *one) {
    AUTO(blob_clear) struct blob raw = check_hex(one, "raw");
    uint8_t staff[SIGN_PUBLIC_BYTES];
    const char *kind = check_text(one, "kind");
    check_hex_into(one, "staff", staff, sizeof staff);
    if (strcmp(kind, "key") == 0) check_key(one, blob_bytes(&raw));
    if (strcmp(kind, "certificate") == 0) check_certificate(one, blob_bytes(&raw), staff);
    if (strcmp(kind, "revocation") == 0) check_revocation(one, blob_bytes(&raw), staff);
}

/* Read, written again, the words are the same: so every field has been read. */
static void check_ticket(json_t *one) {
    AUTO(blob_clear) struct blob box = check_hex(one, "box");
    AUTO(blob_clear) struct blob again = {0};
    AUTO(blob_clear) struct blob plain = {0};
    AUTO(ticket_message_clear) struct ticket_message m = {0};
    uint8_t secret[BOX_SECRET_BYTES], ticket[TICKET_ID_BYTES];
    static const uint8_t seed[SIGN_SEED_BYTES] = {9};
    struct box_key desk;
    struct sign_key signer;
    struct diag d = {0};
    check_hex_into(one, "desk_secret", secret, sizeof secret);
    check_hex_into(one, "ticket", ticket, sizeof ticket);
    box_key_from_secret(secret, &desk);
    err e = ticket_message_open(blob_bytes(&box), ticket, &desk, &m, &d);
    check_error(one, e, &d);
    if (e) {
        assert_null(m.value);
        return;
    }
    check_equal(one, "signer", BYTES_OF(m.signer));
    sign_key_from_seed(seed, &signer);
    assert_int_equal(ticket_message_seal(&m, &signer, desk.public_key, &again, &d), ERR_OK);
    assert_int_equal(box_open(&desk, "cardea/1 ticket", BYTES_OF(ticket), blob_bytes(&again), &plain),
                     ERR_OK);
    const char *text = check_text(one, "text");
    assert_int_equal(plain.len - ENVELOPE_OVERHEAD_BYTES, strlen(text));
    assert_memory_equal(plain.data + ENVELOPE_OVERHEAD_BYTES, text, strlen(text));
}

void check_staff_files(void **state) {
    (void)state;
    check_file("staff.json", check_staff);
    check_file("ticket.json", check_ticket);
}
