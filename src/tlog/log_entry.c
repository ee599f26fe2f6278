#include "tlog/log_entry.h"

#include <stdio.h>

#include "crypto/hash.h"

/* CBOR major types (RFC 8949 section 3.1) in the top three bits of a head. */
enum major { MAJOR_UNSIGNED = 0, MAJOR_BYTES = 2, MAJOR_TEXT = 3, MAJOR_ARRAY = 4, MAJOR_MAP = 5 };
#define CBOR_NULL 0xf6
#define ENTRY_ITEMS 7
#define OLD_ITEMS 5

static bool name_is_valid(const char *text, size_t len, size_t most, bool dots) {
    if (len == 0 || len > most) return false;
    for (size_t i = 0; i < len; i++)
        if (!((text[i] >= 'a' && text[i] <= 'z') || text[i] == '_' || (dots && text[i] == '.'))) return false;
    return true;
}

/* --- writing --- */

/* The shortest head, as deterministic encoding wants. */
static err put_head(struct blob *out, enum major major, uint64_t value) {
    uint8_t raw[9];
    size_t len;
    if (value < 24) {
        raw[0] = (uint8_t)value;
        len = 1;
    } else if (value <= UINT8_MAX) {
        raw[0] = 24;
        raw[1] = (uint8_t)value;
        len = 2;
    } else if (value <= UINT16_MAX) {
        raw[0] = 25;
        be16_put(raw + 1, (uint16_t)value);
        len = 3;
    } else if (value <= UINT32_MAX) {
        raw[0] = 26;
        be32_put(raw + 1, (uint32_t)value);
        len = 5;
    } else {
        raw[0] = 27;
        be64_put(raw + 1, value);
        len = 9;
    }
    raw[0] = (uint8_t)(raw[0] | major << 5);
    return blob_append(out, BYTES(raw, len));
}

static err put_string(struct blob *out, enum major major, struct bytes value) {
    err e = put_head(out, major, value.len);
    return e ? e : blob_append(out, value);
}

static err put_optional(struct blob *out, bool there, struct bytes value) {
    return there ? put_string(out, MAJOR_BYTES, value) : blob_append_u8(out, CBOR_NULL);
}

/* Keys in the order of their encodings: shorter ones first, since the length is in the head. */
static int compare_names(const char *a, const char *b) {
    size_t la = strlen(a), lb = strlen(b);
    return la != lb ? (la < lb ? -1 : 1) : strcmp(a, b);
}

static err sort_facts(const struct log_entry *entry, const struct log_fact *sorted[LOG_FACTS_MAX]) {
    for (size_t i = 0; i < entry->fact_count; i++) {
        const struct log_fact *fact = &entry->facts[i];
        if (!name_is_valid(fact->name, strlen(fact->name), LOG_FACT_NAME_MAX_BYTES, false))
            return ERR_INVALID;
        size_t at = i;
        for (; at > 0 && compare_names(sorted[at - 1]->name, fact->name) > 0; at--)
            sorted[at] = sorted[at - 1];
        if (at > 0 && compare_names(sorted[at - 1]->name, fact->name) == 0) return ERR_INVALID;
        sorted[at] = fact;
    }
    return ERR_OK;
}

static err put_facts(struct blob *out, const struct log_fact *const *sorted, size_t count) {
    err e = put_head(out, MAJOR_MAP, count);
    for (size_t i = 0; !e && i < count; i++) {
        e = put_string(out, MAJOR_TEXT, bytes_text(sorted[i]->name));
        if (!e) e = put_head(out, MAJOR_UNSIGNED, sorted[i]->value);
    }
    return e;
}

err log_entry_encode(const struct log_entry *entry, struct blob *out) {
    const struct log_fact *sorted[LOG_FACTS_MAX];
    if (entry->fact_count > LOG_FACTS_MAX || entry->details.len > LOG_DETAILS_MAX_BYTES) return ERR_LIMIT;
    if (entry->time.us < 0 || !name_is_valid(entry->kind, strlen(entry->kind), LOG_KIND_MAX_BYTES, true))
        return ERR_INVALID;
    err e = sort_facts(entry, sorted);
    size_t before = out->len;
    if (!e) e = put_head(out, MAJOR_ARRAY, ENTRY_ITEMS);
    if (!e) e = put_head(out, MAJOR_UNSIGNED, 2);
    if (!e) e = put_head(out, MAJOR_UNSIGNED, (uint64_t)entry->time.us);
    if (!e) e = put_string(out, MAJOR_TEXT, bytes_text(entry->kind));
    if (!e) e = put_optional(out, entry->tagged, BYTES_OF(entry->tag));
    if (!e) e = put_optional(out, entry->acted, BYTES_OF(entry->actor));
    if (!e) e = put_facts(out, sorted, entry->fact_count);
    if (!e) e = put_string(out, MAJOR_BYTES, entry->details);
    if (e) out->len = before;
    return e;
}

/* --- reading --- */

static err bad(struct diag *d, const char *field) {
    return diag_fail(d, ERR_INVALID, "log entry: %s is not as it must be", field);
}

/* One head of that major type, in its shortest form. */
static bool take_head(struct reader *r, enum major major, uint64_t *value) {
    uint8_t first;
    struct bytes more;
    if (!reader_u8(r, &first) || first >> 5 != (uint8_t)major) return false;
    unsigned low = first & 31;
    *value = low;
    if (low < 24) return true;
    if (low > 27 || !reader_take(r, (size_t)1 << (low - 24), &more)) return false;
    static const uint64_t least[] = {24, UINT64_C(1) << 8, UINT64_C(1) << 16, UINT64_C(1) << 32};
    *value = 0;
    for (size_t i = 0; i < more.len; i++) *value = *value << 8 | more.data[i];
    return *value >= least[low - 24];
}

static bool take_string(struct reader *r, enum major major, size_t most, struct bytes *out) {
    uint64_t len;
    return take_head(r, major, &len) && len <= most && reader_take(r, (size_t)len, out);
}

static bool take_name(struct reader *r, size_t most, bool dots, char *out) {
    struct bytes text;
    if (!take_string(r, MAJOR_TEXT, most, &text)) return false;
    if (!name_is_valid((const char *)text.data, text.len, most, dots)) return false;
    memcpy(out, text.data, text.len);
    out[text.len] = 0;
    return true;
}

static bool take_optional(struct reader *r, bool *there, void *out, size_t len) {
    struct bytes value;
    if (reader_left(r) && *r->at == CBOR_NULL) {
        r->at++;
        *there = false;
        return true;
    }
    if (!take_string(r, MAJOR_BYTES, len, &value) || value.len != len) return false;
    memcpy(out, value.data, len);
    *there = true;
    return true;
}

static bool take_facts(struct reader *r, struct log_entry *entry) {
    uint64_t count;
    if (!take_head(r, MAJOR_MAP, &count) || count > LOG_FACTS_MAX) return false;
    entry->fact_count = (size_t)count;
    for (size_t i = 0; i < entry->fact_count; i++) {
        struct log_fact *fact = &entry->facts[i];
        if (!take_name(r, LOG_FACT_NAME_MAX_BYTES, false, fact->name)) return false;
        if (i && compare_names(entry->facts[i - 1].name, fact->name) >= 0) return false;
        if (!take_head(r, MAJOR_UNSIGNED, &fact->value)) return false;
    }
    return true;
}

static bool take_time(struct reader *r, struct wall_us *out) {
    uint64_t us;
    if (!take_head(r, MAJOR_UNSIGNED, &us) || us > INT64_MAX) return false;
    out->us = (int64_t)us;
    return true;
}

/* Version 1 wrote each text with a length of two bytes and the time in eight, whatever they were. */
static bool take_old_text(struct reader *r, size_t most, struct bytes *out) {
    uint8_t head;
    struct bytes len;
    if (!reader_u8(r, &head) || head != 0x79 || !reader_take(r, 2, &len)) return false;
    return be16_get(len.data) <= most && reader_take(r, be16_get(len.data), out);
}

static err decode_old(struct reader *r, struct log_entry *entry, struct diag *d) {
    uint8_t head, null;
    uint64_t us;
    struct bytes kind;
    if (!reader_u8(r, &head) || head != 0x1b || !reader_be64(r, &us) || us > INT64_MAX) return bad(d, "time");
    entry->time.us = (int64_t)us;
    if (!take_old_text(r, LOG_KIND_MAX_BYTES, &kind) ||
        !name_is_valid((const char *)kind.data, kind.len, LOG_KIND_MAX_BYTES, true))
        return bad(d, "kind");
    memcpy(entry->kind, kind.data, kind.len);
    if (!reader_u8(r, &null) || null != CBOR_NULL) return bad(d, "subject");
    return take_old_text(r, LOG_DETAILS_MAX_BYTES, &entry->details) ? ERR_OK : bad(d, "details");
}

static err decode_items(struct reader *r, struct log_entry *entry, struct diag *d) {
    if (!take_time(r, &entry->time)) return bad(d, "time");
    if (!take_name(r, LOG_KIND_MAX_BYTES, true, entry->kind)) return bad(d, "kind");
    if (!take_optional(r, &entry->tagged, entry->tag, LOG_TAG_BYTES)) return bad(d, "tag");
    if (!take_optional(r, &entry->acted, entry->actor, LOG_ACTOR_BYTES)) return bad(d, "actor");
    if (!take_facts(r, entry)) return bad(d, "facts");
    return take_string(r, MAJOR_BYTES, LOG_DETAILS_MAX_BYTES, &entry->details) ? ERR_OK : bad(d, "details");
}

err log_entry_decode(struct bytes raw, struct log_entry *out, struct diag *d) {
    struct log_entry entry = {0};
    struct reader r = reader_of(raw);
    uint64_t items, version;
    if (!take_head(&r, MAJOR_ARRAY, &items)) return bad(d, "the array");
    if (!take_head(&r, MAJOR_UNSIGNED, &version) || version == 0) return bad(d, "version");
    if (version > 2)
        return diag_fail(d, ERR_UNSUPPORTED, "log entry: of version %llu, which this build cannot read",
                         (unsigned long long)version);
    if (items != (version == 1 ? OLD_ITEMS : ENTRY_ITEMS)) return bad(d, "the number of items");
    entry.version = (unsigned)version;
    err e = version == 1 ? decode_old(&r, &entry, d) : decode_items(&r, &entry, d);
    if (!e && reader_left(&r)) e = bad(d, "the end");
    if (!e) *out = entry;
    return e;
}

bool log_entry_fact(const struct log_entry *entry, const char *name, uint64_t *out) {
    for (size_t i = 0; i < entry->fact_count; i++) {
        if (strcmp(entry->facts[i].name, name) != 0) continue;
        *out = entry->facts[i].value;
        return true;
    }
    return false;
}

/* --- keys --- */

void log_key_derive(const uint8_t household_seed[32], uint8_t out[LOG_KEY_BYTES]) {
    hash_hkdf_expand(household_seed, "cardea/1 log", (struct bytes){0}, (struct buffer){out, LOG_KEY_BYTES});
}

void log_tag(const uint8_t log_key[LOG_KEY_BYTES], uint64_t n, uint8_t out[LOG_TAG_BYTES]) {
    uint8_t number[8];
    be64_put(number, n);
    hash_hmac(BYTES(log_key, LOG_KEY_BYTES), BYTES_OF(number), out);
}

void log_actor_staff(const uint8_t sign[SIGN_PUBLIC_BYTES], uint8_t out[LOG_ACTOR_BYTES]) {
    uint8_t hash[HASH_BYTES];
    hash_sha256(BYTES(sign, SIGN_PUBLIC_BYTES), hash);
    memcpy(out, hash, LOG_ACTOR_BYTES);
}

void log_actor_private(const uint8_t log_key[LOG_KEY_BYTES], const uint8_t sign[SIGN_PUBLIC_BYTES],
                       uint8_t out[LOG_ACTOR_BYTES]) {
    uint8_t input[5 + SIGN_PUBLIC_BYTES] = "actor", mac[HASH_BYTES];
    memcpy(input + 5, sign, SIGN_PUBLIC_BYTES);
    hash_hmac(BYTES(log_key, LOG_KEY_BYTES), BYTES_OF(input), mac);
    memcpy(out, mac, LOG_ACTOR_BYTES);
}

uint64_t log_grant_fact(const uint8_t grant[LOG_GRANT_ID_BYTES]) {
    uint8_t input[12 + LOG_GRANT_ID_BYTES] = "cardea/1 use", hash[HASH_BYTES];
    memcpy(input + 12, grant, LOG_GRANT_ID_BYTES);
    hash_sha256(BYTES_OF(input), hash);
    return be64_get(hash) >> 16;
}

uint64_t log_opening_fact(const uint8_t nonce[LOG_OPENING_NONCE_BYTES],
                          const uint8_t signature[SIGNATURE_BYTES]) {
    uint8_t input[16 + LOG_OPENING_NONCE_BYTES + SIGNATURE_BYTES] = "cardea/1 opening", hash[HASH_BYTES];
    memcpy(input + 16, nonce, LOG_OPENING_NONCE_BYTES);
    memcpy(input + 16 + LOG_OPENING_NONCE_BYTES, signature, SIGNATURE_BYTES);
    hash_sha256(BYTES_OF(input), hash);
    return be64_get(hash) >> 16;
}

bool log_entry_by_staff(const struct log_entry *entry) {
    uint64_t opening;
    size_t others = log_entry_fact(entry, LOG_OPENING_FACT, &opening) ? 1 : 0;
    return entry->acted && entry->fact_count > others;
}
