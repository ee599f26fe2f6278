#include "cli/demo_staff.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/account.h"
#include "cli/hub_ask.h"
#include "cli/staff.h"
#include "client/account.h"
#include "client/setup.h"

#define AGENT_NAME "Ann"
#define AGENT_DAYS 365
#define KEY_KNOWN_S 20 /* the vault looks for its staff key once a second */
#define POLL_MS 200

static err provider_of(const struct home *h, struct bytes passphrase, struct provider_secrets *out,
                       struct diag *d) {
    char secret[PATH_TEXT_BYTES], public[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob raw = {0};
    if (path_join(secret, h->data, STAFF_PROVIDER_FILE) || path_join(public, h->data, STAFF_PUBLIC_FILE))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", h->data);
    err e = file_read(secret, PROVIDER_FILE_MAX_BYTES, &raw, d);
    if (!e) return provider_file_open(blob_bytes(&raw), passphrase, out, d);
    if (e != ERR_NOT_FOUND) return e;
    snprintf(out->name, sizeof out->name, "Demo support");
    return provider_make(secret, public, passphrase, out, d);
}

static err connect_provider(struct client *c, const struct provider_secrets *p, struct provider_link *out,
                            struct diag *d) {
    int64_t end = steady_now().us + (int64_t)KEY_KNOWN_S * 1000000;
    for (;;) {
        err e = provider_connect(c, p, out, d);
        if (!e || steady_now().us > end) return e;
        usleep(POLL_MS * 1000);
    }
}

/* An account with an authenticator app, whose secret is kept for who tries the demo. */
static err make_agent(const struct home *h, struct provider_link *provider, struct bytes passphrase,
                      struct diag *d) {
    struct cli cli = {.login = DEMO_AGENT_LOGIN};
    AUTO(client_clear) struct client first = {0}, agent = {0};
    char code[24], recovery[RECOVERY_TEXT_BYTES] = "", name[STAFF_NAME_MAX_BYTES + 1], file[PATH_TEXT_BYTES];
    uint64_t number;
    if (path_join(file, h->data, DEMO_AGENT_CODE_FILE))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", h->data);
    snprintf(cli.data, sizeof cli.data, "%s", h->data);
    cli.totp_file = file;
    err e = provider_invite(provider, AGENT_NAME, STAFF_AGENT, code, &number, d);
    if (!e) e = client_open(&first, h->state.url, NULL, d);
    if (!e) e = setup_account(&first, DEMO_AGENT_LOGIN, passphrase, code, recovery, d);
    wipe(recovery, sizeof recovery);
    if (!e) e = account_add_app(&cli, &first, file, "Authenticator app", d);
    if (!e) e = client_open(&agent, h->state.url, NULL, d);
    agent.code = totp_read;
    agent.code_context = &cli;
    if (!e) e = client_sign_in(&agent, DEMO_AGENT_LOGIN, passphrase, d);
    if (!e) e = staff_join(&agent, code, name, &number, d);
    return e;
}

err demo_staff(const struct home *h, struct bytes passphrase, struct diag *d) {
    AUTO(provider_secrets_clear) struct provider_secrets p = {0};
    AUTO(client_clear) struct client c = {0};
    AUTO(json_release) json_t *list = NULL;
    struct provider_link link;
    json_t *agent;
    err e = provider_of(h, passphrase, &p, d);
    if (!e) e = client_open(&c, h->state.url, NULL, d);
    if (!e) e = connect_provider(&c, &p, &link, d);
    if (!e) e = provider_find(&link, AGENT_NAME, &list, &agent, d);
    if (e == ERR_NOT_FOUND) {
        e = make_agent(h, &link, passphrase, d);
        if (!e) e = provider_find(&link, AGENT_NAME, &list, &agent, d);
    }
    if (!e && strcmp(json_text(agent, "state"), "certified") != 0)
        e = provider_certify(&link, agent, AGENT_DAYS, NULL, d);
    wipe(&link, sizeof link);
    return e;
}
