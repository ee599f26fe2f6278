/* cmd_log_public.c: reads a vault's log as a stranger would: no account is needed, and none is used.
 *
 * --state FILE keeps what was seen, so that the next audit goes on from there:
 *     magic "CRDO" | version 2 | public key (32) | size (8) | roots (64 * 32) | latest (8)
 *
 * latest: the time of the latest entry. Version 1, which an earlier program wrote, has none. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/hub_ask.h"
#include "cli/log_command.h"
#include "client/log_check.h"
#include "tlog/log_audit.h"
#include "tlog/log_clock.h"

#define STATE_MAGIC "CRDO"
#define STATE_OLD_BYTES (4 + 1 + SIGN_PUBLIC_BYTES + 8 + TLOG_LEVELS_MAX * HASH_BYTES)
#define STATE_BYTES (STATE_OLD_BYTES + 8)
#define DAY_US (INT64_C(86400) * 1000000)
#define SAY_EACH 4096

const struct option_spec log_audit_options[] = {{"state", 0, true, false},
                                                {"key", 0, true, false},
                                                {"from", 0, true, false},
                                                {"to", 0, true, false},
                                                {0}};

/* One line of the report. */
struct count {
    char day[11], kind[LOG_KIND_MAX_BYTES + 1];
    bool acted;
    uint8_t actor[LOG_ACTOR_BYTES];
    uint64_t count;
};

struct audit {
    struct http_client *http;
    uint8_t key[SIGN_PUBLIC_BYTES];
    struct tlog_tree tree;
    struct checkpoint checkpoint;
    uint64_t entries, unreadable;
    struct wall_us now;
    struct log_clock clock;
    uint64_t back, ahead, first_fault; /* entries whose time cannot be; first_fault when there is one */
    struct wall_us from, to;
    struct count *counts; /* sorted */
    size_t count, room;
};

static void audit_clear(struct audit *a) {
    http_client_free(a->http);
    free(a->counts);
}

/* --- state --- */

static err state_read(const char *path, struct audit *a, bool *known, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    err e = file_read(path, STATE_BYTES, &raw, d);
    if (e == ERR_NOT_FOUND) return ERR_OK;
    if (e) return e;
    bool old = raw.len == STATE_OLD_BYTES && raw.data[4] == 1;
    bool sound = old || (raw.len == STATE_BYTES && raw.data[4] == 2);
    if (!sound || memcmp(raw.data, STATE_MAGIC, 4) != 0)
        return diag_fail(
            d, ERR_INVALID,
            "%s is damaged: without it the log's past cannot be compared; remove it to begin anew", path);
    memcpy(a->key, raw.data + 5, sizeof a->key);
    a->tree.size = be64_get(raw.data + 5 + sizeof a->key);
    memcpy(a->tree.roots, raw.data + 5 + sizeof a->key + 8, sizeof a->tree.roots);
    if (!old) a->clock.latest.us = (int64_t)(be64_get(raw.data + STATE_OLD_BYTES) & INT64_MAX);
    *known = true;
    return ERR_OK;
}

static err state_write(const char *path, const struct audit *a, struct diag *d) {
    uint8_t raw[STATE_BYTES] = STATE_MAGIC;
    raw[4] = 2;
    memcpy(raw + 5, a->key, sizeof a->key);
    be64_put(raw + 5 + sizeof a->key, a->tree.size);
    memcpy(raw + 5 + sizeof a->key + 8, a->tree.roots, sizeof a->tree.roots);
    be64_put(raw + STATE_OLD_BYTES, (uint64_t)a->clock.latest.us);
    return file_replace(path, BYTES_OF(raw), 0600, d);
}

/* --- counting --- */

static int compare(const void *x, const void *y) {
    const struct count *a = x, *b = y;
    int order = strcmp(a->day, b->day);
    if (!order) order = strcmp(a->kind, b->kind);
    if (!order) order = (int)a->acted - (int)b->acted;
    return order ? order : memcmp(a->actor, b->actor, sizeof a->actor);
}

/* The day's, the kind's, and of staff the actor's; of anybody else's acts there is no actor that means
 * anything. */
static err add_count(struct audit *a, const struct log_entry *entry) {
    char time[WALL_TEXT_BYTES];
    struct count one = {.count = 1, .acted = log_entry_by_staff(entry)};
    wall_format(entry->time, time);
    memcpy(one.day, time, 10);
    memcpy(one.kind, entry->kind, sizeof one.kind);
    if (one.acted) memcpy(one.actor, entry->actor, sizeof one.actor);
    size_t low = 0, high = a->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(&a->counts[middle], &one);
        if (order == 0) {
            a->counts[middle].count++;
            return ERR_OK;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (a->count == a->room) {
        size_t room = a->room ? 2 * a->room : 64;
        struct count *larger = realloc(a->counts, room * sizeof *larger);
        if (!larger) return ERR_NO_MEMORY;
        a->counts = larger;
        a->room = room;
    }
    memmove(&a->counts[low + 1], &a->counts[low], (a->count - low) * sizeof *a->counts);
    a->counts[low] = one;
    a->count++;
    return ERR_OK;
}

static void hold_time(struct audit *a, uint64_t number, struct wall_us time) {
    enum log_clock_fault fault = log_clock_take(&a->clock, time, a->now);
    if (fault == LOG_CLOCK_FINE) return;
    if (!a->back && !a->ahead) a->first_fault = number;
    a->back += fault == LOG_CLOCK_BACK;
    a->ahead += fault == LOG_CLOCK_AHEAD;
}

static err take_entry(void *context, uint64_t number, struct bytes raw) {
    struct audit *a = context;
    struct log_entry entry;
    a->entries++;
    if (number % SAY_EACH == 0 && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[Kread %llu entries", (unsigned long long)number);
    if (log_entry_decode(raw, &entry, NULL)) {
        a->unreadable++; /* of a later version: it is in the log all the same */
        return ERR_OK;
    }
    hold_time(a, number, entry.time);
    if (entry.time.us < a->from.us || entry.time.us >= a->to.us) return ERR_OK;
    return add_count(a, &entry);
}

/* --- reading --- */

static err take_key(const char *text, struct audit *a, struct diag *d) {
    AUTO(blob_clear) struct blob raw = {0};
    if (base64_decode(text, strlen(text), &raw) || raw.len != SIGN_PUBLIC_BYTES)
        return diag_fail(d, ERR_INVALID, "--key is a log's key in base64url, 43 characters");
    memcpy(a->key, raw.data, SIGN_PUBLIC_BYTES);
    return ERR_OK;
}

static err find_key(struct audit *a, const struct args *args, bool known, struct diag *d) {
    uint8_t shown[SIGN_PUBLIC_BYTES], before[SIGN_PUBLIC_BYTES];
    const char *given = args_value(args, "key");
    memcpy(before, a->key, sizeof before);
    err e = given ? take_key(given, a, d) : ERR_OK;
    if (!e && given && known && memcmp(before, a->key, sizeof before) != 0)
        return diag_fail(d, ERR_FORGED, "--state is of a log with another key than --key");
    if (e || given) return e;
    e = log_key_shown(a->http, shown, d);
    if (e) return e;
    if (known && memcmp(before, shown, sizeof shown) != 0)
        return diag_fail(d, ERR_FORGED, "the vault's log has another key than before: it is another log");
    memcpy(a->key, shown, sizeof shown);
    return ERR_OK;
}

static err open_url(const char *url, struct audit *a, const struct cli *cli, struct diag *d) {
    char ca_file[PATH_TEXT_BYTES];
    bool home = path_join(ca_file, cli->data, "tls/ca.crt") == ERR_OK && access(ca_file, R_OK) == 0;
    const struct http_options options = {.url = url, .ca_file = home ? ca_file : NULL};
    return http_client_new(&options, &a->http, d);
}

static err audit(struct cli *cli, const struct args *args, struct audit *a, struct diag *d) {
    const char *state = args_value(args, "state");
    bool known = false;
    a->now = wall_now();
    err e = open_url(args->positional[0], a, cli, d);
    if (!e && state) e = state_read(state, a, &known, d);
    if (!e) e = find_key(a, args, known, d);
    if (e) return e;
    const struct log_source source = {.fetch = log_fetch_http, .context = a->http, .public_key = a->key};
    e = log_audit(&source, &a->tree, take_entry, a, &a->checkpoint, d);
    if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K");
    if (e == ERR_UNREACHABLE || e == ERR_TIMEOUT)
        diag_prefix(d, "no vault answers at %s", args->positional[0]);
    return e || !state ? e : state_write(state, a, d);
}

static json_t *counts_json(const struct audit *a) {
    json_t *list = json_array();
    for (size_t i = 0; i < a->count; i++) {
        const struct count *c = &a->counts[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:o,s:I}", "day", c->day, "kind", c->kind, "actor",
                                              c->acted ? json_hex(BYTES_OF(c->actor)) : json_null(), "count",
                                              (json_int_t)c->count));
    }
    return list;
}

static json_t *times_json(const struct audit *a) {
    json_t *o = json_pack("{s:I,s:I}", "back", (json_int_t)a->back, "ahead", (json_int_t)a->ahead);
    if (o && (a->back || a->ahead)) json_object_set_new(o, "first", json_integer((json_int_t)a->first_fault));
    return o;
}

static void print_times(const struct audit *a) {
    if (!a->back && !a->ahead) return;
    printf(
        "TIMES: %llu entries are older than one before them by more than %d minutes, %llu are not yet by "
        "this "
        "machine's clock; the first is entry %llu. A vault whose clock is set writes that, and so does one "
        "that makes times up\n",
        (unsigned long long)a->back, LOG_CLOCK_OFF_S / 60, (unsigned long long)a->ahead,
        (unsigned long long)a->first_fault);
}

static json_t *audit_json(const struct audit *a) {
    return json_pack("{s:b,s:s,s:o,s:I,s:o,s:I,s:I,s:o,s:o}", "whole", 1, "origin", a->checkpoint.origin,
                     "key", json_base64(BYTES_OF(a->key)), "size", (json_int_t)a->checkpoint.size, "root",
                     json_base64(BYTES_OF(a->checkpoint.root)), "new", (json_int_t)a->entries, "unreadable",
                     (json_int_t)a->unreadable, "counts", counts_json(a), "times", times_json(a));
}

static int fail_audit(const struct cli *cli, const char *url, struct diag *d, err e) {
    if (e == ERR_UNREACHABLE || e == ERR_TIMEOUT) diag_prefix(d, "no vault answers at %s", url);
    if (cli->json && e == ERR_FORGED) {
        AUTO(json_release) json_t *o = json_pack("{s:b,s:s}", "whole", 0, "message", d->text);
        cli_print_json(o);
    }
    return cli_fail(d);
}

int run_log_audit(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(audit_clear) struct audit a = {.to = {INT64_MAX}};
    err e = audit(cli, args, &a, &d);
    if (e) return fail_audit(cli, args->positional[0], &d, e);
    if (cli->json) {
        AUTO(json_release) json_t *o = audit_json(&a);
        return cli_print_json(o);
    }
    char key[BASE64_CHARS(SIGN_PUBLIC_BYTES)];
    base64_encode(BYTES_OF(a.key), key);
    printf("whole: %s has %llu entries; %llu of them were read now, and all lead to its signed checkpoint\n",
           a.checkpoint.origin, (unsigned long long)a.checkpoint.size, (unsigned long long)a.entries);
    printf("key: %s\n", key);
    if (a.unreadable)
        printf("%llu entries are of a later version than this program reads\n",
               (unsigned long long)a.unreadable);
    print_times(&a);
    if (!args_has(args, "state"))
        puts("with --state FILE the next audit proves that the log only grew since this one");
    return STATUS_DONE;
}

int run_log_report(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    AUTO(audit_clear) struct audit a = {0};
    err e = cli_range(args, (struct wall_us){0}, (struct wall_us){INT64_MAX}, &a.from, &a.to, &d);
    if (e) return cli_usage("log report", &d);
    e = args_has(args, "state")
            ? diag_fail(&d, ERR_INVALID, "a report counts the whole log: it takes no --state")
            : audit(cli, args, &a, &d);
    if (e) return fail_audit(cli, args->positional[0], &d, e);
    if (cli->json) {
        AUTO(json_release) json_t *o = audit_json(&a);
        return cli_print_json(o);
    }
    for (size_t i = 0; i < a.count; i++) {
        const struct count *c = &a.counts[i];
        char actor[2 * LOG_ACTOR_BYTES + 1] = "";
        if (c->acted) hex_encode(BYTES_OF(c->actor), actor);
        printf("%s  %-16s %8llu%s%s\n", c->day, c->kind, (unsigned long long)c->count,
               c->acted ? "  member of staff " : "", actor);
    }
    if (!a.count) puts("nothing in that time");
    printf("counted over the whole log of %llu entries, which lead to its signed checkpoint\n",
           (unsigned long long)a.checkpoint.size);
    return STATUS_DONE;
}
