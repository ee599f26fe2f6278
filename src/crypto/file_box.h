/* file_box.h: seals and opens one small file of this machine's own, under a key that lies beside it.
 *
 * It is for what a program keeps for itself and must be able to forget for good: who replaces the key has
 * deleted the file, whatever copies of it there are. Apart from open.h, because a hub keeps familiar faces,
 * and yet cannot open a segment: the AES key is derived under a label that no other format has, and nothing
 * but this format is read. Threads: no shared state.
 *
 *     magic "CRDB" | version 1 | suite 1 | nonce (12) | ciphertext || tag (16)
 *
 * AES key = HKDF-Expand(key, "cardea/1 file" || name, 32); AAD = everything before the ciphertext. */
#ifndef CARDEA_CRYPTO_FILE_BOX_H
#define CARDEA_CRYPTO_FILE_BOX_H

#include "base/bytes.h"

#define FILE_BOX_KEY_BYTES 32
#define FILE_BOX_HEAD_BYTES 18
#define FILE_BOX_OVERHEAD_BYTES (FILE_BOX_HEAD_BYTES + 16)

/* Appends the sealed file. `name` says which file it is, so that one is not read for another. ERR_NO_MEMORY.
 */
err file_box_seal(const uint8_t key[FILE_BOX_KEY_BYTES], const char *name, struct bytes plain,
                  struct blob *out) CHECKED;

/* Appends the plaintext.
 *   ERR_INVALID  not of this format     ERR_FORGED  another key, another name, or altered */
err file_box_open(const uint8_t key[FILE_BOX_KEY_BYTES], const char *name, struct bytes sealed,
                  struct blob *plain) CHECKED;

#endif
