/* command_fuzz.c: the input as a command, a reply, a pairing answer and an invitation's: as it arrives, and
 * sealed and signed by who may. Pairing codes too, which a person types. */
#include <stdlib.h>

#include "crypto/hash.h"
#include "format/command.h"
#include "format/envelope.h"
#include "format/invitation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t secret[32] = {4};
static struct sign_key sign;
static struct box_key box;

static void seal(const char *info, struct bytes aad, struct bytes plain, struct blob *out) {
    if (box_seal_with(box.public_key, secret, info, aad, plain, out)) abort();
}

static void try_command(struct bytes raw) {
    static const uint8_t id[COMMAND_ID_BYTES], hub[HUB_ID_BYTES];
    struct command c = {0};
    struct diag d = {0};
    err e = command_open(raw, id, &box, hub, sign.public_key, (struct wall_us){1700000000000000}, &c, &d);
    if (e ? !d.text[0] || c.args : !json_is_object(c.args)) abort();
    command_clear(&c);
}

static void try_reply(struct bytes raw) {
    static const uint8_t id[COMMAND_ID_BYTES];
    struct reply r = {0};
    struct diag d = {0};
    err e = reply_open(raw, id, &box, sign.public_key, &r, &d);
    if (e ? !d.text[0] || r.result : r.ok != (r.result != NULL)) abort();
    reply_clear(&r);
}

static void try_answer(struct bytes raw) {
    static const struct pairing p;
    struct pairing_answer a = {0};
    struct diag d = {0};
    if (pairing_answer_open(raw, &p, &box, sign.public_key, &a, &d) && !d.text[0]) abort();
    pairing_answer_clear(&a);
}

static void try_invitation(struct bytes raw) {
    static const struct pairing p;
    struct invitation_answer a = {0};
    struct diag d = {0};
    if (invitation_answer_open(raw, &p, &box, &a, &d) && !d.text[0]) abort();
    invitation_answer_clear(&a);
}

static void try_code(struct bytes raw) {
    char text[64] = {0}, again[PAIRING_TEXT_BYTES];
    uint8_t code[PAIRING_SECRET_BYTES], back[PAIRING_SECRET_BYTES];
    if (raw.len) memcpy(text, raw.data, raw.len < sizeof text - 1 ? raw.len : sizeof text - 1);
    struct diag d = {0};
    if (pairing_parse(text, code, &d)) return;
    pairing_format(code, again);
    if (pairing_parse(again, back, &d) || memcmp(code, back, sizeof code) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t zero[32];
    sign_key_from_seed(secret, &sign);
    box_key_from_secret(secret, &box);
    struct bytes input = BYTES(data, size);
    if (size > 16384) return 0;
    AUTO(blob_clear) struct blob command = {0};
    AUTO(blob_clear) struct blob reply = {0};
    AUTO(blob_clear) struct blob boxed = {0};
    try_command(input);
    try_reply(input);
    try_answer(input);
    try_invitation(input);
    try_code(input);
    if (envelope_sign(&sign, "cardea/1 command", input, &command)) abort();
    if (envelope_sign(&sign, "cardea/1 reply", input, &reply)) abort();
    seal("cardea/1 command", BYTES(zero, HUB_ID_BYTES), blob_bytes(&command), &boxed);
    try_command(blob_bytes(&boxed));
    boxed.len = 0;
    seal("cardea/1 reply", BYTES(zero, COMMAND_ID_BYTES), blob_bytes(&reply), &boxed);
    try_reply(blob_bytes(&boxed));
    boxed.len = 0;
    seal("cardea/1 pairing", BYTES(zero, PAIRING_KEY_BYTES), input, &boxed);
    try_answer(blob_bytes(&boxed));
    try_invitation(blob_bytes(&boxed));
    return 0;
}
