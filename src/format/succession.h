/* succession.h: how one household's signing key hands over to the next (docs/formats.md, "Succession";
 * docs/trust.md, "Removing an owner").
 *
 *     signed envelope by the former key, domain "cardea/1 succession", of JSON
 *     {"v":1,"household":hex,"n":number,"sign":b64,"box":b64,"time":slot,"proof":b64}
 *
 * `proof` is the new key's signature, domain "cardea/1 successor", over household (16) | n (4) | former sign
 * (32) | new sign (32) | new box (32) | time (4): nobody can name another's key as theirs.
 *
 * succession_make is in format_sign, the rest in format_verify (the proof's message in format_json). Threads:
 * no shared state. */
#ifndef CARDEA_FORMAT_SUCCESSION_H
#define CARDEA_FORMAT_SUCCESSION_H

#include "base/json.h"
#include "crypto/sign.h"

#define SUCCESSIONS_MAX 64
#define SUCCESSION_MAX_BYTES 512
#define SUCCESSION_HOUSEHOLD_BYTES 16
#define SUCCESSION_BOX_BYTES 32

struct succession {
    uint8_t household[SUCCESSION_HOUSEHOLD_BYTES];
    uint32_t n; /* from 1 */
    uint8_t former[SIGN_PUBLIC_BYTES], sign[SIGN_PUBLIC_BYTES];
    uint8_t box[SUCCESSION_BOX_BYTES];
    uint64_t time; /* slot */
};

/* Appends the statement. s->former and s->sign are not read but taken from the keys. ERR_INVALID: n or time
 * cannot be. */
err succession_make(const struct succession *s, const struct sign_key *former, const struct sign_key *next,
                    struct blob *out) CHECKED;

/* Reads one, strictly, and checks both signatures.
 *   ERR_LIMIT    larger than SUCCESSION_MAX_BYTES
 *   ERR_INVALID  names the field     ERR_FORGED  a signature does not fit */
err succession_read(struct bytes raw, struct succession *out, struct diag *d) CHECKED;

/* All successions of a household, oldest first, each as it was signed and as it reads. Zero-initialised is
 * empty; a copy is a copy. */
struct succession_chain {
    size_t count;
    struct succession_link {
        struct succession statement;
        size_t len;
        uint8_t raw[SUCCESSION_MAX_BYTES];
    } links[SUCCESSIONS_MAX];
};

/* Reads a statement and puts it at the end.
 *   ERR_LIMIT    there are SUCCESSIONS_MAX
 *   ERR_FORGED   not by the key that the last one names, not the next number, of another household
 *   and as succession_read */
err succession_chain_add(struct succession_chain *chain, struct bytes raw, struct diag *d) CHECKED;

/* From and to the array of base64 that requests and objects have. `list` NULL is an empty chain. On failure
 * *out is empty. succession_chain_json: NULL when there is no memory. */
err succession_chain_parse(json_t *list, struct succession_chain *out, struct diag *d) CHECKED;
json_t *succession_chain_json(const struct succession_chain *chain);

/* The key that the last statement names; NULL: there is none. */
const struct succession *succession_chain_last(const struct succession_chain *chain);

/* Is it one of the household's keys that the chain has: a former one, or the last? */
bool succession_chain_has(const struct succession_chain *chain, const uint8_t sign[SIGN_PUBLIC_BYTES]);

/* Does it lead from a key that is known to `to`, where `to` is a later one of the chain, or the known one
 * itself? `household` may be NULL: any. ERR_FORGED: it does not. */
err succession_chain_leads(const struct succession_chain *chain,
                           const uint8_t household[SUCCESSION_HOUSEHOLD_BYTES],
                           const uint8_t known[SIGN_PUBLIC_BYTES], const uint8_t to[SIGN_PUBLIC_BYTES],
                           struct diag *d) CHECKED;

/* Internal to src/format: what the proof signs. */
#define SUCCESSION_PROOF_BYTES                                                                               \
    (SUCCESSION_HOUSEHOLD_BYTES + 4 + 2 * SIGN_PUBLIC_BYTES + SUCCESSION_BOX_BYTES + 4)
void succession_proof_message(const struct succession *s, uint8_t out[SUCCESSION_PROOF_BYTES]);
#define SUCCESSION_DOMAIN "cardea/1 succession"
#define SUCCESSOR_DOMAIN "cardea/1 successor"

#endif
