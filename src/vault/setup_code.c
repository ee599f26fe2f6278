/* Codes that open sign-up, 80 bits in Crockford's base32. The code of the first start is random, and opens it
 * until there is a household. An invitation's is the hour until which it holds, and a MAC of that under the
 * vault's secret: nothing is stored, so that no row can tell which household invited which account. */
#include "base/file.h"
#include "crypto/hash.h"
#include "vault/vault.h"

#define CODE_DIGITS 16
#define CODE_GRACE_US (900 * INT64_C(1000000)) /* the account may be made after the household */

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#define CODE_BYTES 10
#define HOUR_BYTES 3

static void format(const uint8_t secret[CODE_BYTES], char out[SETUP_CODE_TEXT_BYTES]) {
    size_t used = 0;
    for (size_t i = 0; i < CODE_DIGITS; i++) {
        uint32_t window = (uint32_t)secret[i * 5 / 8] << 8 | (i * 5 / 8 + 1 < 10 ? secret[i * 5 / 8 + 1] : 0);
        if (i && i % 4 == 0) out[used++] = '-';
        out[used++] = digits[window >> (11 - i * 5 % 8) & 31];
    }
    out[used] = 0;
}

/* Digits alone, upper case, with O, I and L as what they look like. False: not a code. */
static bool normalize(const char *text, char out[CODE_DIGITS + 1]) {
    size_t used = 0;
    for (; *text; text++) {
        char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
        if (strchr(" -\t\r\n", c)) continue;
        if (c == 'O') c = '0';
        if (c == 'I' || c == 'L') c = '1';
        if (used == CODE_DIGITS || !strchr(digits, c)) return false;
        out[used++] = c;
    }
    out[used] = 0;
    return used == CODE_DIGITS;
}

err setup_code_load(struct vault *v, const char *path, struct diag *d) {
    AUTO(blob_clear) struct blob held = {0};
    char plain[CODE_DIGITS + 1];
    err e = path ? file_read(path, 256, &held, d) : ERR_NOT_FOUND;
    if (e == ERR_NOT_FOUND) {
        uint8_t secret[10];
        random_bytes(secret, sizeof secret);
        format(secret, v->setup_code);
        wipe(secret, sizeof secret);
        return path ? file_replace(path, bytes_text(v->setup_code), 0600, d) : ERR_OK;
    }
    if (e) return e;
    e = blob_append_u8(&held, 0);
    if (e) return e;
    if (!normalize((const char *)held.data, plain))
        return diag_fail(d, ERR_INVALID, "%s holds no setup code: sixteen letters and digits", path);
    for (size_t i = 0; i < 4; i++) {
        memcpy(v->setup_code + i * 5, plain + i * 4, 4);
        v->setup_code[i * 5 + 4] = i < 3 ? '-' : 0;
    }
    wipe(plain, sizeof plain);
    return ERR_OK;
}

bool code_bytes(const char *text, uint8_t out[CODE_BYTES]) {
    char plain[CODE_DIGITS + 1] = "";
    if (!normalize(text, plain)) return false;
    uint32_t held = 0;
    for (size_t i = 0, bits = 0, used = 0; i < CODE_DIGITS; i++) {
        held = held << 5 | (uint32_t)(strchr(digits, plain[i]) - digits);
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        out[used++] = (uint8_t)(held >> bits);
    }
    wipe(plain, sizeof plain);
    return true;
}

bool setup_code_fits(struct vault *v, const char *code) {
    char held[CODE_DIGITS + 1] = "", given[CODE_DIGITS + 1] = "";
    uint64_t households = 0;
    struct diag d;
    if (v->index->ops->household_count(v->index, &households, &d) || !normalize(code, given)) return false;
    pthread_mutex_lock(&v->setup_lock);
    bool open = households == 0 || (v->setup_used.us && steady_now().us - v->setup_used.us < CODE_GRACE_US);
    bool known = normalize(v->setup_code, held);
    pthread_mutex_unlock(&v->setup_lock);
    bool same = bytes_equal_secret(BYTES_OF(held), BYTES_OF(given));
    wipe(held, sizeof held);
    return open && known && same;
}

static void invitation_code(const struct vault *v, uint32_t hour, char out[SETUP_CODE_TEXT_BYTES]) {
    uint8_t secret[CODE_BYTES] = {(uint8_t)(hour >> 16), (uint8_t)(hour >> 8), (uint8_t)hour}, mac[32];
    vault_mac(v, "cardea/1 vault invitation", BYTES(secret, HOUR_BYTES), mac);
    memcpy(secret + HOUR_BYTES, mac, CODE_BYTES - HOUR_BYTES);
    format(secret, out);
    wipe(mac, sizeof mac);
}

/* The hour that a code speaks of: its first 24 bits. */
static uint32_t invitation_hour(const char plain[CODE_DIGITS + 1]) {
    uint32_t bits = 0;
    for (size_t i = 0; i < 5; i++) bits = bits << 5 | (uint32_t)(strchr(digits, plain[i]) - digits);
    return bits >> 1;
}

bool invitation_fits(const struct vault *v, const char *code, uint32_t now) {
    char given[CODE_DIGITS + 1] = "", text[SETUP_CODE_TEXT_BYTES], right[CODE_DIGITS + 1] = "";
    if (!normalize(code, given)) return false;
    uint32_t hour = invitation_hour(given);
    invitation_code(v, hour, text);
    bool same = normalize(text, right) && bytes_equal_secret(BYTES_OF(right), BYTES_OF(given));
    wipe(right, sizeof right);
    return same && now / 3600 < hour && hour <= now / 3600 + VAULT_INVITATION_HOURS;
}

enum http_outcome invitation_create(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    char code[SETUP_CODE_TEXT_BYTES];
    if (v->signup == VAULT_SIGNUP_CLOSED)
        return reply_error(r, 403, "denied",
                           "this vault takes no new accounts: whoever you invite needs one already");
    uint32_t hour = slot_now() / 3600 + VAULT_INVITATION_HOURS;
    invitation_code(v, hour, code);
    return reply_json(r, 201, json_pack("{s:s,s:I}", "setup_code", code, "until", (json_int_t)hour * 3600));
}
