/* staff_token: prints the access of a member of staff, for requests that no command of ours would send: what
 * a tester who has every staff password can do. Usage: staff_token DATA URL LOGIN PASSPHRASE-FILE */
#include <stdio.h>

#include "base/file.h"
#include "client/staff.h"

static int fail(const struct diag *d) {
    fprintf(stderr, "%s\n", d->text);
    return 1;
}

/* DIR/staff/session.json, which `cardea support` keeps. */
static err session_of(const char *data, char out[CLIENT_TOKEN_BYTES], struct diag *d) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(json_release) json_t *kept = NULL;
    err e = path_join(path, data, "staff/session.json");
    if (!e) e = file_read(path, 4096, &raw, d);
    if (!e) e = json_parse(blob_bytes(&raw), &kept, d);
    if (e) return e;
    const char *text = json_string_value(json_object_get(kept, "session"));
    if (!text || snprintf(out, CLIENT_TOKEN_BYTES, "%s", text) >= CLIENT_TOKEN_BYTES) return ERR_INVALID;
    return ERR_OK;
}

int main(int argc, char **argv) {
    struct diag d = {{0}};
    AUTO(client_clear) struct client c = {0};
    AUTO(staff_link_clear) struct staff_link link = {0};
    AUTO(blob_clear) struct blob passphrase = {0};
    char session[CLIENT_TOKEN_BYTES];
    if (argc != 5) return 2;
    if (file_read(argv[4], 1024, &passphrase, &d) || session_of(argv[1], session, &d)) return fail(&d);
    if (passphrase.len && passphrase.data[passphrase.len - 1] == '\n') passphrase.len--;
    if (client_open(&c, argv[2], NULL, &d) ||
        client_resume(&c, argv[3], session, blob_bytes(&passphrase), &d) || staff_connect(&c, &link, &d))
        return fail(&d);
    printf("%s\n", link.access);
    return 0;
}
