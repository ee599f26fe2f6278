/* cmd_mark.c: whose screen was this? */
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "client/log_check.h"
#include "client/staff.h"
#include "mark/hidden_mark.h"
#include "tlog/log_audit.h"
#include "tlog/log_entry.h"

#define FILE_MAX ((size_t)64 << 20)
#define EPOCH_S 1767225600LL /* 2026-01-01T00:00:00Z */
#define MINUTES_AROUND (1LL << 24)

/* The counter starts anew every 32 years; it is the last one that is not ahead of now. */
static int64_t time_s(uint32_t minute, int64_t now_s) {
    int64_t minutes = minute, now = (now_s - EPOCH_S) / 60 + 1;
    while (minutes + MINUTES_AROUND <= now) minutes += MINUTES_AROUND;
    return EPOCH_S + minutes * 60;
}

static err read_mark(const struct args *args, struct mark_reading *out, struct diag *d) {
    const char *path = args->positional[0], *frame = args_value(args, "frame");
    AUTO(blob_clear) struct blob file = {0};
    AUTO(mark_picture_clear) struct mark_picture picture = {0};
    err e = file_read(path, FILE_MAX, &file, d);
    if (!e) e = mark_picture_read(blob_bytes(&file), &picture, d);
    if (e) {
        diag_prefix(d, "%s", path);
        return e;
    }
    double at[4];
    int used = 0;
    if (frame &&
        (sscanf(frame, "%lf,%lf,%lf,%lf%n", &at[0], &at[1], &at[2], &at[3], &used) != 4 || frame[used]))
        return diag_fail(d, ERR_INVALID, "--frame is X,Y,WIDTH,HEIGHT in pixels of the picture");
    e = frame ? hidden_mark_read_frame(&picture, at[0], at[1], at[2], at[3], out)
              : hidden_mark_find(&picture, out);
    if (e == ERR_NOT_FOUND)
        return diag_fail(
            d, e,
            "%s: no mark is found; where the frame's border was cut off, say where the whole frame would "
            "lie: --frame X,Y,WIDTH,HEIGHT",
            path);
    if (e == ERR_INVALID)
        return diag_fail(d, e, "%s: a frame of %d x %d pixels or more is needed to read a mark", path,
                         MARK_READ_WIDTH_MIN, MARK_READ_HEIGHT_MIN);
    return e ? diag_fail(d, e, "%s: no memory to read it", path) : ERR_OK;
}

/* Who was certified under that key, by the vault's public log. */
struct naming {
    struct client client;
    struct staff_key provider;
    uint32_t key;
    bool found;
    struct staff_certificate is;
};
static void naming_clear(struct naming *n) {
    client_clear(&n->client);
}

static err take_entry(void *context, uint64_t number, struct bytes raw) {
    struct naming *n = context;
    struct log_entry entry;
    struct staff_certificate certificate;
    AUTO(json_release) json_t *details = NULL;
    AUTO(blob_clear) struct blob envelope = {0};
    if (log_entry_decode(raw, &entry, NULL) || strcmp(entry.kind, "staff.certify") != 0) return ERR_OK;
    if (!entry.acted || be32_get(entry.actor) != n->key) return ERR_OK;
    details = json_loadb((const char *)entry.details.data, entry.details.len, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(details, "certificate"));
    if (!text || base64_decode(text, strlen(text), &envelope)) return ERR_OK;
    if (staff_certificate_read(blob_bytes(&envelope), n->provider.staff, &certificate, NULL)) return ERR_OK;
    n->is = certificate; /* the latest: a renewed one keeps its number */
    n->found = true;
    return ERR_OK;
}

/* Without a vault to ask there is no name, and the key's digits must do. */
static err find_name(const struct cli *cli, struct naming *n, struct diag *d) {
    char url[SESSION_URL_BYTES], ca_file[PATH_TEXT_BYTES];
    uint8_t log_key[SIGN_PUBLIC_BYTES];
    struct tlog_tree tree = {0};
    struct checkpoint checkpoint;
    err e = session_vault(cli, url, ca_file, d);
    if (!e) e = client_open(&n->client, url, *ca_file ? ca_file : NULL, d);
    if (!e) e = staff_key_told(&n->client, &n->provider, d);
    if (!e) e = log_key_shown(n->client.http, log_key, d);
    const struct log_source source = {
        .fetch = log_fetch_http, .context = n->client.http, .public_key = log_key};
    return e ? e : log_audit(&source, &tree, take_entry, n, &checkpoint, d);
}

static void print_json(const struct mark_reading *r, const char *when, const struct naming *n) {
    char key[9];
    snprintf(key, sizeof key, "%08x", r->mark.key);
    AUTO(json_release)
    json_t *o = json_pack("{s:s,s:s,s:[f,f,f,f],s:f}", "key", key, "minute", when, "frame", r->x, r->y,
                          r->width, r->height, "agreement", r->agreement);
    if (o && n->found) {
        json_object_set_new(o, "number", json_integer((json_int_t)n->is.number));
        json_object_set_new(o, "name", json_string(n->is.name));
        json_object_set_new(o, "provider", json_string(n->provider.name));
    }
    json_dumpf(o, stdout, 0);
    putchar('\n');
}

static int run_mark(struct cli *cli, const struct args *args) {
    struct diag d = {{0}}, unnamed = {{0}};
    struct mark_reading r;
    if (read_mark(args, &r, &d)) return cli_fail(&d);
    AUTO(naming_clear) struct naming n = {.key = r.mark.key};
    err e = find_name(cli, &n, &unnamed);
    if (e == ERR_FORGED) return cli_fail(&unnamed);
    char when[WALL_TEXT_BYTES];
    wall_format((struct wall_us){time_s(r.mark.minute, wall_now().us / 1000000) * 1000000}, when);
    if (cli->json) {
        print_json(&r, when, &n);
        return STATUS_DONE;
    }
    if (n.found)
        printf("shown to agent %llu, %s, of %s, in the minute of %s\n", (unsigned long long)n.is.number,
               n.is.name, n.provider.name, when);
    else
        printf("shown to the viewer whose key begins with %08x, in the minute of %s\n%s%s%s", r.mark.key,
               when, e ? "" : "the vault's public log names nobody with that key\n", e ? "no name: " : "",
               e ? unnamed.text : "");
    if (!n.found && e) putchar('\n');
    printf("(key %08x; the frame is at %.0f, %.0f, %.0f x %.0f; %.0f %% of the mark agrees)\n", r.mark.key,
           r.x, r.y, r.width, r.height, 100 * r.agreement);
    return STATUS_DONE;
}

static const struct option_spec mark_options[] = {{"frame", 0, true, false}, {0}};

const struct command commands_mark[] = {
    {.name = "support mark",
     .summary = "Whose screen is this a picture of?",
     .usage = "PICTURE.jpg|.png [--frame X,Y,WIDTH,HEIGHT] [--json]",
     .help =
         "Reads the hidden mark that the support portal puts into each frame: the viewer's key, and the "
         "minute.\n"
         "The vault's public log says who was certified under that key. It survives screenshots at half the\n"
         "size and JPEG at quality 70. A frame is found by its border; of a picture that was cropped, "
         "--frame\n"
         "says where the whole frame would lie.\n",
     .options = mark_options,
     .least = 1,
     .most = 1,
     .run = run_mark},
    {0},
};
