/* web_push.h: messages to browsers through a push service that can read nothing of them.
 *
 * The body is one record of aes128gcm (RFC 8188) under keys agreed with the browser's subscription (RFC
 * 8291):
 *
 *     salt (16) | record size (4) | 65 (1) | sender's public key (65) | ciphertext | tag (16)
 *     plaintext of the record: data | 2 (1) | zeros
 *
 * Every body has the same size, so that its length does not tell whether there is a picture in it. The sender
 * shows who it is with a token signed by its VAPID key (RFC 8292). Threads: no shared state. */
#ifndef CARDEA_NET_WEB_PUSH_H
#define CARDEA_NET_WEB_PUSH_H

#include "base/bytes.h"
#include "base/clock.h"

#define WEB_PUSH_SECRET_BYTES 32
#define WEB_PUSH_PUBLIC_BYTES 65 /* an uncompressed point on P-256 */
#define WEB_PUSH_AUTH_BYTES 16
#define WEB_PUSH_SALT_BYTES 16
#define WEB_PUSH_BODY_BYTES 4096      /* what every push service takes (RFC 8030 section 7.2) */
#define WEB_PUSH_PLAIN_MAX_BYTES 3993 /* of that, without head, tag and delimiter */
#define WEB_PUSH_TOKEN_LIFE_S 43200   /* at most 24 h (RFC 8292 section 2) */
#define WEB_PUSH_ENDPOINT_MAX_BYTES 1024
#define WEB_PUSH_AUTHORIZATION_BYTES 2048

/* A key pair on P-256: VAPID's, or the one that a single message is agreed with. */
struct web_push_key {
    uint8_t secret[WEB_PUSH_SECRET_BYTES];
    uint8_t public_key[WEB_PUSH_PUBLIC_BYTES];
};
/* Stops the program when OpenSSL has no randomness or memory, as crypto/hash.h does. */
void web_push_key_generate(struct web_push_key *out);
/* ERR_INVALID: not a scalar of P-256. */
err web_push_key_from_secret(const uint8_t secret[WEB_PUSH_SECRET_BYTES], struct web_push_key *out) CHECKED;
void web_push_key_clear(struct web_push_key *k); /* wipes */

/* What a browser's subscription says (Push API, PushSubscription.toJSON). */
struct web_push_receiver {
    uint8_t p256dh[WEB_PUSH_PUBLIC_BYTES];
    uint8_t auth[WEB_PUSH_AUTH_BYTES];
};
/* Takes both texts of the subscription. ERR_INVALID: not base64url of that size, or not a point on P-256. */
err web_push_receiver_read(const char *p256dh, const char *auth, struct web_push_receiver *out,
                           struct diag *d) CHECKED;

/* Seals `plain` for the receiver into *out (appended), padded to WEB_PUSH_BODY_BYTES.
 * ERR_LIMIT: longer than WEB_PUSH_PLAIN_MAX_BYTES. ERR_INVALID: the receiver's key. ERR_NO_MEMORY. */
err web_push_seal(const struct web_push_receiver *to, struct bytes plain, struct blob *out,
                  struct diag *d) CHECKED;
/* The same with a given key, salt and number of zeros: for test vectors. */
err web_push_seal_with(const struct web_push_receiver *to, const struct web_push_key *sender,
                       const uint8_t salt[WEB_PUSH_SALT_BYTES], struct bytes plain, size_t zeros,
                       struct blob *out, struct diag *d) CHECKED;

/* The value of the Authorization header for an endpoint: "vapid t=…, k=…". `subject` is a mailto: or https:
 * address. ERR_INVALID: the endpoint is no https or http URL. ERR_LIMIT. */
err web_push_authorization(const struct web_push_key *vapid, const char *endpoint, const char *subject,
                           struct wall_us now, char out[WEB_PUSH_AUTHORIZATION_BYTES],
                           struct diag *d) CHECKED;

#endif
