/* vault_request_fuzz.c: whole requests to a vault on memory stores, without a socket: the route table,
 * queries, headers, JSON tables, framing of uploads, and every handler.
 *
 *     METHOD TARGET WHO\n          WHO: o owner, w hub, s session, g holder of a grant, - nobody
 *     Name: value\n …\n            headers; then an empty line and the body */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "format/envelope.h"
#include "vault/grant.h"
#include "vault/staff.h"
#include "vault/vault.h"
#include "vault/veil.h"

#define INPUTS_PER_VAULT 2000 /* then a fresh one, so that what they store does not pile up */
#define HEADERS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vault vault;
static struct http_app app;
static char owner[128], writer[128], session[128], grantee[128];

struct header {
    char *name, *value;
};
static struct header headers[HEADERS_MAX];
static size_t header_count;

static void must(err e) {
    if (e) abort();
}

static void token(const struct store_key *key, char out[128]) {
    char text[ACCESS_TOKEN_CHARS];
    access_token_make(&vault, key, UINT32_MAX, text);
    snprintf(out, 128, "Access %s", text);
}

static void make_session(void) {
    struct diag d;
    struct store_key login;
    struct account_session s = {.expires_day = UINT32_MAX, .factor = true};
    uint8_t raw[32] = {1};
    char text[BASE64_CHARS(32)];
    struct account_secrets secrets = {.memory_kib = 65536, .passes = 3};
    login_key(&vault, "ada", &login);
    /* The passphrase's and the recovery code's proofs are zeros, so that inputs reach what asks for them. */
    uint8_t known[2 * STORE_KEY_BYTES] = {0};
    memcpy(known, login.bytes, sizeof login.bytes);
    vault_mac(&vault, "cardea/1 vault auth", BYTES_OF(known), secrets.auth_hash.bytes);
    vault_mac(&vault, "cardea/1 vault recovery", BYTES_OF(known), secrets.recovery_hash.bytes);
    must(vault.accounts->ops->create(vault.accounts, &login, &secrets, bytes_text("CRDK"), &d));
    hash_sha256(BYTES_OF(raw), s.token.bytes);
    s.login = login;
    must(vault.accounts->ops->session_add(vault.accounts, &s, &d));
    base64_encode(BYTES_OF(raw), text);
    snprintf(session, sizeof session, "Session %s", text);
}

/* A grant to seconds of the camera that the corpus sends reels of. */
static void make_grant(const struct store_id *household) {
    static const char statement[] =
        "{\"v\":2,\"id\":\"0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d\",\"grantee\":\"%1$s\",\"grantee_sign\":\"%1$s\","
        "\"purpose\":\"link\",\"cameras\":[\"f185bb110c00703e6ebba0192846b572\"],\"from\":1700000001,"
        "\"to\":4294967296,\"live\":true,\"export\":false,\"not_before\":0,\"expires\":4294967296,\"time\":1,"
        "\"log\":\"%1$s\"}";
    const uint8_t seed[SIGN_SEED_BYTES] = {6}, box[BOX_OVERHEAD_BYTES + 8] = {7};
    char text[1000], key[BASE64_CHARS(32)], bearer[GRANT_TOKEN_CHARS];
    AUTO(blob_clear) struct blob envelope = {0}, head = {0};
    struct sign_key sign;
    struct diag d;
    sign_key_from_seed(seed, &sign);
    base64_encode(BYTES_OF(sign.public_key), key);
    snprintf(text, sizeof text, statement, key);
    must(envelope_sign(&sign, "cardea/1 grant", bytes_text(text), &envelope));
    must(blob_append(&head, bytes_text("CRDG\x02")));
    must(blob_append_be32(&head, (uint32_t)envelope.len));
    must(blob_append(&head, blob_bytes(&envelope)));
    struct index_household keys = {.box = {{8}}, .log_key = {{9}}};
    memcpy(keys.sign.bytes, sign.public_key, sizeof keys.sign.bytes);
    must(vault.index->ops->household_keys_put(vault.index, household, &keys, &d));
    struct grant_row row = {
        .household = *household, .purpose = GRANT_LINK, .created = 1, .expires = UINT64_C(1) << 32};
    memset(row.grant.bytes, 0x0d, sizeof row.grant.bytes);
    const struct grant_bytes bytes = {.statement = blob_bytes(&head), .box = BYTES_OF(box)};
    must(vault.index->ops->grant_add(vault.index, &row, &bytes, &d));
    grant_token_make(&vault, &row.grant, 0, UINT32_MAX, bearer);
    snprintf(grantee, sizeof grantee, "Access %s", bearer);
}

static void fresh(void) {
    struct diag d;
    const struct store_id household = {{1}};
    const struct store_key owner_key = {{2}};
    const struct capability hub = {{{3}}, household, CAPABILITY_ROLE_WRITER, {{4}}, 0};
    const uint8_t key[32] = {5};
    vault_init(&vault);
    must(index_memory_open(&vault.index, &d));
    must(accounts_memory_open(&vault.accounts, &d));
    must(blob_memory_open(64u << 20, &vault.blobs, &d));
    must(veil_open(vault.blobs, key, &vault.blobs));
    must(bus_local_open(&vault.bus, &d));
    must(staff_new(&vault, NULL, &d));
    must(desk_memory_open(&vault.desk, &d));
    must(vault.index->ops->household_create(vault.index, &household, &owner_key, 32u << 20, &d));
    must(vault.index->ops->capability_add(vault.index, &hub, &d));
    token(&owner_key, owner);
    token(&hub.key, writer);
    make_session();
    make_grant(&household);
    app = vault_app(&vault);
}

static const char *header_get(const struct http_request *request, const char *name) {
    for (size_t i = 0; i < header_count; i++)
        if (strcasecmp(headers[i].name, name) == 0) return headers[i].value;
    return NULL;
}

/* One line at *at, ended by a zero in place of its newline. NULL: none is left. */
static char *line(char **at, char *end) {
    char *begin = *at, *newline = begin < end ? memchr(begin, '\n', (size_t)(end - begin)) : NULL;
    if (!newline) return NULL;
    *newline = 0;
    *at = newline + 1;
    return begin;
}

static bool read_headers(char **at, char *end) {
    for (header_count = 0;;) {
        char *text = line(at, end);
        if (!text) return false;
        if (!*text) return true;
        char *colon = strstr(text, ": ");
        if (!colon || header_count == HEADERS_MAX - 1) return false;
        *colon = 0;
        headers[header_count++] = (struct header){text, colon + 2};
    }
}

static void check(const struct http_reply *r) {
    if (r->status < 200 || r->status > 599 || r->status == 500) abort();
    if (r->status < 400) return;
    json_t *error = json_loadb((const char *)r->body.data, r->body.len, 0, NULL);
    if (!json_is_string(json_object_get(error, "error"))) abort();
    json_decref(error);
}

/* Reads what a streamed answer gives, up to a few pieces. */
static void drain(struct http_reply *r) {
    uint8_t piece[1000];
    bool end = false;
    for (int i = 0; r->source.read && i < 100 && !end; i++) {
        size_t len = 0;
        if (r->source.read(r->source.state, (struct buffer){piece, sizeof piece}, &len, &end) || !len) break;
    }
}

static void run(char *text, size_t size) {
    static struct http_request request;
    struct http_reply reply;
    char *at = text, *end = text + size, *first = line(&at, end);
    char *space = first ? strchr(first, ' ') : NULL, *last = first ? strrchr(first, ' ') : NULL;
    if (!space || last == space || !read_headers(&at, end)) return;
    *space = *last = 0;
    const char *const who = last[1] == 'o'   ? owner
                            : last[1] == 'w' ? writer
                            : last[1] == 's' ? session
                            : last[1] == 'g' ? grantee
                                             : NULL;
    static char authorization[] = "Authorization";
    if (who) headers[header_count++] = (struct header){authorization, (char *)(uintptr_t)who};
    memset(&request, 0, sizeof request);
    http_reply_init(&reply);
    request.method = first;
    request.header_get = header_get;
    request.peer.loopback = true;
    request.body = BYTES(at, end - at);
    struct diag d = {0};
    if (http_target_parse(space + 1, &request.target, &d)) {
        if (!d.text[0]) abort();
        return;
    }
    http_dispatch(&app, &request, &reply);
    check(&reply);
    drain(&reply);
    http_reply_clear(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned inputs;
    if (inputs++ % INPUTS_PER_VAULT == 0) {
        if (inputs > 1) vault_clear(&vault);
        fresh();
    }
    char *text = malloc(size ? size : 1);
    if (!text) abort();
    memcpy(text, data, size);
    run(text, size);
    free(text);
    return 0;
}
