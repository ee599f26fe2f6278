#include "cli/kept_session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/hub_ask.h"

#define FILE_NAME "staff/session.json"
#define FILE_MAX_BYTES 4096

static err read_kept(const struct cli *cli, const char *url, const char *login,
                     char session[CLIENT_TOKEN_BYTES], struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(json_release) json_t *kept = NULL;
    err e = path_join(path, cli->data, FILE_NAME);
    if (!e) e = file_read(path, FILE_MAX_BYTES, &raw, d);
    if (!e) e = json_parse(blob_bytes(&raw), &kept, d);
    if (e) return e;
    const char *text = json_text(kept, "session");
    if (strcmp(json_text(kept, "vault"), url) != 0 || strcmp(json_text(kept, "login"), login) != 0 ||
        !*text || strlen(text) >= CLIENT_TOKEN_BYTES)
        return diag_fail(d, ERR_NOT_FOUND, "no session is kept for '%s'", login);
    memcpy(session, text, strlen(text) + 1);
    return ERR_OK;
}

void kept_session_keep(const struct cli *cli, const struct session *s) {
    char path[PATH_TEXT_BYTES], folder[PATH_TEXT_BYTES];
    struct diag d = {{0}};
    AUTO(json_release)
    json_t *kept = json_pack("{s:i, s:s, s:s, s:s}", "v", 1, "vault", s->client.url, "login", s->client.login,
                             "session", s->client.session);
    char *text = kept ? json_dumps(kept, JSON_COMPACT) : NULL;
    err e = text ? path_join(path, cli->data, FILE_NAME) : ERR_NO_MEMORY;
    if (!e) e = path_join(folder, cli->data, "staff");
    if (!e) e = folder_make(folder, &d);
    if (!e) e = file_replace(path, bytes_text(text), 0600, &d);
    if (e) fprintf(stderr, "cardea: the session is not kept, each command will ask for a code: %s\n", d.text);
    if (text) wipe(text, strlen(text));
    free(text);
}

static err resume(const struct cli *cli, struct session *out, struct diag *d) {
    char url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES], login[256], session[CLIENT_TOKEN_BYTES],
        prompt[300];
    AUTO(secret_clear) struct secret passphrase = {0};
    err e = session_login(cli, login, d);
    if (!e) e = session_vault(cli, url, ca_file, d);
    if (!e) e = read_kept(cli, url, login, session, d);
    if (e) return e;
    snprintf(prompt, sizeof prompt, "passphrase of %s: ", login);
    e = passphrase_read(cli, prompt, false, &passphrase, d);
    if (!e) e = client_open(&out->client, url, *ca_file ? ca_file : NULL, d);
    if (!e) e = client_resume(&out->client, login, session, blob_bytes(&passphrase.text), d);
    wipe(session, sizeof session);
    return e;
}

err kept_session_open(const struct cli *cli, struct session *out, struct diag *d) {
    *out = (struct session){0};
    err e = resume(cli, out, d);
    if (!e) return ERR_OK;
    kept_session_close(out);
    if (e == ERR_FORGED || e == ERR_UNREACHABLE || e == ERR_TIMEOUT) return e;
    e = session_account(cli, out, d); /* none is kept, or it has ended */
    if (!e) kept_session_keep(cli, out);
    return e;
}

void kept_session_close(struct session *s) {
    wipe(s->client.session, sizeof s->client.session); /* so that it is not ended */
    session_close(s);
}
