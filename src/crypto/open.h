/* open.h: AES-256-GCM, opening side. Only an owner's or a grantee's software links this.
 * Threads: one struct aead_opener for each thread. */
#ifndef CARDEA_CRYPTO_OPEN_H
#define CARDEA_CRYPTO_OPEN_H

#include "crypto/seal.h"

struct aead_opener;
struct aead_opener *aead_opener_new(void); /* NULL: out of memory */
void aead_opener_key(struct aead_opener *o, const uint8_t key[AEAD_KEY_BYTES]);
/* Writes sealed.len - AEAD_TAG_BYTES bytes. `plain` is zeroed on any error.
 *   ERR_INVALID  shorter than a tag, or plain too small
 *   ERR_FORGED   wrong key, nonce or aad, or altered bytes */
err aead_open(struct aead_opener *o, const uint8_t nonce[AEAD_NONCE_BYTES], struct bytes aad,
              struct bytes sealed, struct buffer plain) CHECKED;
void aead_opener_free(struct aead_opener *o); /* wipes */

#endif
