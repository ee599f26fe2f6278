#include "trust/unusual.h"

#include <stdlib.h>

#define HOUR_US (INT64_C(3600) * 1000000)
#define DAY_S INT64_C(86400)
#define DAY_US (DAY_S * 1000000)

bool unusual_act_of(const struct log_entry *entry, const uint8_t *household, struct unusual_act *out) {
    uint64_t ticket = 0;
    bool refused = strcmp(entry->kind, "admin.refused") == 0;
    if (!log_entry_by_staff(entry)) return false;
    if (!refused && strcmp(entry->kind, "grant.use") != 0) return false;
    struct unusual_act act = {.time = entry->time, .refused = refused, .has_household = household != NULL};
    memcpy(act.actor, entry->actor, sizeof act.actor);
    if (household) memcpy(act.household, household, sizeof act.household);
    if (!log_entry_fact(entry, "cameras", &act.cameras)) act.cameras = 0;
    if (!log_entry_fact(entry, "minutes", &act.minutes)) act.minutes = 0;
    act.ticket = log_entry_fact(entry, "ticket", &ticket) ? ticket == 1 : refused;
    if (!log_entry_fact(entry, "count", &act.count)) act.count = 1;
    *out = act;
    return true;
}

void unusual_history_clear(struct unusual_history *h) {
    free(h->acts);
    *h = (struct unusual_history){0};
}

static bool same_actor(const struct unusual_act *a, const struct unusual_act *b) {
    return memcmp(a->actor, b->actor, sizeof a->actor) == 0;
}

/* Acts of that kind by the same member of staff in the hour that ends with the last one, which counts too. */
static uint64_t count_hour(const struct unusual_history *h, bool refused) {
    const struct unusual_act *last = &h->acts[h->count - 1];
    uint64_t n = 0;
    for (size_t i = h->count; i > 0; i--) {
        const struct unusual_act *act = &h->acts[i - 1];
        int64_t before = last->time.us - act->time.us;
        if (act->refused == refused && same_actor(act, last) && before >= 0 && before < HOUR_US)
            n += act->count ? act->count : 1;
    }
    return n;
}

/* --- the rules: what is counted of the last act, and whether it is too much --- */

static bool rate(const struct unusual_history *h, int32_t offset_s, uint64_t *value) {
    *value = h->acts[h->count - 1].refused ? 0 : count_hour(h, false);
    return *value > UNUSUAL_RATE_MAX;
}

static bool hour(const struct unusual_history *h, int32_t offset_s, uint64_t *value) {
    const struct unusual_act *last = &h->acts[h->count - 1];
    int64_t second = (last->time.us / 1000000 + offset_s) % DAY_S;
    if (second < 0) second += DAY_S;
    *value = (uint64_t)(second / 3600);
    return !last->refused && *value < UNUSUAL_NIGHT_END_HOUR;
}

static bool repetition(const struct unusual_history *h, int32_t offset_s, uint64_t *value) {
    const struct unusual_act *last = &h->acts[h->count - 1];
    uint32_t days = 0; /* one bit for each day before */
    *value = 0;
    if (last->refused || !last->has_household) return false;
    int64_t today = last->time.us / DAY_US;
    for (size_t i = 0; i < h->count; i++) {
        const struct unusual_act *act = &h->acts[i];
        int64_t before = today - act->time.us / DAY_US;
        if (act->refused || !act->has_household || !same_actor(act, last)) continue;
        if (memcmp(act->household, last->household, sizeof act->household) != 0) continue;
        if (before >= 0 && before < UNUSUAL_DAYS_OF) days |= UINT32_C(1) << before;
    }
    *value = (uint64_t)__builtin_popcount(days);
    return *value >= UNUSUAL_DAYS;
}

static bool scope(const struct unusual_history *h, int32_t offset_s, uint64_t *value) {
    const struct unusual_act *last = &h->acts[h->count - 1];
    bool cameras = last->cameras > UNUSUAL_CAMERAS_MAX;
    *value = cameras ? last->cameras : last->minutes;
    return !last->refused && (cameras || last->minutes > UNUSUAL_MINUTES_MAX);
}

static bool ticket(const struct unusual_history *h, int32_t offset_s, uint64_t *value) {
    *value = 0;
    return !h->acts[h->count - 1].ticket;
}

static bool refused(const struct unusual_history *h, int32_t offset_s, uint64_t *value) {
    *value = h->acts[h->count - 1].refused ? count_hour(h, true) : 0;
    return *value > UNUSUAL_REFUSED_MAX;
}

static const struct {
    enum unusual_rule rule;
    const char *name, *text;
    bool (*passed)(const struct unusual_history *h, int32_t offset_s, uint64_t *value);
} rules[UNUSUAL_RULES] = {
    {UNUSUAL_RATE, "rate", "opened more than 12 grants in an hour", rate},
    {UNUSUAL_HOUR, "hour", "opened one between midnight and 5 in the morning", hour},
    {UNUSUAL_REPETITION, "repetition", "opened the same household's on 3 different days of 30", repetition},
    {UNUSUAL_SCOPE, "scope", "opened one of more than 3 cameras, or of more than 60 minutes", scope},
    {UNUSUAL_TICKET, "ticket", "opened one, or tried to, without an open ticket", ticket},
    {UNUSUAL_REFUSED, "refused", "was refused more than 5 times in an hour", refused},
};

/* What no rule can reach any more goes. */
static void forget(struct unusual_history *h, struct wall_us now) {
    size_t old = 0;
    while (old < h->count && now.us - h->acts[old].time.us >= (UNUSUAL_DAYS_OF + 1) * DAY_US) old++;
    if (h->count - old >= UNUSUAL_HISTORY_MAX) old = h->count - UNUSUAL_HISTORY_MAX + 1;
    h->count -= old;
    if (old && h->count) memmove(h->acts, h->acts + old, h->count * sizeof *h->acts);
}

err unusual_add(struct unusual_history *h, const struct unusual_act *act, int32_t desk_offset_s,
                struct unusual_alarm alarms[UNUSUAL_RULES], size_t *count) {
    forget(h, act->time);
    if (h->count == h->room) {
        size_t room = h->room ? 2 * h->room : 64;
        struct unusual_act *larger = realloc(h->acts, room * sizeof *larger);
        if (!larger) return ERR_NO_MEMORY;
        h->acts = larger;
        h->room = room;
    }
    h->acts[h->count++] = *act;
    *count = 0;
    for (size_t i = 0; i < UNUSUAL_RULES; i++) {
        uint64_t value;
        if (!rules[i].passed(h, desk_offset_s, &value)) continue;
        struct unusual_alarm *alarm = &alarms[(*count)++];
        *alarm = (struct unusual_alarm){.rule = rules[i].rule, .time = act->time, .value = value};
        memcpy(alarm->actor, act->actor, sizeof alarm->actor);
    }
    return ERR_OK;
}

const char *unusual_name(enum unusual_rule rule) {
    return rule >= 1 && rule <= UNUSUAL_RULES ? rules[rule - 1].name : "unknown";
}

const char *unusual_text(enum unusual_rule rule) {
    return rule >= 1 && rule <= UNUSUAL_RULES ? rules[rule - 1].text
                                              : "did something that this build has no rule for";
}
