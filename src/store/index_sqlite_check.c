#include <stdio.h>

#include "store/index_sqlite.h"

/* What must agree within the index. `mend` is NULL where only the blob store, or nobody, knows better. */
struct rule {
    const char *fault; /* after a number */
    const char *count;
    const char *mend;
};

#define COUNTED "(SELECT count(*), coalesce(sum(r.bytes), 0) FROM reels r WHERE r.camera=cameras.number)"
#define EVENTS "(SELECT coalesce(sum(length(event)), 0) FROM events v WHERE v.camera=cameras.number)"
#define UPLOADS "(SELECT count(*) FROM names n WHERE n.state=1 AND n.state<>2 AND n.camera=cameras.number)"
#define OBJECTS                                                                                              \
    "(SELECT count(*), coalesce(sum(o.bytes), 0) FROM objects o WHERE o.household=households.household)"
#define NO_REEL "NOT EXISTS (SELECT 1 FROM reels r WHERE r.camera="

static const struct rule rules[] = {
    {"reels are of no camera", "SELECT count(*) FROM reels WHERE camera NOT IN (SELECT number FROM cameras)",
     NULL},
    {"reels have no name, or another's",
     "SELECT count(*) FROM reels r LEFT JOIN names n ON n.name=r.reel WHERE n.state IS NOT 2 OR "
     "n.camera<>r.camera OR"
     " n.at<>r.first",
     "INSERT OR REPLACE INTO names SELECT r.reel, 2, r.camera, r.first, NULL FROM reels r LEFT JOIN names n "
     "ON"
     " n.name=r.reel WHERE n.state IS NOT 2 OR n.camera<>r.camera OR n.at<>r.first"},
    {"names stand for reels that are not there",
     "SELECT count(*) FROM names n WHERE n.state=2 AND " NO_REEL
     "n.camera AND r.first=n.at AND r.reel=n.name)",
     "DELETE FROM names AS n WHERE n.state=2 AND " NO_REEL "n.camera AND r.first=n.at AND r.reel=n.name)"},
    {"reels have no segment table",
     "SELECT count(*) FROM reels r WHERE NOT EXISTS (SELECT 1 FROM tables t WHERE t.camera=r.camera AND"
     " t.first=r.first AND t.reel=r.reel)",
     NULL},
    {"segment tables are of no reel",
     "SELECT count(*) FROM tables t WHERE " NO_REEL "t.camera AND r.first=t.first AND r.reel=t.reel)",
     "DELETE FROM tables AS t WHERE " NO_REEL "t.camera AND r.first=t.first AND r.reel=t.reel)"},
    {"cameras' counters of reels disagree with their reels",
     "SELECT count(*) FROM cameras WHERE (reels, bytes) <> " COUNTED,
     "UPDATE cameras SET (reels, bytes) = " COUNTED},
    {"cameras' counters of events disagree with their events",
     "SELECT count(*) FROM cameras WHERE events_bytes <> " EVENTS,
     "UPDATE cameras SET events_bytes = " EVENTS},
    {"cameras' counters of uploads disagree with their uploads",
     "SELECT count(*) FROM cameras WHERE uploads <> " UPLOADS, "UPDATE cameras SET uploads = " UPLOADS},
    {"households' counters of objects disagree with their objects",
     "SELECT count(*) FROM households WHERE (objects, objects_bytes) <> " OBJECTS,
     "UPDATE households SET (objects, objects_bytes) = " OBJECTS},
    {"events are of no camera",
     "SELECT count(*) FROM events WHERE camera NOT IN (SELECT number FROM cameras)",
     "DELETE FROM events WHERE camera NOT IN (SELECT number FROM cameras)"},
    {"deleted ranges are of no camera",
     "SELECT count(*) FROM cuts WHERE camera NOT IN (SELECT number FROM cameras)",
     "DELETE FROM cuts WHERE camera NOT IN (SELECT number FROM cameras)"},
    {"grants cannot be: more uses than views, a revocation without its day, or a day without it",
     "SELECT count(*) FROM grants WHERE (views<>0 AND uses>views) OR (revoked<>0) <> (length(revocation)<>0)",
     NULL},
    {"grants are of no household",
     "SELECT count(*) FROM grants WHERE household NOT IN (SELECT household FROM households)",
     "DELETE FROM grants WHERE household NOT IN (SELECT household FROM households)"},
    {"live views are of no household",
     "SELECT count(*) FROM watches WHERE household NOT IN (SELECT household FROM households)",
     "DELETE FROM watches WHERE household NOT IN (SELECT household FROM households)"},
    {"successions of keys are of no household, or its keys are not those of its last",
     "SELECT (SELECT count(*) FROM successions WHERE household NOT IN (SELECT household FROM households)) +"
     " (SELECT count(*) FROM successions s JOIN households h USING(household) WHERE (s.sign<>h.sign OR"
     " s.box<>h.box) AND s.n=(SELECT max(n) FROM successions l WHERE l.household=s.household))",
     NULL},
    {"cameras, objects or capabilities are of no household",
     "SELECT (SELECT count(*) FROM cameras WHERE household NOT IN (SELECT household FROM households)) +"
     " (SELECT count(*) FROM objects WHERE household NOT IN (SELECT household FROM households)) +"
     " (SELECT count(*) FROM capabilities WHERE household NOT IN (SELECT household FROM households))",
     NULL},
};

static err in_check(struct db_conn *conn, bool mend, index_report report, void *arg, uint64_t *faults,
                    struct diag *d) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        uint64_t count = 0;
        err e = db_number(conn, rules[i].count, NULL, 0, &count, d);
        if (e) return e;
        if (!count) continue;
        *faults += count;
        bool mended = mend && rules[i].mend;
        if (mended) e = db_run(conn, rules[i].mend, NULL, 0, NULL, d);
        if (e) return e;
        char line[200];
        snprintf(line, sizeof line, "index: %llu %s%s", (unsigned long long)count, rules[i].fault,
                 mended ? ": mended" : "");
        report(arg, line);
    }
    return ERR_OK;
}

static err check_mending(struct index *index, index_report report, void *arg, uint64_t *faults,
                         struct diag *d) {
    IN_WRITE(index, d, in_check(conn, true, report, arg, faults, d));
}

static err check_reading(struct index *index, index_report report, void *arg, uint64_t *faults,
                         struct diag *d) {
    IN_READ(index, d, in_check(conn, false, report, arg, faults, d));
}

err sq_check(struct index *index, bool mend, index_report report, void *arg, uint64_t *faults,
             struct diag *d) {
    uint64_t found = 0;
    err e = db_check(index_db(index), report, arg, &found, d);
    if (!e)
        e = mend ? check_mending(index, report, arg, &found, d)
                 : check_reading(index, report, arg, &found, d);
    *faults = found;
    return e;
}
