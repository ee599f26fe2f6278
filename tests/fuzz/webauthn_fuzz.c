/* webauthn_fuzz.c: what a browser says its authenticator did: the client's data, a registration, an
 * assertion. The first byte says which, the second the algorithm. */
#include <stdlib.h>

#include "vault/webauthn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int32_t algorithms[] = {WEBAUTHN_ES256, WEBAUTHN_EDDSA, WEBAUTHN_RS256, 0};

static void read_client(struct bytes input) {
    struct webauthn_client client;
    struct diag d = {0};
    err e = webauthn_client_read(input, "webauthn.get", &client, &d);
    if (e && !d.text[0]) abort();
    if (!e && (client.challenge_len > sizeof client.challenge || strlen(client.rp) > WEBAUTHN_RP_MAX_BYTES))
        abort();
}

static void read_registration(struct bytes input, int32_t algorithm) {
    struct webauthn_key key;
    uint32_t counter;
    struct diag d = {0};
    /* The credential's id is where authenticator data have it, or nowhere. */
    size_t len = input.len > 55 ? ((size_t)input.data[53] << 8 | input.data[54]) : 0;
    struct bytes credential = input.len > 55 + len ? BYTES(input.data + 55, len) : (struct bytes){0};
    const struct webauthn_registration r = {credential, algorithm, input};
    err e = webauthn_register(&r, "localhost", &key, &counter, &d);
    if (e && !d.text[0]) abort();
    if (!e && (key.len == 0 || key.len > sizeof key.bytes || key.algorithm != algorithm)) abort();
}

/* The generator of P-256: a key that is read, of which nobody knows the other half. */
static const uint8_t generator[64] = {
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
    0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

/* A signature that is right is not found by chance. */
static void read_assertion(struct bytes input, int32_t algorithm) {
    struct webauthn_key key = {.algorithm = algorithm, .len = sizeof generator};
    memcpy(key.bytes, generator, sizeof generator);
    uint32_t counter;
    struct diag d = {0};
    size_t half = input.len < 80 ? input.len : input.len - 70;
    const struct webauthn_assertion a = {BYTES(input.data, half), bytes_text("{}"),
                                         BYTES(input.data + half, input.len - half)};
    if (!webauthn_verify(&a, "localhost", &key, false, &counter, &d) || !d.text[0]) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    struct bytes input = BYTES(data + 2, size - 2);
    int32_t algorithm = algorithms[data[1] % 4];
    switch (data[0] % 3) {
        case 0: read_client(input); break;
        case 1: read_registration(input, algorithm); break;
        default: read_assertion(input, algorithm);
    }
    return 0;
}
