/* What administrators and the provider read: alarms of unusual use, and counts. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "trust/unusual.h"
#include "vault/staff.h"

/* Who is who, by what the log calls them. */
struct person {
    uint8_t actor[STAFF_ACTOR_BYTES];
    char name[DESK_NAME_CHARS + 1];
    struct store_key by;
};
struct people {
    struct person list[DESK_MEMBERS_MAX];
    size_t count, administrators; /* valid ones */
    struct vault *v;
};

static err add_person(void *arg, const struct desk_member *m) {
    struct people *p = arg;
    struct staff_certificate ignored;
    struct diag d;
    if (m->state < DESK_REQUESTED || p->count == DESK_MEMBERS_MAX) return ERR_OK;
    struct person *one = &p->list[p->count++];
    staff_actor(&m->sign, one->actor);
    memcpy(one->name, m->name, sizeof one->name);
    one->by = m->by;
    if ((m->roles & STAFF_ADMINISTRATOR) && !staff_member_valid(p->v, m, &ignored, &d)) p->administrators++;
    return ERR_OK;
}

static err people_read(struct vault *v, struct people **out, struct diag *d) {
    struct people *p = calloc(1, sizeof *p);
    if (!p) return diag_fail(d, ERR_NO_MEMORY, "no memory for the list of staff");
    p->v = v;
    err e = v->desk->ops->member_list(v->desk, add_person, p, d);
    if (e)
        free(p);
    else
        *out = p;
    return e;
}

static const struct person *person_of(const struct people *p, const uint8_t actor[STAFF_ACTOR_BYTES]) {
    for (size_t i = 0; i < p->count; i++)
        if (memcmp(p->list[i].actor, actor, STAFF_ACTOR_BYTES) == 0) return &p->list[i];
    return NULL;
}

static bool add_name(json_t *one, const struct person *person) {
    return !person || !json_object_set_new(one, "name", json_string(person->name));
}

/* --- alarms --- */

struct listing {
    const struct people *people;
    const struct store_key *reader; /* an administrator; NULL: the provider, who reads all */
    json_t *list;
};

static err add_alarm(void *arg, const struct desk_alarm *a) {
    struct listing *l = arg;
    const struct person *person = person_of(l->people, a->actor);
    /* Of an agent whom this administrator decided on, another one is to judge, where there is another. */
    if (l->reader && person && store_key_equal(&person->by, l->reader) && l->people->administrators > 1)
        return ERR_OK;
    json_t *one = json_pack("{s:I,s:I,s:I,s:s,s:s,s:o,s:I,s:I}", "number", (json_int_t)a->number, "time",
                            (json_int_t)a->time, "rule", (json_int_t)a->rule, "word",
                            unusual_name((enum unusual_rule)a->rule), "text",
                            unusual_text((enum unusual_rule)a->rule), "actor", json_hex(BYTES_OF(a->actor)),
                            "value", (json_int_t)a->value, "entry", (json_int_t)a->entry);
    if (!one) return ERR_NO_MEMORY;
    if (add_name(one, person) && !json_array_append_new(l->list, one)) return ERR_OK;
    return ERR_NO_MEMORY;
}

enum http_outcome alarm_list(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    const struct caller *caller = caller_of(request);
    struct people *people = NULL;
    struct diag d = {0};
    err e = people_read(v, &people, &d);
    if (e) return reply_err(r, e, &d);
    struct listing l = {people, caller->who & WHO_STAFF ? &caller->staff_sign : NULL, json_array()};
    e = v->desk->ops->alarm_list(v->desk, add_alarm, &l, &d);
    free(people);
    if (!e) return reply_json(r, 200, json_pack("{s:o}", "alarms", l.list));
    json_decref(l.list);
    return reply_err(r, e, &d);
}

/* --- counts --- */

static json_t *count_json(const struct people *people, const struct staff_count *c) {
    char day[16];
    time_t at = (time_t)c->day * 86400;
    struct tm utc;
    gmtime_r(&at, &utc);
    if (!strftime(day, sizeof day, "%Y-%m-%d", &utc)) return NULL;
    json_t *one = json_pack("{s:s,s:o,s:s,s:I}", "day", day, "actor", json_hex(BYTES_OF(c->actor)), "kind",
                            c->kind, "count", (json_int_t)c->count);
    if (one && !add_name(one, person_of(people, c->actor))) {
        json_decref(one);
        return NULL;
    }
    return one;
}

enum http_outcome staff_report(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct people *people = NULL;
    struct staff_count *counts = NULL;
    size_t count = 0;
    struct diag d = {0};
    err e = people_read(v, &people, &d);
    if (!e) e = staff_counts(v, &counts, &count);
    json_t *list = json_array();
    for (size_t i = 0; !e && i < count; i++)
        if (json_array_append_new(list, count_json(people, &counts[i]))) e = ERR_NO_MEMORY;
    free(people);
    free(counts);
    if (!e) return reply_json(r, 200, json_pack("{s:o}", "days", list));
    json_decref(list);
    return reply_err(r, e, &d);
}
