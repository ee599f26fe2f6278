/* log_entry.h: one entry of the access log as bytes (docs/trust.md, "The access log").
 *
 * A CBOR array of seven in deterministic encoding (RFC 8949 section 4.2.1):
 *
 *     2 | time µs | kind | tag (32) or null | actor (16) or null | facts {text: unsigned} | details (bytes)
 *
 * There is one encoding of an entry and the reader takes no other, so that an entry's leaf hash is known by
 * who knows its contents. Entries of version 1, which an earlier vault wrote, are an array of five: 1 | time
 * | kind | null | details (text), with lengths in two bytes and the time in eight; readers still show them.
 * Threads: no shared state. */
#ifndef CARDEA_TLOG_LOG_ENTRY_H
#define CARDEA_TLOG_LOG_ENTRY_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/verify.h"

#define LOG_KEY_BYTES 32 /* a household's, from which its tags come */
#define LOG_TAG_BYTES 32
#define LOG_ACTOR_BYTES 16
#define LOG_KIND_MAX_BYTES 32
#define LOG_FACTS_MAX 8
#define LOG_FACT_NAME_MAX_BYTES 32
#define LOG_DETAILS_MAX_BYTES 32768u
#define LOG_BOX_INFO "cardea/1 log" /* details of a household's entry; aad: the tag */

struct log_fact {
    char name[LOG_FACT_NAME_MAX_BYTES + 1]; /* a-z and _ */
    uint64_t value;
};

struct log_entry {
    unsigned version; /* 1 or 2; encode writes 2 whatever it says */
    struct wall_us time;
    char kind[LOG_KIND_MAX_BYTES + 1]; /* a-z, _ and dots */
    bool tagged, acted;                /* there is a tag, an actor */
    uint8_t tag[LOG_TAG_BYTES];
    uint8_t actor[LOG_ACTOR_BYTES];
    size_t fact_count;
    struct log_fact facts[LOG_FACTS_MAX]; /* encode takes any order; decode gives the encoded one */
    struct bytes details;                 /* borrowed */
};

/* Appends the entry. ERR_INVALID: a kind or name with other characters, a name twice, a time before 1970.
 * ERR_LIMIT: too many facts, or details too long. */
err log_entry_encode(const struct log_entry *entry, struct blob *out) CHECKED;

/* `details` points into raw. ERR_INVALID names the field; ERR_UNSUPPORTED: of a later version. */
err log_entry_decode(struct bytes raw, struct log_entry *out, struct diag *d) CHECKED;

/* The named fact; false: there is none. */
bool log_entry_fact(const struct log_entry *entry, const char *name, uint64_t *out);

/* log key = HKDF-Expand(household's signing seed, "cardea/1 log", 32) */
void log_key_derive(const uint8_t household_seed[32], uint8_t out[LOG_KEY_BYTES]);
/* HMAC-SHA256(log key, n (8)): the tag of a household's entry n, counted from 0. */
void log_tag(const uint8_t log_key[LOG_KEY_BYTES], uint64_t n, uint8_t out[LOG_TAG_BYTES]);
/* The actor of staff: the first bytes of SHA-256 of the signing key. */
void log_actor_staff(const uint8_t sign[SIGN_PUBLIC_BYTES], uint8_t out[LOG_ACTOR_BYTES]);
/* The actor of anybody else: the first bytes of HMAC(log key, "actor" || signing key). */
void log_actor_private(const uint8_t log_key[LOG_KEY_BYTES], const uint8_t sign[SIGN_PUBLIC_BYTES],
                       uint8_t out[LOG_ACTOR_BYTES]);
/* The fact "grant" of staff's acts: 48 bits of SHA-256("cardea/1 use" || the grant's id). Who knows the grant
 * knows its entries by it; nobody else learns whose they are. */
#define LOG_GRANT_ID_BYTES 16
uint64_t log_grant_fact(const uint8_t grant[LOG_GRANT_ID_BYTES]);
/* The fact "opening" of a use: 48 bits of SHA-256("cardea/1 opening" || nonce || signature), of the nonce
 * that the holder of the grant made for this opening and of its signature on challenge and grant. An entry
 * with another one is not the entry of this opening: a vault cannot answer a second opening with the use that
 * it logged for the first, even if it sends the same challenge twice. To anybody who does not know the nonce
 * it is a random number. 48 bits are enough because nobody can try offline: what is drawn is drawn after what
 * could be shown was written. */
#define LOG_OPENING_FACT "opening"
#define LOG_OPENING_NONCE_BYTES 16
uint64_t log_opening_fact(const uint8_t nonce[LOG_OPENING_NONCE_BYTES],
                          const uint8_t signature[SIGNATURE_BYTES]);
/* Is it an act of a member of staff? Theirs alone have facts that count. */
bool log_entry_by_staff(const struct log_entry *entry);

#endif
