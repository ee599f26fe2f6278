/* provider_file.h: a provider's secrets in one file, sealed under a passphrase (docs/trust.md, "The support
 * desk"). Whoever holds both can certify staff and read tickets: it belongs off the vault's machine.
 *
 *     magic "CRDP" | version 1 | suite 1 | memory KiB (4) | passes (4) | salt (16) | nonce (12) |
 *     ciphertext || tag (16)
 *
 * Key: `wrap` of passphrase.h; AAD the 30 bytes before the nonce. Plaintext: JSON
 * {"v":1,"name":text,"staff":b64 Ed25519 seed,"desk":b64 X25519 secret,"time":slot}. In format_provider.
 * Threads: no shared state. */
#ifndef CARDEA_FORMAT_PROVIDER_FILE_H
#define CARDEA_FORMAT_PROVIDER_FILE_H

#include "crypto/passphrase.h"
#include "crypto/unbox.h"
#include "format/staff_key.h"

#define PROVIDER_FILE_MAX_BYTES 4096u

struct provider_secrets {
    char name[STAFF_NAME_MAX_BYTES + 1];
    struct sign_key staff;
    struct box_key desk;
    uint32_t time;
};
void provider_secrets_clear(struct provider_secrets *p); /* wipes; for AUTO */

/* Appends the file. ERR_INVALID: the name. ERR_LIMIT: the cost or the passphrase's length. */
err provider_file_seal(const struct provider_secrets *p, struct bytes passphrase, struct passphrase_cost cost,
                       struct blob *out, struct diag *d) CHECKED;
/* ERR_INVALID names the field; ERR_LIMIT: too large, or the cost; ERR_FORGED: another passphrase, or altered.
 */
err provider_file_open(struct bytes raw, struct bytes passphrase, struct provider_secrets *out,
                       struct diag *d) CHECKED;
/* The public half, appended: what a vault is given. */
err provider_statement(const struct provider_secrets *p, struct blob *out) CHECKED;

#endif
