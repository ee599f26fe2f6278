#include "cli/session.h"

#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/grants.h"
#include "cli/home.h"
#include "client/account.h"
#include "client/grantee.h"
#include "client/grants.h"

/* The vault that somebody joined from elsewhere; "" for the home's own. */
static void joined_vault(const struct cli *cli, char out[SESSION_URL_BYTES]) {
    struct home_owner owner;
    struct diag ignored;
    out[0] = 0;
    if (home_owner_read(cli->data, &owner, &ignored) == ERR_OK)
        snprintf(out, SESSION_URL_BYTES, "%s", owner.vault);
}

err session_vault(const struct cli *cli, char url[SESSION_URL_BYTES], char ca_file[PATH_TEXT_BYTES],
                  struct diag *d) {
    struct home_state state;
    char joined[SESSION_URL_BYTES];
    ca_file[0] = 0;
    joined_vault(cli, joined);
    if (cli->vault || *joined) {
        if (snprintf(url, SESSION_URL_BYTES, "%s", cli->vault ? cli->vault : joined) >= SESSION_URL_BYTES)
            return diag_fail(d, ERR_INVALID, "the address of --vault is too long");
        /* A home's own authority, so that its address on the network can be named too. */
        char path[PATH_TEXT_BYTES];
        if (path_join(path, cli->data, "tls/ca.crt") == ERR_OK && access(path, R_OK) == 0)
            memcpy(ca_file, path, sizeof path);
        return ERR_OK;
    }
    const struct timespec pause = {0, 100 * 1000000L};
    int64_t until_us = steady_now().us + (int64_t)HOME_START_MS * 1000;
    err e = home_state_read(cli->data, &state, d);
    while (e == ERR_BUSY && steady_now().us < until_us) { /* it is starting */
        nanosleep(&pause, NULL);
        e = home_state_read(cli->data, &state, d);
    }
    if (!e) snprintf(url, SESSION_URL_BYTES, "%s", state.url);
    return e;
}

err session_public_address(const struct cli *cli, char out[SESSION_URL_BYTES], bool *alone, struct diag *d) {
    char ca_file[PATH_TEXT_BYTES];
    struct home_state state;
    char joined[SESSION_URL_BYTES];
    *alone = false;
    joined_vault(cli, joined);
    err e = session_vault(cli, out, ca_file, d);
    if (e || cli->vault || *joined) return e;
    e = home_state_read(cli->data, &state, d);
    if (!e && *state.lan_url) snprintf(out, SESSION_URL_BYTES, "%s", state.lan_url);
    *alone = !*state.lan_url;
    return e;
}

err session_login(const struct cli *cli, char out[256], struct diag *d) {
    struct home_owner owner;
    if (cli->login && *cli->login) {
        if (snprintf(out, 256, "%s", cli->login) >= 256)
            return diag_fail(d, ERR_INVALID, "the sign-in name is too long");
        return ERR_OK;
    }
    err e = home_owner_read(cli->data, &owner, d);
    if (e == ERR_NOT_FOUND)
        return diag_fail(d, e, "no household was made with %s: run `cardea init`, or give --login NAME",
                         cli->data);
    if (!e) snprintf(out, 256, "%s", owner.login);
    return e;
}

/* What this device has seen. A folder that is another user's is no reason to refuse; a damaged file is. */
static err open_seen(const struct cli *cli, struct session *s, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    err e = path_join(path, cli->data, "seen.json");
    if (e) return diag_fail(d, e, "the path %s is too long", cli->data);
    e = seen_open(path, &s->seen, d);
    if (e == ERR_IO)
        fprintf(stderr, "cardea: an older state of the household would not be noticed: %s\n", d->text);
    s->client.seen = s->seen;
    return e == ERR_IO ? ERR_OK : e;
}

static void save_seen(const struct cli *cli, struct session *s) {
    struct diag why = {{0}};
    if (!s->seen) return;
    err e = folder_make(cli->data, &why);
    if (!e) e = seen_save(s->seen, &why);
    if (!e) return;
    fprintf(stderr, "cardea: what was seen of the household is not remembered: %s\n", why.text);
    seen_free(s->seen); /* said once */
    s->seen = s->client.seen = NULL;
}

/* Of several households, the one that this folder remembers. */
static void choose_household(const struct cli *cli, struct client *c) {
    struct home_owner owner;
    struct diag ignored;
    if (home_owner_read(cli->data, &owner, &ignored)) return;
    for (size_t i = 0; i < c->keyring.count; i++) {
        char hex[2 * HOUSEHOLD_ID_BYTES + 1];
        hex_encode(BYTES_OF(c->keyring.households[i].id), hex);
        if (strcmp(hex, owner.household) == 0) c->household_index = i;
    }
}

/* What the account's other devices see this one as, while the command runs. */
static void name_session(struct client *c) {
    struct diag ignored;
    char host[HOST_NAME_MAX + 1] = "", name[HOST_NAME_MAX + 32];
    if (gethostname(host, sizeof host - 1)) host[0] = 0;
    snprintf(name, sizeof name, "cardea on %s", *host ? host : "a machine without a name");
    (void)!client_session_name(c, name, &ignored); /* without a name it works as well */
}

err session_account(const struct cli *cli, struct session *out, struct diag *d) {
    char url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES], login[256], prompt[300];
    AUTO(secret_clear) struct secret passphrase = {0};
    *out = (struct session){0};
    err e = session_login(cli, login, d);
    if (!e) e = session_vault(cli, url, ca_file, d);
    if (e) return e;
    snprintf(prompt, sizeof prompt, "passphrase of %s: ", login);
    e = passphrase_read(cli, prompt, false, &passphrase, d);
    if (!e) e = client_open(&out->client, url, *ca_file ? ca_file : NULL, d);
    if (!e) http_client_patience(out->client.http, cli->patience_ms);
    out->client.code = totp_read;
    out->client.code_context = cli;
    if (!e) e = client_sign_in(&out->client, login, blob_bytes(&passphrase.text), d);
    if (!e) name_session(&out->client);
    if (e == ERR_UNREACHABLE || e == ERR_TIMEOUT) diag_prefix(d, "no vault answers at %s", url);
    if (e) session_close(out);
    return e;
}

/* The folder's memory of whose household it is follows the household's keys. */
static void keep_signer(const struct cli *cli, const struct client *c) {
    struct home_owner owner;
    struct diag ignored;
    char hex[2 * HOUSEHOLD_ID_BYTES + 1];
    const uint8_t *present = c->household.sign.public_key;
    hex_encode(BYTES_OF(c->household.id), hex);
    if (home_owner_read(cli->data, &owner, &ignored) || strcmp(owner.household, hex) != 0 ||
        memcmp(owner.sign, present, sizeof owner.sign) == 0 ||
        succession_chain_leads(&c->household.chain, c->household.id, owner.sign, present, &ignored))
        return;
    memcpy(owner.sign, present, sizeof owner.sign);
    (void)!home_owner_write(cli->data, &owner, &ignored);
}

static void say_step(void *context, const char *what) {
    (void)context;
    fprintf(stderr, "%s…\n", what);
}

/* What another command, or another owner's device, left half done. What cannot be done now is for next time.
 */
static void tend_keys(struct session *s) {
    struct diag why = {{0}};
    struct grants_ended ended;
    const struct grants_progress progress = {say_step, NULL};
    bool did = false;
    err e = succession_tend(&s->client, &progress, &ended, &did, &why);
    if (e) fprintf(stderr, "cardea: the household's new keys are not everywhere yet: %s\n", why.text);
    if (!e && did) grants_print_left(&ended);
    if (succession_look(&s->client, &s->keys, &why)) s->keys = (struct succession_state){0};
    if (!e && did) (void)session_print_awaited(s, stderr);
}

static void awaited_name(const struct client *c, size_t i, char out[17]) {
    hex_encode(BYTES(c->hubs[i].hub, 8), out);
}

size_t session_print_awaited(const struct session *s, FILE *to) {
    size_t count = 0;
    for (size_t i = 0; i < s->client.hub_count; i++) {
        char name[17];
        if (!succession_awaits(&s->client, &s->keys, s->client.hubs[i].hub)) continue;
        awaited_name(&s->client, i, name);
        fprintf(
            to,
            "hub %s is away and still seals to the household's former keys, which a removed owner may have "
            "kept; it gets the new ones when it is back and you use Cardea\n",
            name);
        count++;
    }
    return count;
}

json_t *session_awaited_json(const struct session *s) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < s->client.hub_count; i++)
        if (succession_awaits(&s->client, &s->keys, s->client.hubs[i].hub))
            json_array_append_new(list, json_hex(BYTES_OF(s->client.hubs[i].hub)));
    return list;
}

err session_open_any(const struct cli *cli, struct session *out, struct diag *d) {
    err e = session_account(cli, out, d);
    if (e) return e;
    choose_household(cli, &out->client);
    e = open_seen(cli, out, d);
    if (!e) e = client_unlock(&out->client, d);
    if (!e) save_seen(cli, out);
    if (!e && !out->client.grant) {
        tend_keys(out);
        keep_signer(cli, &out->client);
        save_seen(cli, out);
    }
    if (e == ERR_UNREACHABLE || e == ERR_TIMEOUT) diag_prefix(d, "no vault answers at %s", out->client.url);
    if (e) session_close(out);
    return e;
}

err session_open(const struct cli *cli, struct session *out, struct diag *d) {
    err e = session_open_any(cli, out, d);
    if (e || !out->client.grant) return e;
    const struct keyring_household *h = &out->client.keyring.households[out->client.household_index];
    e = diag_fail(
        d, ERR_DENIED,
        "this needs the household's keys, and you are a %s of '%s': ask one of its owners. What you can: "
        "camera list, live, export, timeline, events, status",
        keyring_roles[h->role], h->name);
    session_close(out);
    return e;
}

/* A vault that knows no grants has none that lack anything. */
static void tend(struct session *s) {
    struct diag why = {{0}};
    size_t tended = 0;
    err e = grants_tend(&s->client, &s->cameras, &tended, &why);
    if (e && e != ERR_NOT_FOUND && e != ERR_UNSUPPORTED)
        fprintf(stderr, "cardea: who may look besides you could not be looked after: %s\n", why.text);
    if (tended)
        fprintf(stderr, "cardea: %zu grant%s got keys or cameras that %s lacked\n", tended,
                tended > 1 ? "s" : "", tended > 1 ? "they" : "it");
}

static err find_camera(const struct cli *cli, const char *name, struct session *s, struct camera **out,
                       struct diag *d) {
    size_t damaged = 0;
    err e = camera_list_read(&s->client, &s->cameras, &damaged, d);
    if (!e) save_seen(cli, s);
    if (!e && damaged)
        fprintf(stderr, "cardea: %zu cameras' profiles cannot be trusted and are left out: %s\n", damaged,
                d->text);
    if (!e && !s->client.grant) tend(s);
    if (!e && name) e = camera_find(&s->cameras, name, out, d);
    if (e) session_close(s);
    return e;
}

err session_camera(const struct cli *cli, const char *name, struct session *s, struct camera **out,
                   struct diag *d) {
    err e = session_open(cli, s, d);
    return e ? e : find_camera(cli, name, s, out, d);
}

err session_view(const struct cli *cli, const char *name, struct session *s, struct camera **out,
                 struct diag *d) {
    err e = session_open_any(cli, s, d);
    return e ? e : find_camera(cli, name, s, out, d);
}

bool session_may_live(const struct session *s, struct diag *d) {
    const struct client_grant *g = s->client.grant;
    if (!g || g->statement.live) return true;
    (void)diag_fail(d, ERR_DENIED, "what you were given is of recordings, not of the live view");
    return false;
}

bool session_may_export(const struct client *c, struct diag *d) {
    if (!c->grant || c->grant->statement.may_export) return true;
    (void)diag_fail(
        d, ERR_DENIED,
        "you may watch this, and not keep it: ask who gave it to you for leave to export (--export)");
    return false;
}

err session_cut_range(const struct client *c, struct wall_us *from, struct wall_us *to, struct diag *d) {
    if (!c->grant) return ERR_OK;
    const struct grant_statement *s = &c->grant->statement;
    struct wall_us first = {(int64_t)s->from * 1000000}, end = {(int64_t)s->to * 1000000};
    if (from->us < first.us) *from = first;
    if (to->us > end.us) *to = end;
    if (from->us < to->us) return ERR_OK;
    char a[48], b[48];
    cli_time_text(first, a);
    cli_time_text(end, b);
    return diag_fail(
        d, ERR_DENIED,
        s->to >= GRANTS_FOREVER ? "you were given what is from %s on" : "you were given %s to %s", a, b);
}

void session_close(struct session *s) {
    struct diag ignored;
    camera_list_clear(&s->cameras);
    if (s->seen) (void)!seen_save(s->seen, &ignored); /* what was stored and read since it was opened */
    seen_free(s->seen);
    if (s->client.http) (void)!client_sign_out(&s->client, &ignored);
    client_clear(&s->client);
    *s = (struct session){0};
}
