/* unusual.h: unusual use by members of staff, by rules over the access log alone (docs/trust.md, "Unusual
 * use").
 *
 * What is put in are acts in the order of the log; what comes out are alarms, each with the number of its
 * rule and what was counted. Nothing else is read: no clock, no other table. Whoever has the same entries
 * finds the same. Rule 3 needs to know whose an entry is, which only the household and the vault do; to
 * others it is silent. Threads: one at a time for each history. */
#ifndef CARDEA_TRUST_UNUSUAL_H
#define CARDEA_TRUST_UNUSUAL_H

#include <stdbool.h>

#include "base/clock.h"
#include "tlog/log_entry.h"

#define UNUSUAL_RULES 6
#define UNUSUAL_HOUSEHOLD_BYTES 16
#define UNUSUAL_RATE_MAX 12      /* grants opened in an hour */
#define UNUSUAL_NIGHT_END_HOUR 5 /* from midnight on, at the desk */
#define UNUSUAL_DAYS 3           /* different days on which the same household's was opened, of … */
#define UNUSUAL_DAYS_OF 30
#define UNUSUAL_CAMERAS_MAX 3
#define UNUSUAL_MINUTES_MAX 60
#define UNUSUAL_REFUSED_MAX 5      /* in an hour */
#define UNUSUAL_HISTORY_MAX 262144 /* acts that are remembered; past it the oldest go */

enum unusual_rule {
    UNUSUAL_RATE = 1,
    UNUSUAL_HOUR = 2,
    UNUSUAL_REPETITION = 3,
    UNUSUAL_SCOPE = 4,
    UNUSUAL_TICKET = 5,
    UNUSUAL_REFUSED = 6,
};

/* What a member of staff did, as its entry says. */
struct unusual_act {
    struct wall_us time;
    bool refused; /* admin.refused; otherwise grant.use */
    uint8_t actor[LOG_ACTOR_BYTES];
    bool has_household; /* it is known whose */
    uint8_t household[UNUSUAL_HOUSEHOLD_BYTES];
    uint64_t cameras, minutes;
    bool ticket;    /* there was an open one, or it was no try to open any */
    uint64_t count; /* refusals that one entry stands for; 0 is 1 */
};

/* From an entry. `household` is NULL for who cannot tell. False: it is no act of staff's that the rules look
 * at: only those have facts. */
bool unusual_act_of(const struct log_entry *entry, const uint8_t *household, struct unusual_act *out);

struct unusual_alarm {
    enum unusual_rule rule;
    struct wall_us time; /* of the act that passed the rule */
    uint8_t actor[LOG_ACTOR_BYTES];
    uint64_t value; /* what was counted: grants, the hour, days, cameras or minutes, 0, refusals */
};

/* Acts of the last UNUSUAL_DAYS_OF days. Zero-initialised is empty. */
struct unusual_history {
    struct unusual_act *acts;
    size_t count, room;
};
void unusual_history_clear(struct unusual_history *h);

/* Adds the act, and gives the alarms that it raises: at most UNUSUAL_RULES. `desk_offset_s` is the desk's
 * time zone, east of UTC. ERR_NO_MEMORY: it is not added, and no rule was asked. */
err unusual_add(struct unusual_history *h, const struct unusual_act *act, int32_t desk_offset_s,
                struct unusual_alarm alarms[UNUSUAL_RULES], size_t *count) CHECKED;

/* "rate", and what it means in a sentence for people: "opened more than 12 grants in an hour". */
const char *unusual_name(enum unusual_rule rule);
const char *unusual_text(enum unusual_rule rule);

#endif
