/* Live views of grantees: in the access log, and in the index.
 *
 * A row stands in the index from before a view's begin is logged until its end is, so that no begin stays
 * without an end: what a process leaves, killed or cut off, the next one closes, and says so (`cut`), with
 * the time at which the view was last known to run. Of nodes that share an index each says by its claim on
 * the bus that it lives; whoever finds another's claim gone adopts its rows, and one alone gets them.
 *
 *   lost after              is left                     and then
 *   the row                 a row without a begin       the row goes: the log says that nothing began
 *   live.begin              a row                       live.end, cut
 *   live.end                a row                       live.end once more, cut */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "crypto/hash.h"
#include "vault/activity.h"
#include "vault/log_internal.h"
#include "vault/stream.h"

#define PAGE 64u        /* rows looked at in one go */
#define LOG_PAGE 256u   /* a household's entries, the same */
#define NODE_CLAIM_S 60 /* so long a node counts as alive after its last word */

struct watch_ended {
    struct store_id id, household;
    struct grant_scope scope;
    size_t count;
    struct store_id cameras[GRANT_CAMERAS_MAX];
    struct wall_us since, until;
    bool logged; /* only its row is left */
    struct watch_ended *next;
};

void watch_ends_clear(struct activity *a) {
    for (struct watch_ended *e = a->ends, *next; e; e = next) {
        next = e->next;
        free(e);
    }
    a->ends = NULL;
}

static struct grant_act act_of(const char *kind, const struct store_id *household,
                               const struct grant_scope *scope, const struct store_id *cameras, size_t count,
                               uint64_t from, uint64_t to) {
    return (struct grant_act){.kind = kind,
                              .household = household,
                              .grant = &scope->grant,
                              .purpose = scope->purpose,
                              .ticket = scope->ticket,
                              .key = scope->key,
                              .staff = scope->purpose == GRANT_SUPPORT,
                              .cameras = (const uint8_t(*)[CAMERA_ID_BYTES])(const void *)cameras,
                              .camera_count = count,
                              .from = from,
                              .to = to,
                              .live = true};
}

static json_t *use_of(const struct grant_scope *scope) {
    return json_pack("{s:I}", "use", (json_int_t)scope->entry);
}

/* --- a view begins --- */

static err list(struct vault *v, struct grant_watch *w, struct diag *d) {
    pthread_mutex_lock(&v->activity_lock);
    struct activity *a = activity_held(v);
    if (a) {
        w->next = a->watches;
        w->link = &a->watches;
        if (w->next) w->next->link = &w->next;
        a->watches = w;
    }
    pthread_mutex_unlock(&v->activity_lock);
    return a ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "no memory for who is watching");
}

/* With the lock. */
static void unlist(struct grant_watch *w) {
    *w->link = w->next;
    if (w->next) w->next->link = w->link;
    w->link = NULL;
}

/* What its end will say, should nobody see it. */
static err keep(struct vault *v, const struct grant_watch *w, const struct grant_act *act, struct diag *d) {
    AUTO(json_release) json_t *words = NULL;
    struct index_watch row = {.watch = w->id,
                              .household = w->household,
                              .node = v->node,
                              .since = wall_slot(w->since),
                              .seen = wall_slot(w->since)};
    err e = log_count(v, &w->household, &row.n, d);
    if (!e) e = grant_log_words(v, act, use_of(&w->scope), &words, d);
    char *text = e ? NULL : json_dumps(words, JSON_COMPACT);
    if (!e && !text) e = diag_fail(d, ERR_NO_MEMORY, "no memory for who is watching");
    if (!e) {
        row.act = bytes_text(text);
        e = v->index->ops->watch_add(v->index, &row, d);
    }
    free(text);
    return e;
}

static err log_begin(struct vault *v, const struct grant_watch *w, struct diag *d) {
    uint64_t until = w->scope.to < w->scope.expires ? w->scope.to : w->scope.expires;
    const struct grant_act act =
        act_of("live.begin", &w->household, &w->scope, w->cameras, w->count, wall_slot(w->since), until);
    struct diag ignored;
    if (!v->log)
        return diag_fail(d, ERR_UNSUPPORTED, "this vault keeps no access log: its stores are in memory");
    err e = keep(v, w, &act, d);
    if (e) return e;
    e = grant_log(v, &act, use_of(&w->scope), NULL, NULL, d);
    if (e && v->index->ops->watch_remove(v->index, &w->id, &ignored))
        log_warning("a row of a live view that did not begin is left: the next sweep takes it");
    return e;
}

err watch_begin(struct vault *v, struct grant_watch *w, struct diag *d) {
    w->since = wall_now();
    w->begun = false;
    random_bytes(w->id.bytes, sizeof w->id.bytes);
    err e = list(v, w, d); /* before its row is there: nobody may take that for one that was left */
    if (e) return e;
    e = log_begin(v, w, d);
    pthread_mutex_lock(&v->activity_lock);
    if (e) {
        unlist(w);
    } else {
        w->begun = true;
        activity_tell(v, &w->household);
    }
    pthread_mutex_unlock(&v->activity_lock);
    return e;
}

/* --- and ends --- */

/* With the lock. */
static void put_last(struct activity *a, struct watch_ended *end) {
    *a->ends_tail = end;
    a->ends_tail = &end->next;
    a->ends_count++;
}

static struct watch_ended *end_of(const struct grant_watch *w) {
    struct watch_ended *end = calloc(1, sizeof *end);
    if (!end) return NULL;
    *end = (struct watch_ended){.id = w->id,
                                .household = w->household,
                                .scope = w->scope,
                                .count = w->count,
                                .since = w->since,
                                .until = wall_now()};
    memcpy(end->cameras, w->cameras, sizeof end->cameras);
    return end;
}

/* On the network thread: the log's sync is left to the next sweep. One that finds no place keeps its row, and
 * is closed by that as if it had been cut off. */
void watch_end(struct vault *v, struct grant_watch *w) {
    if (!w->link) return;
    struct watch_ended *end = end_of(w);
    pthread_mutex_lock(&v->activity_lock);
    struct activity *a = v->activity;
    bool fits = end && a->ends_count < WATCH_ENDS_MAX, news = !fits && !a->ends_full;
    unlist(w);
    if (fits) put_last(a, end);
    a->ends_full = !fits;
    activity_tell(v, &w->household);
    pthread_mutex_unlock(&v->activity_lock);
    if (fits) return;
    free(end);
    if (news)
        log_error("more than %u live views are over and not in the access log: of the next ones their ends "
                  "are logged with the time at which they were last known to run",
                  WATCH_ENDS_MAX);
}

static struct watch_ended *take_end(struct vault *v) {
    pthread_mutex_lock(&v->activity_lock);
    struct activity *a = v->activity;
    struct watch_ended *end = a ? a->ends : NULL;
    if (end) {
        a->ends = end->next;
        if (!a->ends) a->ends_tail = &a->ends;
        a->ends_count--;
    }
    pthread_mutex_unlock(&v->activity_lock);
    return end;
}

static void put_back(struct vault *v, struct watch_ended *end) {
    pthread_mutex_lock(&v->activity_lock);
    struct activity *a = v->activity;
    end->next = a->ends;
    if (!a->ends) a->ends_tail = &end->next;
    a->ends = end;
    a->ends_count++;
    pthread_mutex_unlock(&v->activity_lock);
}

static err log_end(struct vault *v, struct watch_ended *end, struct diag *d) {
    const struct grant_act act = act_of("live.end", &end->household, &end->scope, end->cameras, end->count,
                                        wall_slot(end->since), wall_slot(end->until) + UINT64_C(1));
    err e = end->logged ? ERR_OK : grant_log(v, &act, use_of(&end->scope), NULL, NULL, d);
    if (e) return e;
    end->logged = true;
    e = v->index->ops->watch_remove(v->index, &end->id, d);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

err watch_ends_log(struct vault *v, struct diag *d) {
    for (struct watch_ended *end; (end = take_end(v)) != NULL;) {
        err e = log_end(v, end, d);
        if (e) {
            put_back(v, end);
            return e;
        }
        free(end);
    }
    return ERR_OK;
}

/* --- views whose end nobody saw --- */

struct left {
    struct index_watch row;
    json_t *words; /* NULL: damaged */
};
struct page {
    struct left rows[PAGE];
    size_t count;
};

static void page_clear(struct page *p) {
    for (size_t i = 0; i < p->count; i++) json_decref(p->rows[i].words);
    p->count = 0;
}

static err take_row(void *arg, const struct index_watch *row) {
    struct page *p = arg;
    struct left *one = &p->rows[p->count++];
    one->row = *row;
    one->row.act = (struct bytes){0}; /* borrowed */
    one->words = json_loadb((const char *)row->act.data, row->act.len, 0, NULL);
    return ERR_OK;
}

static void node_name(const struct store_id *node, char out[CHANNEL_BYTES]) {
    memcpy(out, "vault/", 6);
    hex_encode(BYTES_OF(node->bytes), out + 6);
}

/* *ours: that node is gone, and what it left is this one's now. */
static err adopt(struct vault *v, const struct store_id *node, bool *ours, struct diag *d) {
    AUTO(blob_clear) struct blob value = {0};
    char name[CHANNEL_BYTES];
    struct store_id owner;
    uint64_t count = 0;
    node_name(node, name);
    err e = v->bus->ops->holder(v->bus, name, &owner, &value, d);
    if (e != ERR_NOT_FOUND) return e;
    e = v->index->ops->watch_adopt(v->index, node, &v->node, &count, d);
    *ours = !e && count > 0;
    return e;
}

static err adopt_page(struct vault *v, struct page *p, struct diag *d) {
    for (size_t i = 0; i < p->count; i++) {
        const struct store_id node = p->rows[i].row.node;
        bool asked = store_id_equal(&node, &v->node), ours = false;
        for (size_t k = 0; k < i; k++) asked |= store_id_equal(&p->rows[k].row.node, &node);
        if (asked) continue;
        err e = adopt(v, &node, &ours, d);
        if (e) return e;
        for (size_t k = i; ours && k < p->count; k++)
            if (store_id_equal(&p->rows[k].row.node, &node)) p->rows[k].row.node = v->node;
    }
    return ERR_OK;
}

static bool is_known_here(struct vault *v, const struct store_id *id) {
    bool known = false;
    pthread_mutex_lock(&v->activity_lock);
    struct activity *a = v->activity;
    for (struct grant_watch *w = a ? a->watches : NULL; w && !known; w = w->next)
        known = store_id_equal(&w->id, id);
    for (struct watch_ended *e = a ? a->ends : NULL; e && !known; e = e->next)
        known = store_id_equal(&e->id, id);
    pthread_mutex_unlock(&v->activity_lock);
    return known;
}

struct beginning {
    uint8_t actor[LOG_ACTOR_BYTES];
    bool found;
};

static err look_for_begin(void *arg, const struct log_row *row, struct bytes raw, struct diag *d) {
    struct beginning *b = arg;
    struct log_entry entry;
    struct diag ignored;
    (void)row, (void)d;
    b->found |= log_entry_decode(raw, &entry, &ignored) == ERR_OK && strcmp(entry.kind, "live.begin") == 0 &&
                entry.acted && memcmp(entry.actor, b->actor, LOG_ACTOR_BYTES) == 0;
    return ERR_OK;
}

/* Does the log say that it began? From its household's entry n on. */
static err find_begin(struct vault *v, const struct left *l, bool *begun, struct diag *d) {
    struct beginning b = {.found = false};
    uint64_t n = l->row.n;
    err e = grant_log_actor(l->words, b.actor) ? ERR_OK : ERR_IO;
    for (size_t count = LOG_PAGE; !e && !b.found && count == LOG_PAGE; n += LOG_PAGE)
        e = log_each_from(v, &l->row.household, n, LOG_PAGE, look_for_begin, &b, &count, d);
    *begun = b.found;
    return e;
}

/* The words of its end: until it was last known to run. */
static bool cut_words(struct left *l) {
    json_t *details = json_object_get(l->words, "details"), *facts = json_object_get(l->words, "facts");
    uint64_t from = l->row.since, to = l->row.seen + UINT64_C(1);
    bool sound = !json_object_set_new(details, "from", json_integer((json_int_t)from)) &&
                 !json_object_set_new(details, "to", json_integer((json_int_t)to)) &&
                 !json_object_set_new(details, "cut", json_true());
    if (!sound || !json_object_size(facts)) return sound;
    return !json_object_set_new(facts, "minutes", json_integer((json_int_t)((to - from + 59) / 60))) &&
           !json_object_set_new(facts, "cut", json_integer(1));
}

static err close_left(struct vault *v, struct left *l, struct diag *d) {
    bool begun = false;
    err e = find_begin(v, l, &begun, d);
    if (!e && begun && !cut_words(l)) e = diag_fail(d, ERR_NO_MEMORY, "no memory for who was watching");
    if (!e && begun) e = grant_log_said(v, "live.end", &l->row.household, l->words, d);
    if (!e) e = v->index->ops->watch_remove(v->index, &l->row.watch, d);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* What it was to say nobody can tell any more: it is told once, and the others go on. */
static bool is_damaged(struct vault *v, const struct left *l) {
    uint8_t actor[LOG_ACTOR_BYTES];
    char hex[2 * STORE_ID_BYTES + 1];
    bool damaged = !grant_log_actor(l->words, actor) || !json_object_get(l->words, "details") ||
                   !json_object_get(l->words, "facts");
    if (!damaged || v->activity->damage_told) return damaged;
    v->activity->damage_told = true;
    hex_encode(BYTES_OF(l->row.watch.bytes), hex);
    log_error("live view %s is damaged in the index: its end cannot be logged", hex);
    return true;
}

/* One that cannot be closed does not keep the others: *first is what was wrong with the first. */
static void close_page(struct vault *v, struct page *p, err *first, struct diag *d) {
    for (size_t i = 0; i < p->count; i++) {
        struct diag why = {0};
        struct left *l = &p->rows[i];
        if (!store_id_equal(&l->row.node, &v->node) || is_known_here(v, &l->row.watch) || is_damaged(v, l))
            continue;
        err e = close_left(v, l, &why);
        if (!e || *first) continue;
        *first = e;
        if (d) *d = why;
    }
}

static err close_all(struct vault *v, struct diag *d) {
    struct page *p = calloc(1, sizeof *p);
    struct store_id after;
    bool more = p != NULL, first_page = true;
    err e = p ? ERR_OK : diag_fail(d, ERR_NO_MEMORY, "no memory to look for live views"), failed = ERR_OK;
    while (!e && more) {
        e = v->index->ops->watch_list(v->index, first_page ? NULL : &after, PAGE, take_row, p, d);
        first_page = false;
        more = p->count == PAGE;
        if (more) after = p->rows[PAGE - 1].row.watch;
        if (!e) e = adopt_page(v, p, d);
        if (!e) close_page(v, p, &failed, d);
        page_clear(p);
    }
    free(p);
    return e ? e : failed;
}

/* --- what still runs --- */

static struct store_id *running(struct vault *v, size_t *count) {
    struct store_id *ids = NULL;
    size_t n = 0;
    pthread_mutex_lock(&v->activity_lock);
    struct grant_watch *first = v->activity ? v->activity->watches : NULL;
    for (struct grant_watch *w = first; w; w = w->next) n++;
    if (n) ids = malloc(n * sizeof *ids);
    *count = 0;
    for (struct grant_watch *w = first; w && ids; w = w->next) ids[(*count)++] = w->id;
    pthread_mutex_unlock(&v->activity_lock);
    return ids;
}

err watches_sweep(struct vault *v, struct diag *d) {
    char name[CHANNEL_BYTES];
    size_t count = 0;
    if (!v->log) return ERR_OK;
    pthread_mutex_lock(&v->activity_lock);
    struct activity *a = activity_held(v);
    if (a) a->swept_us = steady_now().us;
    pthread_mutex_unlock(&v->activity_lock);
    if (!a) return diag_fail(d, ERR_NO_MEMORY, "no memory for who is watching");
    node_name(&v->node, name);
    err e = v->bus->ops->claim(v->bus, name, &v->node, NODE_CLAIM_S, (struct bytes){0}, d);
    struct store_id *ids = running(v, &count);
    if (!e && count) e = v->index->ops->watch_seen(v->index, ids, count, slot_now(), d);
    free(ids);
    return e ? e : close_all(v, d);
}
