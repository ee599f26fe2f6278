/* recovery.c: the recovery code of passphrase.h. Word i is a proquint of value << 5 | check. */
#include "crypto/hash.h"
#include "crypto/passphrase.h"

#define VALUE_BITS 11
#define CHECK_BITS 5
#define WORD_LETTERS 5
#define TEXT_MAX 1024

static const char consonants[] = "bdfghjklmnprstvz", vowels[] = "aiou";

static uint8_t check_of(const uint16_t *values, uint8_t last) {
    static const char label[] = "cardea/1 recovery";
    uint8_t message[sizeof label - 1 + 1 + 2 * RECOVERY_WORDS], hash[HASH_BYTES];
    size_t len = sizeof label - 1;
    memcpy(message, label, len);
    message[len++] = last;
    for (unsigned i = 0; i <= last; i++, len += 2) be16_put(message + len, values[i]);
    hash_sha256(BYTES(message, len), hash);
    wipe(message, sizeof message);
    return hash[0] >> (8 - CHECK_BITS);
}

static void values_of(const uint8_t secret[RECOVERY_SECRET_BYTES], uint16_t values[RECOVERY_WORDS]) {
    for (unsigned i = 0; i < RECOVERY_WORDS; i++) {
        values[i] = 0;
        for (unsigned bit = i * VALUE_BITS; bit < (i + 1) * VALUE_BITS; bit++)
            values[i] = (uint16_t)(values[i] << 1 | (secret[bit / 8] >> (7 - bit % 8) & 1));
    }
}

static void secret_of(const uint16_t values[RECOVERY_WORDS], uint8_t secret[RECOVERY_SECRET_BYTES]) {
    memset(secret, 0, RECOVERY_SECRET_BYTES);
    for (unsigned bit = 0; bit < RECOVERY_WORDS * VALUE_BITS; bit++) {
        unsigned one = values[bit / VALUE_BITS] >> (VALUE_BITS - 1 - bit % VALUE_BITS) & 1;
        secret[bit / 8] = (uint8_t)(secret[bit / 8] | one << (7 - bit % 8));
    }
}

void recovery_format(const uint8_t secret[RECOVERY_SECRET_BYTES], char out[RECOVERY_TEXT_BYTES]) {
    uint16_t values[RECOVERY_WORDS];
    values_of(secret, values);
    for (uint8_t i = 0; i < RECOVERY_WORDS; i++) {
        unsigned word = (unsigned)values[i] << CHECK_BITS | check_of(values, i);
        char *at = out + i * (WORD_LETTERS + 1);
        at[0] = consonants[word >> 12];
        at[1] = vowels[word >> 10 & 3];
        at[2] = consonants[word >> 6 & 15];
        at[3] = vowels[word >> 4 & 3];
        at[4] = consonants[word & 15];
        at[5] = i + 1 < RECOVERY_WORDS ? '-' : 0;
    }
    wipe(values, sizeof values);
}

void recovery_generate(char out[RECOVERY_TEXT_BYTES]) {
    uint8_t secret[RECOVERY_SECRET_BYTES];
    random_bytes(secret, sizeof secret);
    secret[RECOVERY_SECRET_BYTES - 1] &= 0xf0;
    recovery_format(secret, out);
    wipe(secret, sizeof secret);
}

static bool is_space(char c) {
    return c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n';
}

/* Messages name the word by number alone: the code itself is a secret. */
static err word_parse(const char *at, size_t len, unsigned number, unsigned *out, struct diag *d) {
    if (len != WORD_LETTERS)
        return diag_fail(d, ERR_INVALID, "word %u has %zu letters; every word of a recovery code has %d",
                         number, len, WORD_LETTERS);
    unsigned word = 0;
    for (unsigned i = 0; i < WORD_LETTERS; i++) {
        const char *letters = i % 2 ? vowels : consonants;
        char c = (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] - 'A' + 'a' : at[i]);
        const char *found = c ? strchr(letters, c) : NULL;
        if (!found)
            return diag_fail(d, ERR_INVALID, "word %u is mistyped: its letter %u must be one of %s", number,
                             i + 1, letters);
        word = word << (i % 2 ? 2 : 4) | (unsigned)(found - letters);
    }
    *out = word;
    return ERR_OK;
}

static err words_parse(const char *text, uint16_t values[RECOVERY_WORDS], struct diag *d) {
    uint8_t count = 0;
    for (const char *at = text; *at;) {
        if (is_space(*at)) {
            at++;
            continue;
        }
        size_t len = 0;
        while (at[len] && !is_space(at[len])) len++;
        if (count == RECOVERY_WORDS)
            return diag_fail(d, ERR_INVALID,
                             "word %d is the last of a recovery code, and there is one more after it",
                             RECOVERY_WORDS);
        unsigned word = 0;
        err e = word_parse(at, len, count + 1u, &word, d);
        if (e) return e;
        values[count] = (uint16_t)(word >> CHECK_BITS);
        if ((word & ((1u << CHECK_BITS) - 1)) != check_of(values, count))
            return diag_fail(d, ERR_INVALID, "word %u is mistyped, or is not the word that comes here",
                             count + 1u);
        count++;
        at += len;
    }
    if (count < RECOVERY_WORDS)
        return diag_fail(d, ERR_INVALID, "word %u is missing; a recovery code has %d words", count + 1u,
                         RECOVERY_WORDS);
    return ERR_OK;
}

err recovery_parse(const char *text, uint8_t out[RECOVERY_SECRET_BYTES], struct diag *d) {
    if (strnlen(text, TEXT_MAX) == TEXT_MAX)
        return diag_fail(d, ERR_INVALID, "the recovery code is far too long; it has %d words",
                         RECOVERY_WORDS);
    uint16_t values[RECOVERY_WORDS];
    err e = words_parse(text, values, d);
    if (!e) secret_of(values, out);
    wipe(values, sizeof values);
    return e;
}

void recovery_keys(const uint8_t secret[RECOVERY_SECRET_BYTES], struct passphrase_keys *out) {
    const struct bytes none = {0};
    uint8_t key[HASH_BYTES];
    hash_hkdf_extract(none, BYTES(secret, RECOVERY_SECRET_BYTES), key);
    hash_hkdf_expand(key, "cardea/1 recovery auth", none, (struct buffer){out->auth, sizeof out->auth});
    hash_hkdf_expand(key, "cardea/1 recovery wrap", none, (struct buffer){out->wrap, sizeof out->wrap});
    wipe(key, sizeof key);
}
