/* cmd_share.c: links for somebody without an account: making one, opening one. (Grants: cmd_grants.c.) */
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/footage.h"
#include "cli/hub_ask.h"
#include "cli/live.h"
#include "cli/session.h"
#include "client/grantee.h"
#include "client/grants.h"

#define EXPIRES_S (7 * 86400)
#define PASSWORD_LEAST 4

/* ---- share ---- */

static err read_range(const struct args *args, struct grant_wish *w, struct diag *d) {
    struct wall_us now = wall_now(), from = now, to = now;
    int64_t lasts_s = EXPIRES_S;
    const char *expires = args_value(args, "expires");
    if (expires && duration_parse(expires, &lasts_s, d)) {
        diag_prefix(d, "--expires");
        return ERR_INVALID;
    }
    if (lasts_s <= 0) return diag_fail(d, ERR_INVALID, "--expires is a time from now on, like 10m or 7d");
    if (!w->live && (!args_has(args, "from") || !args_has(args, "to")))
        return diag_fail(d, ERR_INVALID, "--from and --to are needed, or --live");
    to.us = now.us + lasts_s * 1000000;
    err e = cli_range(args, from, to, &from, &to, d);
    if (e) return e;
    w->from = wall_slot(from);
    w->to = (uint64_t)wall_slot((struct wall_us){to.us - 1}) + 1;
    w->not_before = wall_slot(now);
    w->expires = w->not_before + (uint64_t)lasts_s;
    if (w->live && w->to > w->expires) w->to = w->expires; /* no key covers a second beyond it */
    if (w->from < w->to) return ERR_OK;
    return diag_fail(d, ERR_INVALID, "--from is after the link expires");
}

static err read_password(const struct args *args, struct secret *out, struct diag *d) {
    const char *file = args_value(args, "password-file");
    if (!file) return ERR_OK;
    err e = secret_read(file, "", out, d);
    if (!e && out->text.len < PASSWORD_LEAST)
        e = diag_fail(d, ERR_INVALID, "the password has fewer than %d characters", PASSWORD_LEAST);
    return e;
}

static void print_shared(const struct camera *cam, const struct grant_wish *w, const char *link,
                         const char *id, bool alone) {
    char from[48], to[48], until[48];
    cli_time_text((struct wall_us){(int64_t)w->from * 1000000}, from);
    cli_time_text((struct wall_us){(int64_t)w->to * 1000000}, to);
    cli_time_text((struct wall_us){(int64_t)w->expires * 1000000}, until);
    printf("%s\n", link);
    fprintf(stderr,
            "%s, %s to %s%s, for who has this link%s, until %s. End it: `cardea grants revoke %.8s`\n",
            cam->name, from, to, w->live ? ", live too" : "", w->may_export ? ", who may keep it" : "", until,
            id);
    if (alone)
        fprintf(
            stderr,
            "cardea: the link's address is this machine's own: for others, run the home with --listen, or "
            "give --vault\n");
}

static int run_share(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    int64_t views = 0;
    bool alone = false;
    char url[SESSION_URL_BYTES], link[LINK_TEXT_BYTES], hex[2 * GRANT_ID_BYTES + 1];
    uint8_t id[GRANT_ID_BYTES];
    AUTO(session_close) struct session s = {0};
    AUTO(secret_clear) struct secret password = {0};
    struct camera *cam = NULL;
    struct grant_wish w = {.live = args_has(args, "live"),
                           .may_export = args_has(args, "export"),
                           .words = args_value(args, "words"),
                           .name = args_value(args, "name")};
    if (args_number(args, "views", 1, GRANT_VIEWS_MAX, 0, &views, &d) || read_range(args, &w, &d))
        return cli_usage("share", &d);
    w.views = (uint32_t)views;
    if (read_password(args, &password, &d) || session_public_address(cli, url, &alone, &d) ||
        session_camera(cli, args->positional[0], &s, &cam, &d))
        return cli_fail(&d);
    w.cameras = &cam;
    w.camera_count = 1;
    if (grants_share(&s.client, &s.cameras, &w, blob_bytes(&password.text), url, link, id, &d))
        return cli_fail(&d);
    hex_encode(BYTES_OF(id), hex);
    if (!cli->json) {
        print_shared(cam, &w, link, hex, alone);
        return STATUS_DONE;
    }
    AUTO(json_release)
    json_t *made = json_pack("{s:s, s:s, s:I, s:I, s:I}", "id", hex, "link", link, "from", (json_int_t)w.from,
                             "to", (json_int_t)w.to, "expires", (json_int_t)w.expires);
    return cli_print_json(made);
}

/* ---- share open ---- */

static err open_link(const struct cli *cli, const struct args *args, struct client *c, struct diag *d) {
    AUTO(link_clear) struct link l = {0};
    AUTO(secret_clear) struct secret password = {0};
    AUTO(grantee_clear) struct grantee who = {0};
    char vault[LINK_URL_MAX_BYTES], url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES];
    struct cli at = *cli;
    err e = link_parse(args->positional[0], &l, vault, d);
    if (e) return e;
    if (!at.vault) at.vault = vault;
    e = session_vault(&at, url, ca_file, d);
    if (!e) e = client_open(c, url, *ca_file ? ca_file : NULL, d);
    bool typed = l.password && !args_value(args, "password-file");
    if (!e && typed) e = grantee_link_check(c, &l, d); /* nobody types a password in vain */
    if (!e && l.password)
        e = secret_read(args_value(args, "password-file"), "the link's password: ", &password, d);
    if (!e) e = grantee_of_link(&l, blob_bytes(&password.text), &who, d);
    if (!e) e = grantee_open(c, &who, d);
    if (e == ERR_UNREACHABLE || e == ERR_TIMEOUT) diag_prefix(d, "no vault answers at %s", url);
    if (e == ERR_NOT_FOUND && c->grant && !c->grant->opened)
        diag_prefix(d, "there is nothing at this link: it was deleted, or not copied whole");
    /* Another password makes another key, whose signature fits as badly as a stranger's. */
    if (e == ERR_DENIED && l.password && strstr(d->text, "signature"))
        return diag_fail(d, e, "it does not open: is the password right?");
    return e;
}

static void print_opened(const struct client *c) {
    const struct client_grant *g = c->grant;
    char from[48], to[48], until[48];
    cli_time_text((struct wall_us){(int64_t)g->statement.from * 1000000}, from);
    cli_time_text((struct wall_us){(int64_t)g->statement.to * 1000000}, to);
    cli_time_text((struct wall_us){(int64_t)g->statement.expires * 1000000}, until);
    fprintf(stderr, "from '%s', %s to %s%s, until %s\n", g->about.household, from, to,
            g->statement.live ? ", live too" : "", until);
    for (size_t i = 0; i < g->about.camera_count; i++)
        if (!g->about.cameras[i].is_sub) fprintf(stderr, "camera: %s\n", g->about.cameras[i].name);
    if (*g->about.words) fprintf(stderr, "\"%s\"\n", g->about.words);
    fprintf(stderr, "that you opened it stands in the vault's log, entry %llu; the sender can see it\n",
            (unsigned long long)g->entry);
}

static int opened_json(const struct client *c) {
    const struct client_grant *g = c->grant;
    const struct grant_statement *s = &g->statement;
    AUTO(json_release) json_t *cameras = json_array();
    for (size_t i = 0; i < g->about.camera_count; i++)
        if (!g->about.cameras[i].is_sub)
            json_array_append_new(cameras, json_string(g->about.cameras[i].name));
    AUTO(json_release)
    json_t *all = json_pack("{s:s, s:s, s:O, s:I, s:I, s:I, s:b, s:b, s:I}", "household", g->about.household,
                            "words", g->about.words, "cameras", cameras, "from", (json_int_t)s->from, "to",
                            (json_int_t)s->to, "expires", (json_int_t)s->expires, "live", (int)s->live,
                            "export", (int)s->may_export, "entry", (json_int_t)g->entry);
    return cli_print_json(all);
}

/* The camera that is named, or the only one there is. */
static err choose_camera(struct camera_list *l, const char *name, struct camera **out, struct diag *d) {
    size_t mains = 0;
    if (name) return camera_find(l, name, out, d);
    for (size_t i = 0; i < l->count; i++) {
        if (l->cameras[i].is_sub) continue;
        *out = &l->cameras[i];
        mains++;
    }
    if (mains == 1) return ERR_OK;
    if (mains == 0) return diag_fail(d, ERR_NOT_FOUND, "the link names no camera");
    return diag_fail(d, ERR_INVALID, "the link is of %zu cameras: say which with --camera NAME", mains);
}

static int show(struct client *c, const struct cli *cli, const struct args *args) {
    AUTO(camera_list_clear) struct camera_list cameras = {0};
    const struct grant_statement *g = &c->grant->statement;
    struct camera *cam = NULL;
    struct diag d = {{0}};
    size_t damaged;
    if (camera_list_read(c, &cameras, &damaged, &d) ||
        choose_camera(&cameras, args_value(args, "camera"), &cam, &d))
        return cli_fail(&d);
    if (args_has(args, "live")) {
        if (!g->live) return cli_fail_text("this link is of recordings, not of the live view");
        return live_write(c, cam, args_value(args, "output"));
    }
    if (!session_may_export(c, &d)) return cli_fail(&d);
    struct wall_us from = {(int64_t)g->from * 1000000}, to = {(int64_t)g->to * 1000000}, now = wall_now();
    if (to.us > now.us) to = now;
    if (from.us >= to.us)
        return cli_fail_text("what this link is of is not recorded yet: try --live, or later");
    return footage_export(c, cam, from, to, args_value(args, "output"), cli->json);
}

static int run_open(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    const char *path = args_value(args, "output");
    bool live = args_has(args, "live");
    AUTO(client_clear) struct client c = {0};
    err e = live ? live_output_check(path, &d) : path ? footage_path_check(path, &d) : ERR_OK;
    if (e) return e == ERR_INVALID ? cli_usage("share open", &d) : cli_fail(&d);
    if (open_link(cli, args, &c, &d)) return cli_fail(&d);
    if (cli->json && !live && !path) return opened_json(&c);
    print_opened(&c);
    return live || path ? show(&c, cli, args) : STATUS_DONE;
}

static const struct option_spec share_options[] = {
    {"from", 0, true, false},    {"to", 0, true, false},
    {"expires", 0, true, false}, {"password-file", 0, true, false},
    {"views", 0, true, false},   {"live", 0, false, false},
    {"export", 0, false, false}, {"words", 0, true, false},
    {"name", 0, true, false},    {0}};
static const struct option_spec open_options[] = {{"output", 'o', true, false},
                                                  {"password-file", 0, true, false},
                                                  {"live", 0, false, false},
                                                  {"camera", 0, true, false},
                                                  {0}};

const struct command commands_share[] = {
    {.name = "share",
     .summary = "A link for somebody without an account",
     .usage = "CAMERA --from T --to T [--expires D] [--password-file FILE] [--views N] [--live] [--export] "
              "[--words TEXT] [--name WHOM] [--json]",
     .help =
         "Prints the link. It opens exactly the seconds from --from to --to, and no others: their keys are "
         "all "
         "that goes\n"
         "with it. What follows # in it is a secret that no server is sent: whoever has the link can open "
         "it.\n"
         "  --expires D          when it ends; 7d unless told otherwise\n"
         "  --password-file FILE who opens it must know this password too\n"
         "  --views N            opens N times\n"
         "  --live               the live view too; without --from and --to: from now until it expires\n"
         "  --export             may be kept. Without it, Cardea's own software keeps nothing; other "
         "software, or a\n"
         "                       camera in front of the screen, can\n"
         "  --words TEXT         shown to who opens it; --name WHOM is for your own list (`cardea grants`)\n"
         "  cardea share porch --from 14:03 --to 14:07 --words 'your parcel'\n",
     .options = share_options,
     .least = 1,
     .most = 1,
     .run = run_share},
    {.name = "share open",
     .summary = "Open a link that somebody sent",
     .usage = "LINK [-o FILE.mp4] [--password-file FILE] [--live] [--camera NAME] [--json]",
     .help = "Needs no account. Opens nothing before it is proven that this stands in the vault's log, and "
             "that the\n"
             "household of the link signed it. Says what it is of; -o exports it with its signatures (if it "
             "may be\n"
             "kept), --live writes the live view to standard output for a player, or\n"
             "to -o, if it may be kept.\n"
             "  cardea share open 'https://vault/share/#…' --live | ffplay -\n",
     .options = open_options,
     .least = 1,
     .most = 1,
     .run = run_open},
    {0},
};
