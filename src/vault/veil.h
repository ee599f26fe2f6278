/* veil.h: a blob store whose contents mean nothing without the index.
 *
 * What hubs upload is sealed, but its framing is not: a segment's header names its camera's id and its
 * second. Readers of a stolen blob store must not even learn that. So every byte is combined with AES-256-CTR
 * under a secret that rests in the index, the blob's random name being the nonce. Integrity is not its
 * business: records are authenticated by their own seals.
 *
 * Wraps any driver; offsets, sizes, names and errors are the driver's. Threads: as blob.h. */
#ifndef CARDEA_VAULT_VEIL_H
#define CARDEA_VAULT_VEIL_H

#include "crypto/keystream.h"
#include "store/blob.h"

/* Takes `inner` on success: closing *out closes it. ERR_NO_MEMORY. */
err veil_open(struct blob_store *inner, const uint8_t key[KEYSTREAM_KEY_BYTES],
              struct blob_store **out) CHECKED;

#endif
