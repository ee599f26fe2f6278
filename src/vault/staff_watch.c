/* Unusual use, watched as the log grows: the rules (src/trust/unusual.h) see each entry once, in order, and
 * what they find becomes an alarm. Everything is computed from the log, from its beginning after each start;
 * alarms that have been raised are known by the entry that raised them. One thread, the keeper's, does all of
 * it; what is reported is under the desk's lock. */
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "trust/unusual.h"
#include "vault/log_internal.h"
#include "vault/staff.h"
#include "vault/stream.h"

#define BATCH 20000u /* entries in one go */
#define ROWS_MAX 65536u
#define DAY_US (INT64_C(86400) * 1000000)

/* What was raised of late: the same again within the hour is no news. */
#define RAISED_MAX 256u
#define RAISED_US (INT64_C(3600) * 1000000)
struct raised {
    enum unusual_rule rule;
    uint8_t actor[LOG_ACTOR_BYTES];
    struct store_id household; /* zeros: not known */
    struct wall_us time;
};

struct staff_watch {
    struct unusual_history history;
    struct raised raised[RAISED_MAX];
    size_t raised_next;
    uint64_t seen; /* entries */
    struct staff_count *rows;
    size_t count, room;
};

/* The clock on the desk's wall: that of the vault's machine. */
static int32_t desk_offset_s(struct wall_us t) {
    time_t at = (time_t)(t.us / 1000000);
    struct tm local;
    return localtime_r(&at, &local) ? (int32_t)local.tm_gmtoff : 0;
}

/* Only what staff do, and what is done to staff: of others' acts there is nothing to count here. */
static bool is_staffs(const struct log_entry *entry) {
    if (!entry->acted) return false;
    return log_entry_by_staff(entry) || strncmp(entry->kind, "staff.", 6) == 0;
}

static void count_entry(struct staff_desk *s, const struct log_entry *entry) {
    struct staff_watch *w = s->watch;
    uint64_t n = 1;
    uint32_t day = (uint32_t)(entry->time.us / DAY_US);
    if (!is_staffs(entry)) return;
    (void)log_entry_fact(entry, "count", &n);
    pthread_mutex_lock(&s->lock);
    struct staff_count *row = NULL;
    for (size_t i = w->count; !row && i > 0 && w->rows[i - 1].day >= day; i--) {
        struct staff_count *one = &w->rows[i - 1];
        if (one->day == day && strcmp(one->kind, entry->kind) == 0 &&
            memcmp(one->actor, entry->actor, sizeof one->actor) == 0)
            row = one;
    }
    if (!row && w->count == w->room && w->room < ROWS_MAX) {
        size_t room = w->room ? 2 * w->room : 256;
        struct staff_count *larger = realloc(w->rows, room * sizeof *larger);
        if (larger) w->rows = larger, w->room = room;
    }
    if (!row && w->count < w->room) {
        row = &w->rows[w->count++];
        *row = (struct staff_count){.day = day};
        memcpy(row->actor, entry->actor, sizeof row->actor);
        memcpy(row->kind, entry->kind, sizeof row->kind);
    }
    if (row) row->count += n;
    pthread_mutex_unlock(&s->lock);
}

static bool is_news(struct staff_watch *w, const struct unusual_alarm *found,
                    const struct store_id *household) {
    struct raised now = {.rule = found->rule, .time = found->time};
    memcpy(now.actor, found->actor, sizeof now.actor);
    if (household) now.household = *household;
    for (size_t i = 0; i < RAISED_MAX; i++) {
        const struct raised *one = &w->raised[i];
        if (one->rule == now.rule && memcmp(one->actor, now.actor, sizeof now.actor) == 0 &&
            store_id_equal(&one->household, &now.household) && now.time.us - one->time.us < RAISED_US)
            return false;
    }
    w->raised[w->raised_next++ % RAISED_MAX] = now;
    return true;
}

static void raise(struct vault *v, uint64_t number, const struct unusual_alarm *found,
                  const struct store_id *household) {
    struct desk_alarm alarm = {.entry = number,
                               .time = wall_slot(found->time),
                               .rule = (uint32_t)found->rule,
                               .value = found->value};
    char channel[CHANNEL_BYTES], actor[2 * DESK_ACTOR_BYTES + 1];
    struct diag d = {0};
    memcpy(alarm.actor, found->actor, sizeof alarm.actor);
    if (!is_news(v->staff->watch, found, household)) return;
    err e = v->desk->ops->alarm_add(v->desk, &alarm, &d);
    if (e == ERR_EXISTS) return; /* raised before the vault was started again */
    if (e) {
        log_error("an alarm was not kept: %s", d.text);
        return;
    }
    hex_encode(BYTES_OF(alarm.actor), actor);
    log_warning("unusual use by staff %s: %s (%llu)", actor, unusual_text(found->rule),
                (unsigned long long)found->value);
    if (!household) return;
    channel_hubs(household, channel);
    publish_json(v, channel, STREAM_HUB_NOTICE,
                 json_pack("{s:s,s:i}", "kind", "alarm", "rule", (int)found->rule));
}

static err watch_entry(struct vault *v, uint64_t number, struct bytes raw, struct diag *d) {
    struct staff_watch *w = v->staff->watch;
    struct log_entry entry;
    struct unusual_act act;
    struct unusual_alarm alarms[UNUSUAL_RULES];
    struct store_id household;
    struct diag ignored;
    size_t count = 0;
    if (log_entry_decode(raw, &entry, &ignored)) return ERR_OK; /* of a later vault, or of an older one */
    count_entry(v->staff, &entry);
    if (!unusual_act_of(&entry, NULL, &act)) return ERR_OK;
    bool known = v->desk->ops->use_get(v->desk, number, &household, &ignored) == ERR_OK;
    (void)unusual_act_of(&entry, known ? household.bytes : NULL, &act);
    err e = unusual_add(&w->history, &act, desk_offset_s(act.time), alarms, &count);
    if (e) return diag_fail(d, e, "no memory to watch for unusual use");
    for (size_t i = 0; i < count; i++) raise(v, number, &alarms[i], known ? &household : NULL);
    return ERR_OK;
}

err staff_watch_tick(struct vault *v, struct diag *d) {
    struct access_log *log = v->log;
    if (!log || !v->staff) return ERR_OK;
    if (!v->staff->watch) v->staff->watch = calloc(1, sizeof *v->staff->watch);
    struct staff_watch *w = v->staff->watch;
    if (!w) return diag_fail(d, ERR_NO_MEMORY, "no memory to watch for unusual use");
    AUTO(blob_clear) struct blob bundle = {0};
    uint64_t bundle_index = UINT64_MAX, begin = w->seen;
    pthread_mutex_lock(&log->lock);
    uint64_t size = log->checkpoint.size;
    pthread_mutex_unlock(&log->lock);
    struct bytes raw = {0};
    err e = ERR_OK;
    while (!e && w->seen < size && w->seen < begin + BATCH) {
        e = log_read_next(log, w->seen, size, &bundle, &bundle_index, &raw, d);
        if (!e) e = watch_entry(v, w->seen, raw, d);
        if (!e) w->seen++;
    }
    return e;
}

void staff_watch_free(struct staff_desk *s) {
    if (!s->watch) return;
    unusual_history_clear(&s->watch->history);
    free(s->watch->rows);
    free(s->watch);
    s->watch = NULL;
}

err staff_counts(struct vault *v, struct staff_count **out, size_t *count) {
    struct staff_desk *s = v->staff;
    *out = NULL;
    *count = 0;
    pthread_mutex_lock(&s->lock);
    size_t n = s->watch ? s->watch->count : 0;
    struct staff_count *copy = n ? malloc(n * sizeof *copy) : NULL;
    if (copy) memcpy(copy, s->watch->rows, n * sizeof *copy);
    pthread_mutex_unlock(&s->lock);
    if (n && !copy) return ERR_NO_MEMORY;
    *out = copy;
    *count = n;
    return ERR_OK;
}
