#include "client/setup.h"

#include <stdio.h>
#include <time.h>

#include "client/internal.h"
#include "crypto/hash.h"
#include "format/pairing.h"

#define POLL_MS 200

static err post_account(struct client *c, const char *login, const struct keyring_access *access,
                        struct bytes keyring, const char *setup_code, struct diag *d) {
    AUTO(json_release) json_t *answer = NULL;
    AUTO(json_release)
    json_t *ask =
        json_pack("{s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:s*}", "login", login, "salt",
                  json_base64(BYTES_OF(access->salt)), "memory_kib", (json_int_t)access->cost.memory_kib,
                  "passes", (json_int_t)access->cost.passes, "auth", json_base64(BYTES_OF(access->auth)),
                  "recovery_auth", json_base64(BYTES_OF(access->recovery_auth)), "keyring",
                  json_base64(keyring), "setup_code", setup_code);
    if (!ask) return diag_fail(d, ERR_INVALID, "the sign-in name is not UTF-8 text");
    err e = http_client_json(c->http, "POST", "/v1/accounts", NULL, ask, &answer, d);
    if (e) return e;
    /* Signing in makes a session of its own; the one that came with the account would be a device without a
     * name. */
    char session[CLIENT_TOKEN_BYTES];
    struct diag ignored;
    if (snprintf(session, sizeof session, "Session %s", client_text(answer, "token")) < (int)sizeof session)
        (void)!http_client_json(c->http, "DELETE", "/v1/sessions/current", session, NULL, NULL, &ignored);
    wipe(session, sizeof session);
    return ERR_OK;
}

/* `household_name` NULL: an account without a household. */
static err make_account(struct client *c, const char *login, struct bytes passphrase,
                        const char *household_name, const char *setup_code,
                        char recovery[RECOVERY_TEXT_BYTES], struct diag *d) {
    AUTO(keyring_clear) struct keyring keyring = {0};
    AUTO(keyring_access_clear) struct keyring_access access = {0};
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(sign_key_clear) struct sign_key capability;
    uint8_t id[HOUSEHOLD_ID_BYTES];
    struct passphrase_cost cost = {PASSPHRASE_MEMORY_KIB, PASSPHRASE_PASSES};
    err e = keyring_create(passphrase, cost, &keyring, recovery, &access, d);
    if (e) return e;
    random_bytes(id, sizeof id);
    sign_key_generate(&capability);
    if (household_name) e = keyring_add_household(&keyring, id, &capability, household_name);
    if (e) return diag_fail(d, e, "the household's name is longer than %d bytes", HOUSEHOLD_NAME_MAX_BYTES);
    e = keyring_seal(&keyring, &raw);
    return e ? e : post_account(c, login, &access, blob_bytes(&raw), setup_code, d);
}

static err post_household(struct client *c, const char *setup_code, struct diag *d) {
    const struct keyring_household *h = &c->keyring.households[c->household_index];
    uint8_t signature[SIGNATURE_BYTES];
    sign_message(&h->capability, "cardea/1 household", BYTES_OF(h->id), signature);
    AUTO(json_release)
    json_t *ask = json_pack("{s:o, s:o, s:o, s:s*}", "id", json_hex(BYTES_OF(h->id)), "capability",
                            json_base64(BYTES_OF(h->capability.public_key)), "signature",
                            json_base64(BYTES_OF(signature)), "setup_code", setup_code);
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    return http_client_json(c->http, "POST", "/v1/households", NULL, ask, NULL, d);
}

/* The household's keys, sealed to this account, unless they are there. */
static err make_household_keys(struct client *c, struct diag *d) {
    err e = client_unlock(c, d);
    if (e != ERR_NOT_FOUND) return e;
    const struct keyring_household *h = &c->keyring.households[c->household_index];
    char key[HOUSEHOLD_KEY_TEXT_BYTES];
    AUTO(blob_clear) struct blob payload = {0};
    household_keys_clear(&c->household);
    memcpy(c->household.id, h->id, sizeof h->id);
    memcpy(c->household.name, h->name, sizeof h->name);
    box_key_generate(&c->household.box);
    sign_key_generate(&c->household.sign);
    household_keys_key(c->keyring.box.public_key, key);
    e = household_keys_seal(&c->household, c->keyring.box.public_key, &payload);
    if (!e) e = client_object_put(c, key, 1, blob_bytes(&payload), d);
    if (!e) e = client_unlock(c, d);
    return e ? e : client_open_household(c, d);
}

/* Makes the account unless it is there, and signs in. */
static err reach_account(struct client *c, const char *login, struct bytes passphrase,
                         const char *household_name, const char *setup_code,
                         char recovery[RECOVERY_TEXT_BYTES], struct diag *d) {
    struct diag why = {{0}};
    err made = make_account(c, login, passphrase, household_name, setup_code, recovery, &why);
    if (made) wipe(recovery, RECOVERY_TEXT_BYTES);
    if (made && made != ERR_EXISTS && made != ERR_CONFLICT && made != ERR_DENIED) {
        if (d) *d = why;
        return made;
    }
    /* Signing in tells what sign-up does not (a vault with open sign-up never says that a name is taken), and
     * goes on with a start that was interrupted, whose setup code may be used up. */
    err e = client_sign_in(c, login, passphrase, d);
    if (e == ERR_DENIED) {
        wipe(recovery, RECOVERY_TEXT_BYTES);
        if (made == ERR_DENIED) return diag_fail(d, made, "%s", why.text);
        return diag_fail(d, ERR_EXISTS, "the name '%s' is taken: choose another, or give its passphrase",
                         login);
    }
    return e;
}

err setup_account(struct client *c, const char *login, struct bytes passphrase, const char *setup_code,
                  char recovery[RECOVERY_TEXT_BYTES], struct diag *d) {
    return reach_account(c, login, passphrase, NULL, setup_code, recovery, d);
}

err setup_household(struct client *c, const char *login, struct bytes passphrase, const char *household_name,
                    const char *setup_code, char recovery[RECOVERY_TEXT_BYTES], struct diag *d) {
    err e = reach_account(c, login, passphrase, household_name, setup_code, recovery, d);
    if (e) return e;
    const char *access;
    if (client_access(c, &access, d) != ERR_OK) {
        e = post_household(c, setup_code, d);
        if (e) return e;
    }
    return make_household_keys(c, d);
}

/* ---- the hub ---- */

static err fixed_field(json_t *answer, const char *name, uint8_t *out, size_t len, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    const char *text = client_text(answer, name);
    if (base64_decode(text, strlen(text), &raw) || raw.len != len)
        return diag_fail(d, ERR_INVALID, "the hub's offer: \"%s\" is not %zu bytes", name, len);
    memcpy(out, raw.data, len);
    return ERR_OK;
}

static void pause_ms(int ms) { /* between two polls of something that has no long poll */
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

static err find_offer(struct client *c, const struct pairing *p, int64_t until_us, uint8_t sign[32],
                      uint8_t box[32], struct diag *d) {
    char path[64], id[2 * PAIRING_ID_BYTES + 1];
    hex_encode(BYTES_OF(p->id), id);
    snprintf(path, sizeof path, "/v1/pairing/%s", id);
    for (;;) {
        AUTO(json_release) json_t *answer = NULL;
        uint8_t mac[32];
        err e = http_client_json(c->http, "GET", path, NULL, NULL, &answer, d);
        if (e == ERR_OK) {
            e = fixed_field(answer, "sign", sign, 32, d);
            if (!e) e = fixed_field(answer, "box", box, 32, d);
            if (!e) e = fixed_field(answer, "mac", mac, 32, d);
            return e ? e : pairing_check(p, sign, box, mac, d);
        }
        if (e != ERR_NOT_FOUND) return e;
        if (steady_now().us >= until_us)
            return diag_fail(
                d, ERR_TIMEOUT,
                "no hub offers itself under that code: is it running, and is the code the one it shows?");
        pause_ms(POLL_MS);
    }
}

static err register_writer(struct client *c, const struct hub_certificate *cert, struct diag *d) {
    AUTO(json_release)
    json_t *ask = json_pack("{s:o, s:s, s:o}", "capability", json_base64(BYTES_OF(cert->writer)), "role",
                            "writer", "hub", json_hex(BYTES_OF(cert->hub)));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    return client_json(c, "POST", "/v1/capabilities", ask, NULL, d);
}

static err make_certificate(struct client *c, struct hub_certificate *cert, struct blob *envelope,
                            struct diag *d) {
    char key[HUB_KEY_TEXT_BYTES];
    AUTO(blob_clear) struct blob payload = {0}, old = {0};
    struct object existing;
    hub_id_of(cert->sign, cert->hub);
    hub_certificate_key(cert->hub, key);
    cert->added = wall_now();
    err e = hub_certificate_encode(cert, &payload);
    if (e) return e;
    uint64_t version = 1;
    struct diag ignored;
    if (client_object_get(c, key, c->household.sign.public_key, &old, &existing, &ignored) == ERR_OK)
        version = existing.version + 1; /* paired before: the new certificate has the new capability */
    e = client_object_put(c, key, version, blob_bytes(&payload), d);
    return e ? e : object_sign(&c->household.sign, key, version, blob_bytes(&payload), envelope);
}

static err post_answer(struct client *c, const struct pairing *p, const struct pairing_answer *answer,
                       const uint8_t hub_box[32], struct diag *d) {
    char path[80], id[2 * PAIRING_ID_BYTES + 1];
    AUTO(blob_clear) struct blob box = {0};
    err e = pairing_answer_seal(answer, p, hub_box, &box);
    if (e) return diag_fail(d, e, "the answer to the hub could not be sealed");
    AUTO(json_release) json_t *ask = json_pack("{s:o}", "answer", json_base64(blob_bytes(&box)));
    if (!ask) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    hex_encode(BYTES_OF(p->id), id);
    snprintf(path, sizeof path, "/v1/pairing/%s/answer", id);
    return http_client_json(c->http, "POST", path, NULL, ask, NULL, d);
}

static err wait_online(struct client *c, const uint8_t hub[HUB_ID_BYTES], int64_t until_us, struct diag *d) {
    char id[2 * HUB_ID_BYTES + 1];
    hex_encode(BYTES(hub, HUB_ID_BYTES), id);
    for (;;) {
        AUTO(json_release) json_t *answer = NULL;
        err e = client_json(c, "GET", "/v1/hubs", NULL, &answer, d);
        if (e) return e;
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(answer, "hubs"), i, item) {
            if (strcmp(client_text(item, "hub"), id) == 0 && json_is_true(json_object_get(item, "online")))
                return ERR_OK;
        }
        if (steady_now().us >= until_us)
            return diag_fail(d, ERR_TIMEOUT,
                             "the hub was paired, but does not connect to the vault: see its messages");
        pause_ms(POLL_MS);
    }
}

err setup_pair_hub(struct client *c, const char *code, int timeout_s, struct diag *d) {
    uint8_t secret[PAIRING_SECRET_BYTES];
    AUTO(pairing_clear) struct pairing pairing;
    AUTO(pairing_answer_clear) struct pairing_answer answer = {0};
    struct hub_certificate cert = {0};
    int64_t until_us = steady_now().us + (int64_t)timeout_s * 1000000;
    err e = pairing_parse(code, secret, d);
    if (e) return e;
    pairing_derive(secret, &pairing);
    wipe(secret, sizeof secret);
    e = find_offer(c, &pairing, until_us, cert.sign, cert.box, d);
    if (e) return e;
    sign_key_generate(&answer.writer);
    memcpy(cert.writer, answer.writer.public_key, sizeof cert.writer);
    e = make_certificate(c, &cert, &answer.certificate, d);
    if (!e) e = register_writer(c, &cert, d);
    if (e) return e;
    memcpy(answer.household, c->household.id, sizeof answer.household);
    memcpy(answer.box, c->household.box.public_key, sizeof answer.box);
    memcpy(answer.sign, c->household.sign.public_key, sizeof answer.sign);
    e = post_answer(c, &pairing, &answer, cert.box, d);
    if (!e) e = wait_online(c, cert.hub, until_us, d);
    return e ? e : client_read_hubs(c, d);
}
