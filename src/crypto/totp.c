#include "crypto/totp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto/must.h"

#define SHA1_BYTES 20

void totp_code(struct bytes secret, uint64_t step, unsigned digits, char *out) {
    uint8_t counter[8], mac[SHA1_BYTES];
    unsigned len = sizeof mac;
    be64_put(counter, step);
    must(HMAC(EVP_sha1(), secret.data, (int)secret.len, counter, sizeof counter, mac, &len) &&
         len == SHA1_BYTES);
    /* RFC 4226, section 5.3: 31 bits from where the last four bits say, modulo a power of ten. */
    uint32_t number = be32_get(mac + (mac[SHA1_BYTES - 1] & 15)) & 0x7fffffff;
    for (unsigned i = digits; i-- > 0; number /= 10) out[i] = (char)('0' + number % 10);
    out[digits] = 0;
    wipe(mac, sizeof mac);
}

bool totp_find(struct bytes secret, uint64_t now_s, const char *code, uint64_t *step) {
    if (strlen(code) != TOTP_DIGITS) return false;
    bool found = false;
    for (uint64_t i = 0; i < 3; i++) {
        char right[TOTP_TEXT_BYTES];
        uint64_t at = now_s / TOTP_STEP_S + i - 1;
        totp_code(secret, at, TOTP_DIGITS, right);
        bool same = bytes_equal_secret(BYTES(right, TOTP_DIGITS), BYTES(code, TOTP_DIGITS));
        if (same) *step = at;
        found |= same;
        wipe(right, sizeof right);
    }
    return found;
}

static const char digits32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void base32_encode(struct bytes data, char *out) {
    uint32_t held = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < data.len; i++) {
        held = held << 8 | data.data[i];
        for (bits += 8; bits >= 5; bits -= 5) *out++ = digits32[held >> (bits - 5) & 31];
    }
    if (bits) *out++ = digits32[held << (5 - bits) & 31];
    *out = 0;
}

err base32_decode(const char *text, size_t max, struct blob *out) {
    AUTO(blob_clear) struct blob made = {0};
    uint32_t held = 0;
    unsigned bits = 0;
    for (; *text; text++) {
        if (strchr(" -=", *text)) continue;
        char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
        const char *at = strchr(digits32, c);
        if (!at) return ERR_INVALID;
        held = held << 5 | (uint32_t)(at - digits32);
        if ((bits += 5) < 8) continue;
        if (made.len == max) return ERR_LIMIT;
        err e = blob_append_u8(&made, (uint8_t)(held >> (bits -= 8)));
        if (e) return e;
    }
    if (made.len == 0) return ERR_INVALID;
    blob_clear(out);
    *out = made;
    made = (struct blob){0};
    return ERR_OK;
}
