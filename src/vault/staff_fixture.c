#include "vault/staff_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <time.h>

#include "base/file.h"

static void must(err e) {
    if (e) fail_msg("%s", err_text(e));
}

void provider_write(const struct provider *p, const char *path) {
    struct staff_key statement = {.name = "Example Support", .time = 1700000000};
    AUTO(blob_clear) struct blob raw = {0};
    memcpy(statement.desk, p->desk.public_key, sizeof statement.desk);
    must(staff_key_sign(&statement, &p->staff, &raw));
    must(file_replace(path, blob_bytes(&raw), 0600, NULL));
}

/* The vault looks once a second; it tells nobody when it has. */
static void wait_told(const struct daemon *d, const struct provider *p) {
    const struct timespec step = {0, 20000000};
    for (int i = 0; i < 500; i++) {
        AUTO(answer_clear) struct answer a = {0};
        AUTO(blob_clear) struct blob raw = {0};
        struct staff_key told;
        ASK(d, 200, &a, "GET", "/v1/vault");
        const char *text = answer_text(&a, "staff");
        if (*text && !base64_decode(text, strlen(text), &raw) && !staff_key_read(blob_bytes(&raw), &told, NULL) &&
            memcmp(told.staff, p->staff.public_key, sizeof told.staff) == 0)
            return;
        nanosleep(&step, NULL);
    }
    fail_msg("the vault does not take the staff key");
}

void provider_access(const struct daemon *d, struct provider *p) {
    AUTO(answer_clear) struct answer asked = {0}, got = {0};
    AUTO(blob_clear) struct blob challenge = {0};
    uint8_t signature[SIGNATURE_BYTES];
    ASK(d, 200, &asked, "GET", "/v1/access/challenge");
    const char *text = answer_text(&asked, "challenge");
    must(base64_decode(text, strlen(text), &challenge));
    sign_message(&p->staff, "cardea/1 staff access", blob_bytes(&challenge), signature);
    ASK(d, 200, &got, "POST", "/v1/staff/provider",
        .json = json_pack("{s:s,s:o}", "challenge", text, "signature", json_base64(BYTES_OF(signature))));
    snprintf(p->auth, sizeof p->auth, "Access %s", answer_text(&got, "token"));
}

void provider_make(const struct daemon *d, const char *path, struct provider *p) {
    sign_key_generate(&p->staff);
    box_key_generate(&p->desk);
    provider_write(p, path);
    wait_told(d, p);
    provider_access(d, p);
}
