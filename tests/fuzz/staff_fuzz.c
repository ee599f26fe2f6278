/* staff_fuzz.c: the input as a staff key, a certificate, a revocation and a ticket's message: as it arrives,
 * and signed and sealed by who may. */
#include <stdlib.h>

#include "format/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t secret[32] = {4};
static struct sign_key sign;
static struct box_key box;

static void try_key(struct bytes raw) {
    struct staff_key key;
    struct diag d = {0};
    AUTO(blob_clear) struct blob again = {0};
    err e = staff_key_read(raw, &key, &d);
    if (e ? !d.text[0] : staff_key_sign(&key, &sign, &again) != ERR_OK) abort();
}

static void try_certificate(struct bytes raw) {
    struct staff_certificate c;
    struct diag d = {0};
    AUTO(blob_clear) struct blob again = {0};
    if (staff_certificate_read(raw, sign.public_key, &c, &d)) {
        if (!d.text[0]) abort();
        return;
    }
    /* What is read can be written, and means the same. */
    struct staff_certificate back;
    if (staff_certificate_sign(&c, &sign, &again, &d) ||
        staff_certificate_read(blob_bytes(&again), sign.public_key, &back, &d) || back.roles != c.roles)
        abort();
}

static void try_revocation(struct bytes raw) {
    struct staff_revocation r;
    struct diag d = {0};
    if (staff_revocation_read(raw, sign.public_key, &r, &d) && !d.text[0]) abort();
}

static void try_message(struct bytes raw) {
    static const uint8_t ticket[TICKET_ID_BYTES];
    AUTO(ticket_message_clear) struct ticket_message m = {0};
    AUTO(blob_clear) struct blob again = {0};
    struct diag d = {0};
    if (ticket_message_open(raw, ticket, &box, &m, &d)) {
        if (!d.text[0] || m.value) abort();
        return;
    }
    if (ticket_message_seal(&m, &sign, box.public_key, &again, &d)) abort();
}

static void signed_as(const char *domain, struct bytes text, void (*attempt)(struct bytes)) {
    AUTO(blob_clear) struct blob raw = {0};
    if (envelope_sign(&sign, domain, text, &raw)) abort();
    attempt(blob_bytes(&raw));
}

static void boxed(struct bytes text) {
    static const uint8_t ticket[TICKET_ID_BYTES];
    AUTO(blob_clear) struct blob envelope = {0};
    AUTO(blob_clear) struct blob raw = {0};
    if (envelope_sign(&sign, "cardea/1 ticket", text, &envelope) ||
        box_seal_with(box.public_key, secret, "cardea/1 ticket", BYTES_OF(ticket), blob_bytes(&envelope),
                      &raw))
        abort();
    try_message(blob_bytes(&raw));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = BYTES(data, size);
    sign_key_from_seed(secret, &sign);
    box_key_from_secret(secret, &box);
    if (size > 16384) return 0;
    try_key(input);
    try_certificate(input);
    try_revocation(input);
    try_message(input);
    signed_as("cardea/1 staff key", input, try_key);
    signed_as("cardea/1 staff", input, try_certificate);
    signed_as("cardea/1 staff revoke", input, try_revocation);
    boxed(input);
    return 0;
}
