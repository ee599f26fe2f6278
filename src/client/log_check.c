#include "client/log_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/hub_command.h"
#include "client/internal.h"
#include "tlog/cosignature.h"

#define HUB_WAIT_S 10
#define AGAIN_MAX 3 /* entries that come while we look can seem to be kept back: the vault is asked again */
#define AHEAD 1024  /* numbers after the last one that are looked for */
#define NUMBERS_MAX 4096 /* so many earlier numbers are looked for too when the rest alone is read */
#define MINE_PAGE 1000
#define FETCH_MS 30000

const char *const log_failures[] = {"none",          "key",      "signature",     "shrank",
                                    "forked",        "tiles",    "missing",       "not_included",
                                    "altered",       "withheld", "grant_missing", "revocation_missing",
                                    "unknown_grant", "witness",  "time",          "succession"};

struct checking {
    struct client *c;
    const struct log_check_options *o;
    struct log_checked *r;
    uint8_t log_key[LOG_KEY_BYTES]; /* the household's, for tags */
    struct tile_tree *tree;
    bool asked; /* the hubs */
    struct wall_us now;
    struct log_clock own;   /* of the household's entries */
    struct log_clock clock; /* of those that are looked through */
    char path[PATH_TEXT_BYTES];
};

void log_checked_clear(struct log_checked *r) {
    blob_clear(&r->text);
    blob_clear(&r->before);
    log_seen_clear(&r->seen);
    grant_list_clear(&r->grants);
    *r = (struct log_checked){0};
}

static void say(const struct checking *k, const char *what, uint64_t done, uint64_t of) {
    if (k->o->say) k->o->say(k->o->context, what, done, of);
}

static err broken(struct checking *k, enum log_failure failure, struct diag *d, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static err broken(struct checking *k, enum log_failure failure, struct diag *d, const char *format, ...) {
    char text[sizeof d->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    k->r->failure = failure;
    return diag_fail(d, ERR_FORGED, "%s", text);
}

err log_fetch_http(void *http, const char *path, size_t limit, struct blob *out, struct diag *d) {
    char full[TILE_PATH_BYTES + 16];
    snprintf(full, sizeof full, "/log/%s", path);
    struct http_request request = {
        .method = "GET", .path = full, .timeout_ms = FETCH_MS, .answer_max_bytes = limit};
    AUTO(http_response_clear) struct http_response response = {0};
    err e = http_client_do(http, &request, &response, d);
    return e ? e : blob_append(out, blob_bytes(&response.body));
}

/* --- the checkpoint --- */

/* What the tree says when it contradicts itself is the log's failure; everything else is our trouble. */
static err of_tiles(struct checking *k, err e) {
    if (e == ERR_FORGED && !k->r->failure) k->r->failure = LOG_FAILURE_TILES;
    return e;
}

static err fetch_checkpoint(struct checking *k, struct diag *d) {
    struct log_checked *r = k->r;
    r->text.len = 0;
    err e = log_fetch_http(k->c->http, "checkpoint", CHECKPOINT_TEXT_MAX_BYTES, &r->text, d);
    if (e) return e;
    e = checkpoint_verify(blob_bytes(&r->text), NULL, r->pins.log, &r->checkpoint, d);
    if (e == ERR_FORGED || e == ERR_INVALID) {
        char why[sizeof d->text];
        snprintf(why, sizeof why, "%s", d->text);
        return broken(
            k, LOG_FAILURE_SIGNATURE, d,
            "the log's checkpoint is not by the key that this household pinned (%.100s): the vault shows "
            "another log",
            why);
    }
    return e;
}

static err open_tree(struct checking *k, struct diag *d) {
    tile_tree_free(k->tree);
    k->tree = NULL;
    return of_tiles(k, tile_tree_open(log_fetch_http, k->c->http, k->r->checkpoint.size,
                                      k->r->checkpoint.root, &k->tree, d));
}

/* Is the log of `old` the beginning of this one? `text` is what is kept if not. */
static err continues(struct checking *k, const struct checkpoint *old, struct bytes text, bool by_hub,
                     struct diag *d) {
    struct log_checked *r = k->r;
    uint8_t root[HASH_BYTES];
    const char *who = by_hub ? "a hub of yours has witnessed" : "this device has seen";
    bool shrank = old->size > r->checkpoint.size;
    err e = shrank ? ERR_OK : of_tiles(k, tile_tree_root(k->tree, old->size, root, d));
    if (e || (!shrank && memcmp(root, old->root, HASH_BYTES) == 0)) return e;
    r->before.len = 0;
    e = blob_append(&r->before, text);
    if (e) return e;
    if (shrank)
        return broken(k, by_hub ? LOG_FAILURE_WITNESS : LOG_FAILURE_SHRANK, d,
                      "the log shrank: %s %" PRIu64 " entries, and now it says that it has %" PRIu64, who,
                      old->size, r->checkpoint.size);
    return broken(k, by_hub ? LOG_FAILURE_WITNESS : LOG_FAILURE_FORKED, d,
                  "the log was changed: its %" PRIu64 " entries do not continue the %" PRIu64 " that %s",
                  r->checkpoint.size, old->size, who);
}

static err newest(struct checking *k, struct diag *d) {
    say(k, "reading the log's checkpoint", 0, 0);
    err e = fetch_checkpoint(k, d);
    if (!e) e = open_tree(k, d);
    if (!e && k->r->seen.checkpoint.size)
        e = continues(k, &k->r->seen.checkpoint, blob_bytes(&k->r->seen.text), false, d);
    return e;
}

/* --- times --- */

static err hold_time(struct checking *k, struct log_clock *clock, uint64_t index, struct wall_us time,
                     struct diag *d) {
    char text[WALL_TEXT_BYTES], latest[WALL_TEXT_BYTES];
    if (index < k->r->seen.timed || k->o->accept_times) return ERR_OK;
    wall_format(clock->latest, latest);
    enum log_clock_fault fault = log_clock_take(clock, time, k->now);
    if (fault == LOG_CLOCK_FINE) return ERR_OK;
    wall_format(time, text);
    if (fault == LOG_CLOCK_AHEAD)
        return broken(k, LOG_FAILURE_TIME, d,
                      "the log's entry %" PRIu64
                      " is of %s, which is not yet: the vault's clock is wrong, or this machine's",
                      index, text);
    return broken(k, LOG_FAILURE_TIME, d,
                  "the log's entry %" PRIu64
                  " is of %s, and one before it of %s: the vault wrote a time that was not",
                  index, text, latest);
}

/* --- the household's entries --- */

static err check_entry(struct checking *k, uint64_t n, uint64_t index, struct bytes raw, struct diag *d) {
    struct log_entry entry;
    uint8_t tag[LOG_TAG_BYTES], leaf[HASH_BYTES], there[HASH_BYTES];
    log_tag(k->log_key, n, tag);
    if (log_entry_decode(raw, &entry, d) || !entry.tagged || memcmp(tag, entry.tag, sizeof tag) != 0)
        return broken(k, LOG_FAILURE_MISSING, d,
                      "your entry number %" PRIu64 " is missing: what the vault shows in its place is not it",
                      n);
    if (index >= k->r->checkpoint.size)
        return broken(k, LOG_FAILURE_NOT_INCLUDED, d,
                      "your entry number %" PRIu64 " is not in the log: it is said to stand at %" PRIu64
                      ", and the log has %" PRIu64 " entries",
                      n, index, k->r->checkpoint.size);
    err e = tlog_leaf_hash(raw, leaf);
    if (!e) e = of_tiles(k, tile_tree_leaf(k->tree, index, there, d));
    if (e) return e;
    if (memcmp(leaf, there, HASH_BYTES) != 0)
        return broken(k, LOG_FAILURE_NOT_INCLUDED, d,
                      "your entry number %" PRIu64 " is not in the log at %" PRIu64
                      ", where the vault says it is",
                      n, index);
    return hold_time(k, &k->own, index, entry.time, d);
}

static err take_row(struct checking *k, json_t *row, struct diag *d) {
    struct log_seen *seen = &k->r->seen;
    AUTO(blob_clear) struct blob raw = {0};
    json_t *n = json_array_get(row, 0), *index = json_array_get(row, 1);
    const char *text = json_string_value(json_array_get(row, 2));
    if (!json_is_integer(n) || !json_is_integer(index) || !text || json_integer_value(index) < 0 ||
        base64_decode(text, strlen(text), &raw))
        return diag_fail(d, ERR_INVALID, "the vault's list of your entries cannot be read");
    uint64_t at = (uint64_t)json_integer_value(index);
    if (json_integer_value(n) != (json_int_t)seen->count)
        return broken(k, LOG_FAILURE_MISSING, d,
                      "your entry number %zu is missing: the vault goes on with number %lld", seen->count,
                      (long long)json_integer_value(n));
    if (seen->count && at <= log_seen_at(seen, seen->count - 1).index)
        return broken(k, LOG_FAILURE_ALTERED, d,
                      "your entry number %zu is said to stand at %" PRIu64
                      " of the log, before the one that precedes it",
                      seen->count, at);
    err e = check_entry(k, seen->count, at, blob_bytes(&raw), d);
    if (!e) e = log_seen_add(seen, at, blob_bytes(&raw));
    if (!e) k->r->fresh++;
    return e;
}

/* The vault's list, kept until the checkpoint that is fetched after it can prove it. */
static err fetch_mine(struct checking *k, json_t *rows, uint64_t *next, struct diag *d) {
    size_t have = k->r->seen.count;
    for (;;) {
        char path[64];
        AUTO(json_release) json_t *answer = NULL;
        snprintf(path, sizeof path, "/v1/log/mine?from=%zu", have + json_array_size(rows));
        err e = client_json(k->c, "GET", path, NULL, &answer, d);
        if (e) return e;
        json_t *page = json_object_get(answer, "entries");
        json_int_t said = json_integer_value(json_object_get(answer, "next"));
        if (!json_is_array(page) || said < 0)
            return diag_fail(d, ERR_INVALID, "the vault's list of your entries cannot be read");
        if (json_array_extend(rows, page))
            return diag_fail(d, ERR_NO_MEMORY, "no memory for the log's entries");
        *next = (uint64_t)said;
        say(k, "reading your entries", have + json_array_size(rows), *next);
        if (json_array_size(page) == 0 || have + json_array_size(rows) >= *next) return ERR_OK;
        if (have + json_array_size(rows) > LOG_SEEN_ENTRIES_MAX)
            return diag_fail(d, ERR_LIMIT, "there are more than %u entries of yours", LOG_SEEN_ENTRIES_MAX);
    }
}

static err prove_mine(struct checking *k, json_t *rows, uint64_t next, struct diag *d) {
    size_t i, all = json_array_size(rows);
    json_t *row;
    json_array_foreach(rows, i, row) {
        err e = take_row(k, row, d);
        if (e) return e;
        if (i % 64 == 63) say(k, "proving your entries", i + 1, all);
    }
    if (k->r->seen.count < next)
        return broken(k, LOG_FAILURE_MISSING, d,
                      "your entry number %zu is missing: the vault counts %" PRIu64
                      " and does not give it out",
                      k->r->seen.count, next);
    return ERR_OK;
}

/* --- entries that are kept back --- */

/* A number's tag. */
struct sought_tag {
    uint8_t tag[LOG_TAG_BYTES];
    uint64_t n;
};

/* What is looked for: the tags of numbers, those of the entries that we have and those of the next ones; what
 * the log calls this household and those to whom it gave something, and what it calls its grants to staff,
 * who act for other households too. */
struct sought {
    uint64_t from;           /* where entries were not looked at yet */
    struct sought_tag *tags; /* in order */
    size_t tag_count;
    uint8_t (*actors)[LOG_ACTOR_BYTES]; /* in order */
    size_t count;
    uint64_t *grants; /* facts of staff's; few */
    size_t grant_count;
};

static void sought_clear(struct sought *s) {
    free(s->tags);
    free(s->actors);
    free(s->grants);
}

static int compare_actors(const void *a, const void *b) {
    return memcmp(a, b, LOG_ACTOR_BYTES);
}

static int compare_tags(const void *a, const void *b) {
    return memcmp(a, b, LOG_TAG_BYTES); /* the tag stands first */
}

static err sought_tags(const struct checking *k, uint64_t from, struct sought *out) {
    size_t have = k->r->seen.count, first = from && have > NUMBERS_MAX ? have : 0;
    size_t end = have + AHEAD;
    out->tags = calloc(end - first, sizeof *out->tags);
    if (!out->tags) return ERR_NO_MEMORY;
    for (size_t n = first; n < end; n++) {
        struct sought_tag *t = &out->tags[out->tag_count++];
        t->n = n;
        log_tag(k->log_key, n, t->tag);
    }
    qsort(out->tags, out->tag_count, sizeof *out->tags, compare_tags);
    return ERR_OK;
}

static err sought_make(const struct checking *k, uint64_t from, struct sought *out) {
    const struct grant_list *grants = &k->r->grants;
    *out = (struct sought){.from = from,
                           .actors = calloc(grants->count + 1 + SUCCESSIONS_MAX, sizeof *out->actors),
                           .grants = calloc(grants->count + 1, sizeof *out->grants)};
    if (!out->actors || !out->grants || sought_tags(k, from, out)) return ERR_NO_MEMORY;
    const struct succession_chain *chain = &k->c->household.chain;
    log_actor_private(k->log_key, k->c->household.sign.public_key, out->actors[out->count++]);
    for (size_t i = 0; i < chain->count; i++)
        log_actor_private(k->log_key, chain->links[i].statement.former, out->actors[out->count++]);
    for (size_t i = 0; i < grants->count; i++) {
        const struct grant_statement *s = &grants->items[i].statement;
        if (s->purpose == GRANT_SUPPORT)
            out->grants[out->grant_count++] = log_grant_fact(s->id);
        else
            log_actor_private(k->log_key, s->grantee_sign, out->actors[out->count++]);
    }
    qsort(out->actors, out->count, sizeof *out->actors, compare_actors);
    return ERR_OK;
}

static bool is_own(const struct log_seen *seen, uint64_t index) {
    size_t low = 0, high = seen->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t at = log_seen_at(seen, middle).index;
        if (at == index) return true;
        if (at < index)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool names_ours(const struct sought *s, const struct log_entry *e) {
    uint64_t fact;
    if (!e->acted) return false;
    if (bsearch(e->actor, s->actors, s->count, sizeof *s->actors, compare_actors)) return true;
    if (!s->grant_count || !log_entry_fact(e, "grant", &fact)) return false;
    for (size_t i = 0; i < s->grant_count; i++)
        if (s->grants[i] == fact) return true;
    return false;
}

static err look_at_entry(struct checking *k, const struct sought *s, uint64_t index,
                         const struct log_entry *e, struct diag *d) {
    const struct log_seen *seen = &k->r->seen;
    const struct sought_tag *ours =
        e->tagged ? bsearch(e->tag, s->tags, s->tag_count, sizeof *s->tags, compare_tags) : NULL;
    if (index < s->from || is_own(seen, index)) return ERR_OK; /* its tag was proven */
    if (ours && ours->n < seen->count)
        return broken(k, LOG_FAILURE_WITHHELD, d,
                      "an entry of yours stands in the log at %" PRIu64 " under the number %" PRIu64
                      ", which another one has: the vault hid it from you",
                      index, ours->n);
    if (ours)
        return broken(k, LOG_FAILURE_WITHHELD, d,
                      "an entry of yours stands in the log at %" PRIu64
                      ", and the vault does not give it out: it is number %" PRIu64,
                      index, ours->n);
    /* Nobody but us can call somebody so: it is ours, under a number at which we would never look. */
    if (names_ours(s, e))
        return broken(k, LOG_FAILURE_WITHHELD, d,
                      "an act of somebody to whom you gave access stands in the log at %" PRIu64
                      ", under no number of yours: the vault hid it from you",
                      index);
    return ERR_OK;
}

static err search_bundle(struct checking *k, uint64_t number, const struct sought *sought, struct diag *d) {
    AUTO(blob_clear) struct blob bundle = {0};
    uint64_t first = number * TILE_WIDTH, left = k->r->checkpoint.size - first;
    unsigned width = left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH;
    err e = tile_fetch_bundle(log_fetch_http, k->c->http, number, width, &bundle, d);
    struct bytes rest = blob_bytes(&bundle), raw;
    for (unsigned i = 0; !e && i < width; i++) {
        uint8_t leaf[HASH_BYTES], there[HASH_BYTES];
        struct log_entry entry;
        if (tile_next_entry(&rest, &raw) || tlog_leaf_hash(raw, leaf))
            return broken(k, LOG_FAILURE_TILES, d, "the log's entries from %" PRIu64 " on cannot be read",
                          first);
        e = of_tiles(k, tile_tree_leaf(k->tree, first + i, there, d));
        if (!e && memcmp(leaf, there, HASH_BYTES) != 0)
            return broken(k, LOG_FAILURE_TILES, d, "the log's entry %" PRIu64 " is not what its hashes say",
                          first + i);
        if (e || log_entry_decode(raw, &entry, NULL)) continue;
        if (first + i >= sought->from) e = hold_time(k, &k->clock, first + i, entry.time, d);
        if (!e) e = look_at_entry(k, sought, first + i, &entry, d);
    }
    return e;
}

/* From where on the log is read. An entry that is kept back stands after our last one, under one of the next
 * numbers' tags, if the vault numbers as it should; what it should not do is looked for in all of it, once.
 */
static uint64_t search_from(const struct checking *k) {
    const struct log_seen *seen = &k->r->seen;
    bool whole = seen->searched && seen->from == 0;
    if (k->o->all || (!whole && k->r->checkpoint.size <= LOG_WHOLE_MAX)) return 0;
    if (seen->searched) return seen->searched;
    return seen->count ? log_seen_at(seen, seen->count - 1).index + 1 : 0;
}

static err search(struct checking *k, struct diag *d) {
    struct log_seen *seen = &k->r->seen;
    struct sought sought;
    uint64_t from = search_from(k), size = k->r->checkpoint.size;
    bool goes_on = seen->searched && from == seen->searched;
    k->clock = goes_on ? seen->clock : (struct log_clock){0};
    err e = sought_make(k, from, &sought);
    if (e) diag_fail(d, e, "no memory to look through the log");
    for (uint64_t b = from / TILE_WIDTH; !e && b * TILE_WIDTH < size; b++) {
        if (b * TILE_WIDTH + TILE_WIDTH <= from) continue;
        e = search_bundle(k, b, &sought, d);
        if (!e)
            say(k, from ? "looking for entries that are kept back" : "reading the whole log, once",
                b * TILE_WIDTH, size);
    }
    sought_clear(&sought);
    if (e) return e;
    if (!goes_on) seen->from = from;
    seen->searched = size;
    k->r->read = size - from;
    seen->clock = k->clock;
    if (k->o->accept_times) { /* from here on, whatever they were */
        seen->timed = size;
        seen->clock = (struct log_clock){0};
    }
    return ERR_OK;
}

/* --- grants, held against entries --- */

/* A grant that an entry names. */
struct name {
    char id[2 * GRANT_ID_BYTES + 1];
    size_t n; /* the entry's number */
};
struct named {
    struct name *list;
    size_t count;
};

static int compare_names(const void *x, const void *y) {
    const struct name *a = x, *b = y;
    int order = strcmp(a->id, b->id);
    return order ? order : (a->n > b->n) - (a->n < b->n);
}

static void sort_names(struct named *named) {
    if (named->count) qsort(named->list, named->count, sizeof *named->list, compare_names);
}

/* Is it named by an entry before number n? */
static bool is_named(const struct named *named, const char *id, size_t n) {
    size_t low = 0, high = named->count;
    while (low < high) { /* the first of that id */
        size_t middle = low + (high - low) / 2;
        if (strcmp(named->list[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < named->count && strcmp(named->list[low].id, id) == 0 && named->list[low].n < n;
}

static void add_name(struct named *named, const char *id, size_t n) {
    struct name *name = &named->list[named->count++];
    snprintf(name->id, sizeof name->id, "%s", id);
    name->n = n;
}

struct acts {
    struct named created, revoked, used;
};

static err read_acts(struct checking *k, struct acts *a, struct diag *d) {
    const struct log_seen *seen = &k->r->seen;
    for (size_t n = 0; n < seen->count; n++) {
        AUTO(log_look_clear) struct log_look look = {0};
        err e = log_look_at(k->c, seen, n, &look, d);
        if (e == ERR_FORGED) k->r->failure = LOG_FAILURE_ALTERED;
        if (e) return e;
        if (n % 64 == 63) say(k, "opening your entries", n + 1, seen->count);
        const char *id = client_text(look.details, "grant"), *kind = look.entry.kind;
        bool sound = strlen(id) == 2 * GRANT_ID_BYTES;
        if (sound && strcmp(kind, "grant.create") == 0) add_name(&a->created, id, n);
        if (sound && strcmp(kind, "grant.revoke") == 0) add_name(&a->revoked, id, n);
        if (strcmp(kind, "grant.use") == 0) add_name(&a->used, sound ? id : "", n);
    }
    sort_names(&a->created);
    sort_names(&a->revoked);
    return ERR_OK;
}

/* A grant is made before it is used. */
static err check_uses(struct checking *k, const struct acts *a, struct diag *d) {
    for (size_t i = 0; i < a->used.count; i++) {
        const struct name *use = &a->used.list[i];
        if (!is_named(&a->created, use->id, use->n))
            return broken(k, LOG_FAILURE_UNKNOWN_GRANT, d,
                          "your entry number %zu is a use of a grant that you did not give: %.32s", use->n,
                          use->id);
    }
    return ERR_OK;
}

static err check_grants(struct checking *k, const struct acts *a, struct diag *d) {
    for (size_t i = 0; i < k->r->grants.count; i++) {
        const struct grant_item *g = &k->r->grants.items[i];
        char id[2 * GRANT_ID_BYTES + 1];
        hex_encode(BYTES_OF(g->statement.id), id);
        if (!is_named(&a->created, id, SIZE_MAX))
            return broken(k, LOG_FAILURE_GRANT_MISSING, d, "a grant that you gave is not in the log: %s", id);
        if (g->revoked && !is_named(&a->revoked, id, SIZE_MAX))
            return broken(k, LOG_FAILURE_REVOCATION_MISSING, d,
                          "you ended the grant %s, and the log does not say so: it may still be used", id);
    }
    return ERR_OK;
}

static bool is_succession(const struct log_seen *seen, size_t n) {
    struct log_entry entry;
    return log_entry_decode(log_seen_at(seen, n).raw, &entry, NULL) == ERR_OK &&
           strcmp(entry.kind, "household.succeed") == 0;
}

/* Each succession is in the log once, and none that this household's chain does not have: whoever kept a
 * former key could have made another, for a hub or a device that was away. Counted before anything is opened:
 * what follows another's is sealed to another's box. */
static err check_successions(struct checking *k, struct diag *d) {
    size_t found = 0, had = k->c->household.chain.count;
    for (size_t n = 0; n < k->r->seen.count; n++) found += is_succession(&k->r->seen, n);
    if (found == had) return ERR_OK;
    return broken(
        k, LOG_FAILURE_SUCCESSION, d,
        "the log says that the household's keys were renewed %zu times, and you know of %zu: somebody "
        "who kept former keys may have renewed them too, or the vault did not write it down",
        found, had);
}

static err hold_against(struct checking *k, struct diag *d) {
    size_t room = k->r->seen.count + 1;
    struct acts a = {{calloc(room, sizeof *a.created.list), 0},
                     {calloc(room, sizeof *a.revoked.list), 0},
                     {calloc(room, sizeof *a.used.list), 0}};
    err e = a.created.list && a.revoked.list && a.used.list
                ? check_successions(k, d)
                : diag_fail(d, ERR_NO_MEMORY, "no memory for the log's entries");
    if (!e) e = read_acts(k, &a, d);
    if (!e) e = check_uses(k, &a, d);
    if (!e) e = check_grants(k, &a, d);
    free(a.created.list);
    free(a.revoked.list);
    free(a.used.list);
    return e;
}

/* --- the household's own hubs --- */

static void hub_problem(struct log_checked *r, const struct diag *d) {
    snprintf(r->hub_problem, sizeof r->hub_problem, "%.199s", d->text);
}

static err check_hub(struct checking *k, json_t *said, struct diag *d) {
    struct log_checked *r = k->r;
    struct checkpoint witnessed;
    json_t *checkpoint = json_object_get(said, "checkpoint");
    r->hub_evidence += (uint64_t)json_integer_value(json_object_get(said, "evidence"));
    if (!json_is_string(checkpoint)) {
        hub_problem(r, &(struct diag){"it has not witnessed the log yet"});
        return ERR_OK;
    }
    struct bytes text = bytes_text(json_string_value(checkpoint));
    if (checkpoint_verify(text, NULL, r->pins.log, &witnessed, d)) {
        r->before.len = 0;
        err e = blob_append(&r->before, text);
        return e ? e
                 : broken(k, LOG_FAILURE_WITNESS, d,
                          "a hub of yours has witnessed another log than the vault shows you");
    }
    if (witnessed.size > r->checkpoint.size) { /* it has grown meanwhile, or we were shown an old one */
        err e = newest(k, d);
        if (e) return e;
    }
    err e = continues(k, &witnessed, text, true, d);
    if (e) return e;
    r->hubs_agreed++;
    if (witnessed.size > r->witnessed) r->witnessed = witnessed.size;
    return ERR_OK;
}

static err ask_hubs(struct checking *k, struct diag *d) {
    struct log_checked *r = k->r;
    uint8_t keys[CLIENT_HUBS_MAX][SIGN_PUBLIC_BYTES];
    for (size_t i = 0; i < k->c->hub_count; i++) memcpy(keys[i], k->c->hubs[i].sign, SIGN_PUBLIC_BYTES);
    k->asked = true;
    for (size_t i = 0; k->o->ask_hubs && i < k->c->hub_count; i++) {
        AUTO(json_release) json_t *said = NULL;
        struct diag why = {{0}};
        say(k, "asking your hub what it has witnessed", i, k->c->hub_count);
        r->hubs_asked++;
        if (hub_command(k->c, &k->c->hubs[i], "log.witness", NULL, HUB_WAIT_S, &said, &why)) {
            hub_problem(r, &why);
            continue;
        }
        err e = check_hub(k, said, d);
        if (e) return e;
    }
    r->cosigned =
        cosignatures_count(blob_bytes(&r->text), (const uint8_t(*)[SIGN_PUBLIC_BYTES])keys, k->c->hub_count);
    return ERR_OK;
}

/* --- all of it --- */

/* The last of the household's entries that were proven before. */
static void begin_times(struct checking *k) {
    const struct log_seen *seen = &k->r->seen;
    struct log_entry entry;
    k->now = wall_now();
    k->own = (struct log_clock){0};
    if (!seen->count) return;
    struct log_own last = log_seen_at(seen, seen->count - 1);
    if (last.index >= seen->timed && log_entry_decode(last.raw, &entry, NULL) == ERR_OK)
        k->own.latest = entry.time;
}

/* In this order: what is listed first must be in what is read later. */
static err check_once(struct checking *k, struct diag *d) {
    AUTO(json_release) json_t *rows = json_array();
    uint64_t next = 0;
    begin_times(k);
    grant_list_clear(&k->r->grants);
    err e = rows ? grants_read(k->c, &k->r->grants, d) : ERR_NO_MEMORY;
    if (e == ERR_NOT_FOUND) e = ERR_OK; /* the household has never granted anything */
    if (e == ERR_FORGED) k->r->failure = LOG_FAILURE_UNKNOWN_GRANT;
    if (!e) e = fetch_mine(k, rows, &next, d);
    if (!e) e = newest(k, d);
    if (!e && !k->asked)
        e = ask_hubs(k, d); /* before the rest: a log that is another explains all that it lacks */
    if (!e) e = prove_mine(k, rows, next, d);
    if (!e) e = hold_against(k, d);
    return e ? e : search(k, d);
}

static bool may_pass(enum log_failure failure) {
    return failure == LOG_FAILURE_WITHHELD || failure == LOG_FAILURE_GRANT_MISSING ||
           failure == LOG_FAILURE_REVOCATION_MISSING || failure == LOG_FAILURE_SUCCESSION ||
           failure == LOG_FAILURE_UNKNOWN_GRANT;
}

static err check_all(struct checking *k, struct diag *d) {
    err e = ERR_OK;
    for (int i = 0; i < AGAIN_MAX; i++) {
        k->r->failure = LOG_FAILURE_NONE;
        e = check_once(k, d);
        if (!may_pass(k->r->failure)) break;
    }
    return e;
}

static err begin(struct checking *k, struct diag *d) {
    struct log_checked *r = k->r;
    if (path_join(k->path, k->o->folder, "log-seen"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", k->o->folder);
    client_log_key(k->c, k->log_key);
    err e = log_seen_read(k->path, k->c->household.id, &r->seen, d);
    if (!e) e = log_pins_get(k->c, &r->pins, &r->first, d);
    if (e) return e;
    if (r->seen.known && memcmp(r->seen.key, r->pins.log, SIGN_PUBLIC_BYTES) != 0)
        return broken(
            k, LOG_FAILURE_KEY, d,
            "this device has seen a log with another key than the one that the household has pinned. If the "
            "vault was set up anew, remove %s",
            k->path);
    memcpy(r->seen.key, r->pins.log, SIGN_PUBLIC_BYTES);
    memcpy(r->seen.household, k->c->household.id, HOUSEHOLD_ID_BYTES);
    r->seen.known = true;
    return ERR_OK;
}

static err remember(struct checking *k, struct diag *d) {
    struct log_seen *seen = &k->r->seen;
    seen->checkpoint = k->r->checkpoint;
    seen->text.len = 0;
    err e = blob_append(&seen->text, blob_bytes(&k->r->text));
    if (!e) e = folder_make(k->o->folder, d);
    return e ? e : log_seen_write(k->path, seen, d);
}

/* --- evidence --- */

static err put_file(const char *folder, const char *name, struct bytes data, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    if (data.len == 0) return ERR_OK;
    err e = path_join(path, folder, name);
    return e ? e : file_replace(path, data, 0600, d);
}

/* DIR/log-evidence/<time>-<failure>/: what.txt, shown, known. */
static err keep_evidence(struct checking *k, const struct diag *what) {
    struct log_checked *r = k->r;
    struct diag d;
    char now[WALL_TEXT_BYTES], name[96], folder[PATH_TEXT_BYTES];
    struct bytes known = r->before.len ? blob_bytes(&r->before) : blob_bytes(&r->seen.text);
    wall_format(wall_now(), now);
    for (char *c = now; *c; c++)
        if (*c == ':') *c = '-';
    snprintf(name, sizeof name, "log-evidence/%.31s-%s", now, log_failures[r->failure]);
    err e = path_join(folder, k->o->folder, name);
    if (!e) e = folder_make(folder, &d);
    if (!e) e = put_file(folder, "what.txt", bytes_text(what->text), &d);
    if (!e) e = put_file(folder, "shown", blob_bytes(&r->text), &d);
    if (!e) e = put_file(folder, "known", known, &d);
    if (!e) memcpy(r->evidence, folder, sizeof folder);
    return e;
}

err log_check(struct client *c, const struct log_check_options *o, struct log_checked *r, struct diag *d) {
    struct checking k = {.c = c, .o = o, .r = r};
    struct diag why = {{0}};
    *r = (struct log_checked){0};
    if (!d) d = &why;
    err e = begin(&k, d);
    if (!e) e = check_all(&k, d);
    if (!e) e = remember(&k, d);
    if (e == ERR_FORGED && r->failure && keep_evidence(&k, d)) r->evidence[0] = 0;
    tile_tree_free(k.tree);
    wipe(k.log_key, sizeof k.log_key);
    return e;
}

err log_accept(const char *folder, const struct log_checked *r, struct diag *d) {
    char path[PATH_TEXT_BYTES], kept[PATH_TEXT_BYTES];
    AUTO(log_seen_clear)
    struct log_seen next = {.known = true, .checkpoint = r->checkpoint, .timed = r->seen.timed};
    if (r->failure != LOG_FAILURE_SHRANK && r->failure != LOG_FAILURE_FORKED)
        return diag_fail(d, ERR_INVALID, "what is wrong is not what this device remembers (%s)",
                         log_failures[r->failure]);
    if (!r->evidence[0])
        return diag_fail(d, ERR_INVALID, "the evidence could not be kept: nothing is accepted without it");
    if (path_join(path, folder, "log-seen") || path_join(kept, r->evidence, "log-seen"))
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    memcpy(next.key, r->pins.log, sizeof next.key);
    memcpy(next.household, r->seen.household, sizeof next.household);
    err e = blob_append(&next.text, blob_bytes(&r->text));
    if (e) return diag_fail(d, e, "out of memory");
    /* A copy first: cut off in between, the device knows what it knew. */
    AUTO(blob_clear) struct blob old = {0};
    e = file_read(path, LOG_SEEN_FILE_MAX_BYTES, &old, d);
    if (!e) e = file_replace(kept, blob_bytes(&old), 0600, d);
    return e ? e : log_seen_write(path, &next, d);
}

/* --- reading them --- */

void log_look_clear(struct log_look *l) {
    json_decref(l->details);
    l->details = NULL;
}

err log_look_at(const struct client *c, const struct log_seen *seen, size_t n, struct log_look *out,
                struct diag *d) {
    struct log_own own = log_seen_at(seen, n);
    AUTO(blob_clear) struct blob plain = {0};
    struct log_look look = {.n = n, .index = own.index};
    err e = log_entry_decode(own.raw, &look.entry, d);
    if (e) return e;
    e = household_keys_unbox(&c->household, LOG_BOX_INFO, BYTES_OF(look.entry.tag), look.entry.details,
                             &plain);
    if (e)
        return diag_fail(d, ERR_FORGED, "your entry number %zu does not open with your household's key", n);
    if (json_parse(blob_bytes(&plain), &look.details, NULL))
        look.details = json_object(); /* the vault's word, and none */
    if (!look.details) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    *out = look;
    return ERR_OK;
}

err log_alarms(const struct client *c, const struct log_seen *seen, struct unusual_alarm **alarms,
               size_t *count, struct diag *d) {
    struct unusual_history history = {0};
    struct unusual_alarm *list = NULL;
    size_t have = 0;
    err e = ERR_OK;
    for (size_t n = 0; !e && n < seen->count; n++) {
        struct log_entry entry;
        struct unusual_act act;
        size_t more = 0;
        if (log_entry_decode(log_seen_at(seen, n).raw, &entry, d)) continue;
        if (!unusual_act_of(&entry, c->household.id, &act)) continue;
        struct unusual_alarm *larger = realloc(list, (have + UNUSUAL_RULES) * sizeof *larger);
        if (!larger) e = ERR_NO_MEMORY;
        if (larger) list = larger;
        if (!e) e = unusual_add(&history, &act, 0, list + have, &more);
        have += more;
    }
    unusual_history_clear(&history);
    if (e) {
        free(list);
        return diag_fail(d, e, "no memory for the alarms");
    }
    *alarms = list;
    *count = have;
    return ERR_OK;
}
