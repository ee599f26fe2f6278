/* The code of the authenticator app, when the vault asks for it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "client/client.h"
#include "crypto/totp.h"

/* The secret within "otpauth://totp/…?secret=XXX&…", or the text itself. */
static void secret_part(char *text) {
    char *at = strncmp(text, "otpauth://", 10) == 0 ? strstr(text, "secret=") : NULL;
    if (!at) return;
    at += strlen("secret=");
    size_t len = strcspn(at, "&#");
    memmove(text, at, len);
    text[len] = 0;
}

static uint64_t now_s(void) {
    return (uint64_t)(wall_now().us / 1000000);
}

/* A code passes once: when this step's is spent, the next step's is a matter of seconds. */
static void wait_for_step(uint64_t step) {
    const struct timespec tick = {0, 200000000};
    unsigned left = (unsigned)(TOTP_STEP_S - now_s() % TOTP_STEP_S);
    fprintf(stderr, "cardea: waiting %u s for the authenticator's next code\n", left);
    while (now_s() / TOTP_STEP_S <= step) nanosleep(&tick, NULL);
}

static err from_file(const char *file, const char *why, char out[CLIENT_CODE_BYTES], struct diag *d) {
    AUTO(secret_clear) struct secret held = {0};
    AUTO(blob_clear) struct blob secret = {0};
    char text[512];
    err e = secret_read(file, NULL, &held, d);
    if (e) return e;
    if (held.text.len >= sizeof text)
        return diag_fail(d, ERR_INVALID, "%s holds neither a code nor a secret", file);
    memcpy(text, held.text.data, held.text.len);
    text[held.text.len] = 0;
    secret_part(text);
    bool code = strlen(text) == TOTP_DIGITS && strspn(text, "0123456789") == TOTP_DIGITS;
    if (code && why) e = diag_fail(d, ERR_DENIED, "the code in %s did not pass: %s", file, why);
    if (!e && code) memcpy(out, text, TOTP_TEXT_BYTES);
    if (!e && !code) {
        e = base32_decode(text, TOTP_SECRET_MAX_BYTES, &secret);
        if (e)
            e = diag_fail(d, ERR_INVALID, "%s holds neither a code of six digits nor a secret in base32",
                          file);
        if (!e && why) wait_for_step(now_s() / TOTP_STEP_S);
        if (!e) totp_code(blob_bytes(&secret), now_s() / TOTP_STEP_S, TOTP_DIGITS, out);
    }
    wipe(text, sizeof text);
    return e;
}

err totp_read(const void *context, const char *why, char out[CLIENT_CODE_BYTES], struct diag *d) {
    const struct cli *cli = context;
    const char *file = cli->totp_file ? cli->totp_file : getenv("CARDEA_TOTP_FILE");
    if (file && *file) return from_file(file, why, out, d);
    AUTO(secret_clear) struct secret typed = {0};
    if (why) fprintf(stderr, "cardea: %s\n", why);
    err e = secret_read(NULL, "code of your authenticator app: ", &typed, d);
    if (e == ERR_DENIED)
        return diag_fail(
            d, e, "there is no terminal to ask for the code on: use --totp-file FILE or CARDEA_TOTP_FILE");
    if (e) return e;
    if (typed.text.len >= CLIENT_CODE_BYTES) return diag_fail(d, ERR_INVALID, "the code is six digits");
    memcpy(out, typed.text.data, typed.text.len);
    out[typed.text.len] = 0;
    return ERR_OK;
}
