/* cmd_trust.c: grants and the log. */
#include <string.h>

#include "cli/commands.h"
#include "cli/log_command.h"
#include "cli/session.h"
#include "format/grant.h"

struct grant_rows {
    struct client *client;
    json_t *list;
    struct wall_us now;
};

/* "grants/<hex id>": a whole grant; the statement is all that is read here. */
static err add_grant(void *context, const char *key, int64_t version, struct diag *d) {
    struct grant_rows *rows = context;
    AUTO(blob_clear) struct blob raw = {0};
    struct object object;
    struct grant_statement statement;
    err e = client_object_get(rows->client, key, rows->client->household.sign.public_key, &raw, &object, d);
    if (!e) e = grant_read(object.payload, rows->client->household.sign.public_key, &statement, d);
    if (e) return e;
    char from[WALL_TEXT_BYTES], to[WALL_TEXT_BYTES], expires[WALL_TEXT_BYTES];
    wall_format((struct wall_us){(int64_t)statement.from * 1000000}, from);
    wall_format((struct wall_us){(int64_t)statement.to * 1000000}, to);
    wall_format((struct wall_us){(int64_t)statement.expires * 1000000}, expires);
    json_t *row =
        json_pack("{s:o, s:s, s:I, s:s, s:s, s:b, s:s, s:b}", "id", json_hex(BYTES_OF(statement.id)),
                  "purpose", grant_purposes[statement.purpose], "cameras", (json_int_t)statement.camera_count,
                  "from", from, "to", to, "live", (int)statement.live, "expires", expires, "expired",
                  (int64_t)statement.expires * 1000000 <= rows->now.us);
    return json_array_append_new(rows->list, row) ? diag_fail(d, ERR_NO_MEMORY, "out of memory") : ERR_OK;
}

static int run_grants(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    AUTO(json_release) json_t *list = json_array();
    if (session_open(cli, &s, &d)) return cli_fail(&d);
    struct grant_rows rows = {&s.client, list, wall_now()};
    if (client_object_list(&s.client, "grants/", add_grant, &rows, &d)) return cli_fail(&d);
    if (cli->json) {
        json_dumpf(list, stdout, JSON_INDENT(1));
        putchar('\n');
        return STATUS_DONE;
    }
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row) printf(
        "%s  %-8s %s to %s  until %s%s\n", json_string_value(json_object_get(row, "id")),
        json_string_value(json_object_get(row, "purpose")), json_string_value(json_object_get(row, "from")),
        json_string_value(json_object_get(row, "to")), json_string_value(json_object_get(row, "expires")),
        json_is_true(json_object_get(row, "expired")) ? "  (expired)" : "");
    if (json_array_size(list) == 0) puts("no grants: nobody but the household's owners can open anything");
    return STATUS_DONE;
}

static int run_revoke(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(session_close) struct session s = {0};
    uint8_t id[GRANT_ID_BYTES];
    char path[96];
    if (hex_decode(args->positional[0], (struct buffer){id, sizeof id})) {
        (void)diag_fail(&d, ERR_INVALID, "a grant's id is %d hex digits", 2 * GRANT_ID_BYTES);
        return cli_usage("grants revoke", &d);
    }
    if (session_open(cli, &s, &d)) return cli_fail(&d);
    snprintf(path, sizeof path, "/v1/objects/grants/%s", args->positional[0]);
    err e = client_json(&s.client, "DELETE", path, NULL, NULL, &d);
    if (e == ERR_NOT_FOUND)
        return cli_fail_text("there is no grant %s; `cardea grants` lists them", args->positional[0]);
    if (e) return cli_fail(&d);
    puts("revoked: the vault serves nothing under it any more");
    return STATUS_DONE;
}

const struct command commands_trust[] = {
    {.name = "grants",
     .summary = "Who may open what, besides the owners",
     .usage = "[list] [--json]",
     .most = 1,
     .run = run_grants},
    {.name = "grants revoke",
     .summary = "End a grant",
     .usage = "ID",
     .least = 1,
     .most = 1,
     .run = run_revoke},
    {.name = "log", .summary = "Who looked", .usage = "[show] [--json]", .most = 1, .run = run_log_show},
    {.name = "log verify",
     .summary = "Is the log whole and consistent?",
     .usage = "[--json]",
     .help = "Reads the vault's public log (/log/), and proves that it is whole and has only grown since the "
             "last look,\n"
             "which is remembered in DIR/log-seen.\n",
     .run = run_log_verify},
    {0},
};
