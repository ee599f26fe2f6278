/* index.h: what a vault knows of households and their recordings: never what is in them.
 *
 * One interface of domain operations; each is one transaction. Every key is within a household, so that no
 * household can reach, name or block what is another's. Accounts live elsewhere (accounts.h). The order of
 * steps between index and blobs is in docs/invariants.md; in short:
 *
 *   reel_begin → blob begin, append, commit → reel_commit          (a blob is durable before its row exists)
 *   …_delete moves rows to the garbage → blob remove → garbage_done   (a row's blob exists until the row is
 * gone)
 *
 * Times are slots (seconds since 1970) that the caller passes; no operation reads a clock. Ranges are [from,
 * to).
 *
 * Usage: `index->ops->reel_commit(index, …)`. Threads: any. Writes are durable on return except where said.
 * Any operation may fail with ERR_IO, ERR_NO_MEMORY, and, if it writes, ERR_NO_SPACE and ERR_BUSY; nothing
 * changed then. A visitor must not call the index. */
#ifndef CARDEA_STORE_INDEX_H
#define CARDEA_STORE_INDEX_H

#include <stdbool.h>

#include "base/bytes.h"
#include "store/id.h"

#define INDEX_OBJECT_KEY_CHARS 128
#define INDEX_OBJECT_MAX_BYTES (256u * 1024)
#define INDEX_OBJECTS_MAX 4096u /* for each household; likewise below */
#define INDEX_CAPABILITIES_MAX 256u
#define INDEX_CAMERAS_MAX 1024u
#define INDEX_UPLOADS_MAX 4096u /* reels begun and not committed */
#define INDEX_CUTS_MAX 16u      /* deleted ranges that one upload tells apart */
#define INDEX_EVENT_MAX_BYTES (17u * 1024 + 256)
#define INDEX_PICTURE_MAX_BYTES (50u * 1024 + 256)
#define INDEX_EVENTS_DAY_MAX 20000u /* for each camera and day; as many pictures */
#define INDEX_REEL_SPAN_MAX_SLOTS 1024u
#define INDEX_REEL_TABLE_MAX_BYTES (20u * 1024)
#define INDEX_TIMELINE_MAX 20000u
#define INDEX_PAIRINGS_MAX 65536u /* in the whole index */
#define INDEX_PAIRING_MAX_BYTES (16u * 1024)
#define INDEX_SETTING_MAX_BYTES (64u * 1024)
#define INDEX_RETENTION_MAX_DAYS 3650u
#define INDEX_GRANTS_MAX 1024u /* for each household, ended ones among them until they are forgotten */
#define INDEX_GRANT_MAX_BYTES (1u << 20)
#define INDEX_GRANTS_MAX_BYTES (64u << 20) /* of all of a household's, with their notes */
#define INDEX_GRANT_NOTE_MAX_BYTES 4096u
#define INDEX_REVOCATION_MAX_BYTES 1024u
#define INDEX_TICKET_CHARS 64
#define INDEX_WATCH_ACT_MAX_BYTES 8192u
#define INDEX_SUCCESSIONS_MAX 64u /* for each household, whose keys they are */
#define INDEX_SUCCESSION_MAX_BYTES 512u

enum capability_role { CAPABILITY_ROLE_OWNER = 1, CAPABILITY_ROLE_WRITER = 2 };

struct capability {
    struct store_key key; /* Ed25519 public */
    struct store_id household;
    enum capability_role role;
    struct store_id hub; /* of a writer; zeros for an owner */
    uint32_t seen;       /* slot, 0 never; see capability_seen */
};

/* Entry number `entry` of the access log is the household's n-th, counted from 0. */
struct log_row {
    struct store_id household;
    uint64_t n, entry;
};

/* What a household's statements are held against, and its log entries are sealed to. */
struct index_household {
    struct store_key sign, box; /* public */
    struct store_key log_key;   /* under which its entries are numbered; told to the vault alone */
};

/* How a household's keys were succeeded: what its statement says, and the statement. */
struct index_succession {
    uint32_t n;                         /* from 1 */
    struct store_key former, sign, box; /* public */
    struct bytes statement;
    bool logged; /* that it happened is in the access log; see household_succession_logged */
};

/* A grant's row. What the household signed is in its bytes; this is what the vault finds and counts by. */
struct grant_row {
    struct store_id grant, household;
    struct store_key grantee;            /* public key by which it is opened */
    uint32_t purpose;                    /* the caller's numbers */
    char ticket[INDEX_TICKET_CHARS + 1]; /* empty: none */
    uint32_t created;                    /* slot */
    uint64_t expires;                    /* slot, at most 2^32 */
    uint64_t views;                      /* how often it can be opened; 0: no bound */
    uint64_t uses;
    uint32_t last_use; /* slot, 0: never */
    uint32_t revoked;  /* slot, 0: not */
    bool closed;       /* that it has ended is in the access log; see grant_close */
    uint64_t entry;    /* of its making, in the access log */
};

/* A grant in two parts whose concatenation it is, so that a list reads the statements alone. */
struct grant_bytes {
    struct bytes statement; /* with what comes before it */
    struct bytes box;
    struct bytes note;
    struct bytes revocation; /* empty: none */
};
/* For copies of them. Zero-initialised is empty. */
struct grant_blobs {
    struct blob statement, box, note, revocation;
};
void grant_blobs_clear(struct grant_blobs *blobs);

/* A live view that somebody has by a grant, from before its begin is in the access log until its end is. */
struct index_watch {
    struct store_id watch, household;
    struct store_id node; /* the vault's process that relays it */
    uint64_t n;           /* the household's next entry before its begin: that is no earlier one */
    uint32_t since, seen; /* slots: began; was still running */
    struct bytes act;     /* the caller's: what its entry says */
};

struct object_info {
    char key[INDEX_OBJECT_KEY_CHARS + 1];
    uint64_t version;
    uint64_t bytes;
};

struct camera_info {
    struct store_id camera;
    uint32_t retention_days; /* 0: for ever */
    uint32_t first,
        last; /* first slot of the oldest reel, end slot of the newest; both 0 when there is none */
    uint64_t reels;
    uint64_t bytes; /* of reels */
    uint64_t events_bytes;
};

struct reel_info {
    struct store_id reel;
    uint32_t epoch;
    uint32_t first, end; /* slots; first < end <= first + INDEX_REEL_SPAN_MAX_SLOTS */
    uint64_t bytes;
    uint32_t segments;
    uint32_t flags;     /* the vault's own; stored and returned */
    struct bytes table; /* 20-byte entries (formats.md, "Reel"); empty where not asked for */
};

/* A reel and where it belongs. */
struct reel_place {
    struct store_id household;
    struct store_id camera;
};

/* A list, ascending by first slot. Zero-initialised is empty. */
struct timeline {
    struct reel_info *reels;
    size_t count;
    bool more; /* there are more reels, from slot more_from on */
    uint32_t more_from;
    struct blob tables; /* what the reels' tables point into */
};
void timeline_clear(struct timeline *timeline);

struct index_upload {
    struct store_id reel;
    struct reel_place place;
    uint32_t epoch;
    uint32_t begun; /* slot */
};

/* A deleted range, [from, to), that also concerns what an upload has brought or will bring. */
struct index_cut {
    uint32_t from, to;
};
/* Adds one to a list of at most INDEX_CUTS_MAX: what touches becomes one; when there are too many to tell
 * apart, what lies between them goes too. False: it was in there. */
bool index_cut_add(struct index_cut *cuts, size_t *count, uint32_t from, uint32_t to);

/* What a deletion did; with `more`, call again. */
struct index_removed {
    uint64_t reels, segments, bytes, events;
    bool more;
};

struct index_usage {
    uint64_t bytes; /* reels, events and objects */
    uint64_t reels;
    uint64_t quota_bytes; /* 0: none */
};

/* Where a sweep over all cameras stands. Zero-initialised is its start. */
struct index_sweep {
    uint64_t at;
};

/* Visitors return other than ERR_OK to stop, and that is what the operation returns. Pointers are borrowed.
 */
typedef err (*index_object_visit)(void *arg, const struct object_info *object);
typedef err (*index_camera_visit)(void *arg, const struct camera_info *camera);
typedef err (*index_capability_visit)(void *arg, const struct capability *capability);
typedef err (*index_succession_visit)(void *arg, const struct index_succession *);
/* Without the box. */
typedef err (*index_grant_visit)(void *arg, const struct grant_row *row, const struct grant_bytes *bytes);
typedef err (*index_watch_visit)(void *arg, const struct index_watch *watch);
typedef err (*index_log_visit)(void *arg, const struct log_row *row);
/* A household that has told its keys, and the number of its next entry. */
typedef err (*index_log_key_visit)(void *arg, const struct store_id *household,
                                   const struct store_key *log_key, uint64_t next);
typedef err (*index_event_visit)(void *arg, uint64_t sequence, struct bytes event);
typedef err (*index_upload_visit)(void *arg, const struct index_upload *upload);
typedef err (*index_reel_visit)(void *arg, const struct reel_place *place, const struct reel_info *reel);
typedef err (*index_cut_visit)(void *arg, const struct reel_place *place, const struct store_id *reel);
typedef err (*index_name_visit)(void *arg, const struct store_id *name, uint32_t since);
typedef void (*index_report)(void *arg, const char *line);

struct index {
    const struct index_ops *ops;
};

struct index_ops {
    const char *name;              /* for messages: "sqlite", "memory" */
    void (*close)(struct index *); /* NULL is fine */
    err (*ping)(struct index *, struct diag *);

    /* --- the vault's own settings, by name: [a-z0-9_.-]{1,64} --- */
    err (*setting_get)(struct index *, const char *key, struct blob *out,
                       struct diag *); /* ERR_NOT_FOUND; replaces *out */
    err (*setting_put)(struct index *, const char *key, struct bytes value, struct diag *); /* ERR_LIMIT */
    /* Stores the value unless there is one, and gives what is stored: for secrets made at the first start,
     * when several nodes start at once. Replaces *out. */
    err (*setting_init)(struct index *, const char *key, struct bytes value, struct blob *out, struct diag *);

    /* --- households and their capabilities --- */
    /* With its first owner. ERR_EXISTS: that household or that key is there. */
    err (*household_create)(struct index *, const struct store_id *household, const struct store_key *owner,
                            uint64_t quota_bytes, struct diag *);
    err (*household_count)(struct index *, uint64_t *out, struct diag *);
    err (*household_set_quota)(struct index *, const struct store_id *household, uint64_t quota_bytes,
                               struct diag *); /* ERR_NOT_FOUND */
    err (*usage)(struct index *, const struct store_id *household, struct index_usage *out,
                 struct diag *); /* ERR_NOT_FOUND */
    /* ERR_EXISTS (whosever it is), ERR_NOT_FOUND (household), ERR_LIMIT. */
    err (*capability_add)(struct index *, const struct capability *capability, struct diag *);
    err (*capability_get)(struct index *, const struct store_key *key, struct capability *out,
                          struct diag *); /* ERR_NOT_FOUND */
    /* ERR_NOT_FOUND: none of that household; ERR_DENIED: it is the last owner. */
    err (*capability_remove)(struct index *, const struct store_id *household, const struct store_key *key,
                             struct diag *);
    err (*capability_list)(struct index *, const struct store_id *household, index_capability_visit,
                           void *arg, struct diag *);
    /* When a hub was seen last; need not survive a crash. ERR_NOT_FOUND. */
    err (*capability_seen)(struct index *, const struct store_key *key, uint32_t slot, struct diag *);

    /* ERR_NOT_FOUND: no such household, or it has told none yet. */
    err (*household_keys_get)(struct index *, const struct store_id *household, struct index_household *out,
                              struct diag *);
    /* Once: the same again is ERR_OK, others ERR_EXISTS. ERR_NOT_FOUND (household). */
    err (*household_keys_put)(struct index *, const struct store_id *household,
                              const struct index_household *keys, struct diag *);
    /* Keeps the statement, and makes the keys that it names those of the household; s->logged is not read.
     * The last one again is ERR_OK. ERR_NOT_FOUND: no such household, or it has told no keys. ERR_CONFLICT:
     * its key is not s->former, or the next number is another. ERR_LIMIT: a number, or a statement, too
     * large. */
    err (*household_succeed)(struct index *, const struct store_id *household,
                             const struct index_succession *s, struct diag *);
    /* Oldest first; `former` is zeros. */
    err (*household_successions)(struct index *, const struct store_id *household, index_succession_visit,
                                 void *arg, struct diag *);
    /* ERR_NOT_FOUND. */
    err (*household_succession_logged)(struct index *, const struct store_id *household, uint32_t n,
                                       struct diag *);

    /* --- whose the access log's entries are: derived from the log, never from elsewhere, and so not durable
     * when these return --- */
    /* Adds rows, and says that every entry below `mapped` has its row now. What is there already stays. */
    err (*log_map)(struct index *, const struct log_row *rows, size_t count, uint64_t mapped, struct diag *);
    err (*log_mapped)(struct index *, uint64_t *mapped, struct diag *);
    /* Drops the rows of entries from `size` on, which the log does not have (it is older than this index). */
    err (*log_unmap)(struct index *, uint64_t size, struct diag *);
    /* The household's, from n on, ascending, at most `max`. */
    err (*log_rows)(struct index *, const struct store_id *household, uint64_t n, uint32_t max,
                    index_log_visit, void *arg, struct diag *);
    err (*log_next)(struct index *, const struct store_id *household, uint64_t *n, struct diag *);
    /* Every household that has told its keys. */
    err (*log_keys)(struct index *, index_log_key_visit, void *arg, struct diag *);

    /* --- grants --- */
    /* A new one; uses, last_use, revoked and closed are taken as zero. ERR_EXISTS: the id is in use, by
     * whomever. ERR_NOT_FOUND (household), ERR_LIMIT (too many, or too large). */
    err (*grant_add)(struct index *, const struct grant_row *row, const struct grant_bytes *bytes,
                     struct diag *);
    /* The same grant with other bytes (but the revocation) and row->expires, row->views; an empty note leaves
     * the old one. ERR_NOT_FOUND: none of that household; ERR_DENIED: it is revoked; ERR_CONFLICT: its
     * statement is not `replaces` any more; ERR_LIMIT. */
    err (*grant_replace)(struct index *, const struct grant_row *row, struct bytes replaces,
                         const struct grant_bytes *bytes, struct diag *);
    /* `household` NULL: whosever it is. Replaces *blobs (NULL: not wanted; `box`: with it). ERR_NOT_FOUND. */
    err (*grant_get)(struct index *, const struct store_id *household, const struct store_id *grant, bool box,
                     struct grant_row *out, struct grant_blobs *blobs, struct diag *);
    /* By ascending `created`. */
    err (*grant_list)(struct index *, const struct store_id *household, index_grant_visit, void *arg,
                      struct diag *);
    err (*grant_count)(struct index *, const struct store_id *household, uint64_t *out, struct diag *);
    /* Counts an opening, and gives the row as it is then. ERR_NOT_FOUND; ERR_DENIED: revoked, or all views
     * are used up. */
    err (*grant_used)(struct index *, const struct store_id *grant, uint32_t now, struct grant_row *out,
                      struct diag *);
    /* Once. ERR_EXISTS: it is revoked already; ERR_NOT_FOUND: none of that household. */
    err (*grant_revoke)(struct index *, const struct store_id *household, const struct store_id *grant,
                        struct bytes revocation, uint32_t now, struct diag *);
    /* Forgets it. ERR_NOT_FOUND: none of that household; ERR_DENIED: it is neither revoked nor expired. */
    err (*grant_remove)(struct index *, const struct store_id *household, const struct store_id *grant,
                        uint32_t now, struct diag *);
    /* Those that were revoked or have expired, and are not closed, always in the same order: `skip` of them
     * are passed over, and at most `max` come then. Without bytes. */
    err (*grant_due)(struct index *, uint32_t now, uint32_t skip, uint32_t max, index_grant_visit, void *arg,
                     struct diag *);
    /* That it has ended is in the access log. ERR_NOT_FOUND. */
    err (*grant_close)(struct index *, const struct store_id *grant, struct diag *);

    /* --- live views that run: what is left of one that a vault did not see the end of --- */
    /* ERR_EXISTS, ERR_NOT_FOUND (household), ERR_LIMIT (act). */
    err (*watch_add)(struct index *, const struct index_watch *watch, struct diag *);
    /* They were still running then; one that is not there is passed over. Need not survive a crash of the
     * machine. */
    err (*watch_seen)(struct index *, const struct store_id *watches, size_t count, uint32_t now,
                      struct diag *);
    /* Of every node, those after `after` (NULL: all), ascending, at most `max`. */
    err (*watch_list)(struct index *, const struct store_id *after, uint32_t max, index_watch_visit,
                      void *arg, struct diag *);
    /* What was that node's is another's from here on: of two that want it, one gets it. *count (may be NULL)
     * is how many. */
    err (*watch_adopt)(struct index *, const struct store_id *from, const struct store_id *to,
                       uint64_t *count, struct diag *);
    err (*watch_remove)(struct index *, const struct store_id *watch, struct diag *); /* ERR_NOT_FOUND */

    /* --- objects: key is 1 to INDEX_OBJECT_KEY_CHARS of a-z0-9/-, else ERR_INVALID --- */
    err (*object_list)(struct index *, const struct store_id *household, const char *prefix,
                       index_object_visit, void *arg, struct diag *);
    /* Replaces *out. ERR_NOT_FOUND. */
    err (*object_get)(struct index *, const struct store_id *household, const char *key, uint64_t *version,
                      struct blob *out, struct diag *);
    /* `replaces` is the version that is stored, 0 for none; stores it as replaces + 1.
     * ERR_CONFLICT: it is another, in *current (0: none). ERR_NOT_FOUND (household), ERR_LIMIT. */
    err (*object_put)(struct index *, const struct store_id *household, const char *key, uint64_t replaces,
                      struct bytes value, uint64_t *current, struct diag *);
    err (*object_remove)(struct index *, const struct store_id *household, const char *key,
                         struct diag *); /* ERR_NOT_FOUND */

    /* --- cameras (streams); one comes to be with its first reel, event or retention --- */
    err (*camera_list)(struct index *, const struct store_id *household, index_camera_visit, void *arg,
                       struct diag *);
    err (*camera_get)(struct index *, const struct store_id *household, const struct store_id *camera,
                      struct camera_info *out, struct diag *); /* ERR_NOT_FOUND */
    /* `lengthen`: only if it has never been set, or becomes no shorter (0 days are the longest), else
     * ERR_DENIED. ERR_NOT_FOUND (household), ERR_LIMIT. */
    err (*camera_set_retention)(struct index *, const struct store_id *household,
                                const struct store_id *camera, uint32_t days, bool lengthen, struct diag *);
    /* Its uploads, at most max_reels reels (with events among them), and once those are gone its objects and
     * itself. Call again while `more`. ERR_NOT_FOUND. */
    err (*camera_remove)(struct index *, const struct reel_place *camera, uint32_t max_reels, uint32_t now,
                         struct index_removed *out, struct diag *);

    /* --- reels --- */
    /* Announces an upload, before the blob store hears of the name. The same again is ERR_OK (the upload goes
     * on). ERR_EXISTS    committed, by this household and camera (reel_get tells) ERR_CONFLICT  the name is
     * in use for something else     ERR_NOT_FOUND  household ERR_LIMIT     too many uploads or cameras
     * ERR_NO_SPACE  the quota is used up */
    err (*reel_begin)(struct index *, const struct index_upload *upload, struct diag *);
    err (*upload_get)(struct index *, const struct store_id *household, const struct store_id *reel,
                      struct index_upload *out, struct diag *); /* ERR_NOT_FOUND */
    /* All uploads begun before `before`, of every household. */
    err (*upload_list)(struct index *, uint32_t before, index_upload_visit, void *arg, struct diag *);
    /* Gives an upload up: its name becomes garbage. ERR_NOT_FOUND. */
    err (*upload_drop)(struct index *, const struct store_id *household, const struct store_id *reel,
                       uint32_t now, struct diag *);
    /* Turns the upload into a reel, whose blob is durable. Unless NULL, *replaces is a reel of the same
     * camera that becomes garbage in the same transaction (an edge of a deleted range). ERR_EXISTS committed
     * already: nothing changed     ERR_NOT_FOUND  no such upload ERR_CONFLICT   *replaces is gone: nothing
     * changed     ERR_INVALID    slots, segments or table ERR_NO_SPACE   the quota is used up (never when it
     * replaces) */
    err (*reel_commit)(struct index *, const struct store_id *household, const struct reel_info *reel,
                       const struct store_id *replaces, uint32_t now, struct diag *);
    /* Replaces *table (NULL: not wanted); out->table points into it. ERR_NOT_FOUND: not of that household. */
    err (*reel_get)(struct index *, const struct store_id *household, const struct store_id *reel,
                    struct reel_place *place, struct reel_info *out, struct blob *table, struct diag *);
    /* The reels that touch [from, to), at most max of them. Replaces *out. A camera that is not known has
     * none. */
    err (*timeline)(struct index *, const struct reel_place *camera, uint32_t from, uint32_t to, uint32_t max,
                    bool tables, struct timeline *out, struct diag *);

    /* --- deletion by range, in batches of at most max_reels reels; what is removed becomes garbage --- */
    /* The reels that touch [from, to) without lying within it, with tables: the caller writes what remains of
     * each as a new reel (reel_begin … reel_commit with replaces; when nothing remains, reel_remove).
     * Replaces *out. */
    err (*range_edges)(struct index *, const struct reel_place *camera, uint32_t from, uint32_t to,
                       struct timeline *out, struct diag *);
    /* The reels that lie within [from, to), and then the events whose slot does. */
    err (*range_remove)(struct index *, const struct reel_place *camera, uint32_t from, uint32_t to,
                        uint32_t max_reels, uint32_t now, struct index_removed *out, struct diag *);
    err (*reel_remove)(struct index *, const struct store_id *household, const struct store_id *reel,
                       uint32_t now, struct diag *); /* ERR_NOT_FOUND */
    /* Writes [from, to) down with every upload of the camera as it is now, since reels that are on their way
     * are in no row yet. A cut stays with its reel's name until cuts_done, through crash and commit (which
     * narrows it to the reel's own slots); it goes with an upload that is given up and with its camera. */
    err (*range_cut)(struct index *, const struct reel_place *camera, uint32_t from, uint32_t to,
                     struct diag *);
    /* The cuts of that name, ascending; none when it is not known. *count is at most INDEX_CUTS_MAX. */
    err (*cuts_get)(struct index *, const struct store_id *household, const struct store_id *reel,
                    struct index_cut cuts[INDEX_CUTS_MAX], size_t *count, struct diag *);
    /* They have been applied. */
    err (*cuts_done)(struct index *, const struct store_id *household, const struct store_id *reel,
                     struct diag *);
    /* The names with cuts that are uploads no more: what is to be applied now. */
    err (*cuts_due)(struct index *, index_cut_visit, void *arg, struct diag *);
    /* What every camera's retention has outlived: reels and events that ended retention_days before `now`.
     * Starts with a zeroed *sweep; `more` says to call again with the same. */
    err (*retention_sweep)(struct index *, struct index_sweep *sweep, uint32_t now, uint32_t max_reels,
                           struct index_removed *out, struct diag *);

    /* --- garbage: names whose blobs are to be removed, then forgotten --- */
    /* At most `max`; oldest entries first. `since` is when it became garbage. */
    err (*garbage_list)(struct index *, uint32_t max, index_name_visit, void *arg, struct diag *);
    /* Forgets names whose blobs are gone. Need not survive a crash: removing twice does no harm. */
    err (*garbage_done)(struct index *, const struct store_id *names, size_t count, struct diag *);

    /* --- events, and pictures of events --- */
    /* Stores one; the same id of that camera again gives the sequence it has (ERR_OK). Sequences rise from 1,
     * and are never used twice, within a camera. Pictures count and are removed as events are, but no list
     * has them. ERR_NOT_FOUND (household), ERR_LIMIT, ERR_NO_SPACE (quota). */
    err (*event_add)(struct index *, const struct reel_place *camera, uint32_t slot,
                     const struct store_id *event_id, bool picture, struct bytes event, uint64_t *sequence,
                     struct diag *);
    /* The event or picture with that id, of that day. Replaces *out. ERR_NOT_FOUND. */
    err (*event_get)(struct index *, const struct reel_place *camera, uint32_t day,
                     const struct store_id *event_id, struct blob *out, struct diag *);
    /* Of the day, the events after sequence `after`, ascending, at most `max`. */
    err (*event_list)(struct index *, const struct reel_place *camera, uint32_t day, uint64_t after,
                      uint32_t max, index_event_visit, void *arg, struct diag *);

    /* --- pairing --- */
    /* ERR_EXISTS, ERR_LIMIT. */
    err (*pairing_put)(struct index *, const struct store_id *id, struct bytes announcement, uint32_t expires,
                       struct diag *);
    /* Replaces *announcement and *answer (empty when there is none yet; either may be NULL).
     * ERR_NOT_FOUND: also when it has expired. */
    err (*pairing_get)(struct index *, const struct store_id *id, uint32_t now, struct blob *announcement,
                       struct blob *answer, struct diag *);
    /* Once. ERR_EXISTS: it is answered; ERR_NOT_FOUND, ERR_LIMIT. */
    err (*pairing_answer)(struct index *, const struct store_id *id, uint32_t now, struct bytes answer,
                          struct diag *);
    err (*pairing_sweep)(struct index *, uint32_t now, struct diag *); /* forgets what has expired */

    /* --- for fsck and backup --- */
    /* Every reel whose name is >= *from (NULL: all) by ascending name, with its table when asked for. */
    err (*reel_scan)(struct index *, const struct store_id *from, bool tables, index_reel_visit, void *arg,
                     struct diag *);
    /* Names that no row knows are kept with the slot of their first sighting, so that they are removed only
     * when they were seen a day apart. *since is the first sighting. Makes garbage of it with `collect`. */
    err (*stray_seen)(struct index *, const struct store_id *name, uint32_t now, bool collect,
                      uint32_t *since, struct diag *);
    /* Is the name known, in a reel, an upload or the garbage? ERR_NOT_FOUND when not. */
    err (*name_known)(struct index *, const struct store_id *name, struct diag *);
    /* Checks what must agree within the index (counters, names, the engine's own check); says each fault to
     * `report`, and mends what can be when asked. *faults counts them. */
    err (*check)(struct index *, bool mend, index_report report, void *arg, uint64_t *faults, struct diag *);
    /* A consistent copy in a new file, while others write. ERR_EXISTS, ERR_NO_SPACE, ERR_UNSUPPORTED. */
    err (*copy)(struct index *, const char *path, struct diag *);
};

/* `path` is made if missing, and brought to this build's schema. ERR_UNSUPPORTED: a newer build wrote it. */
err index_sqlite_open(const char *path, struct index **out, struct diag *d) CHECKED;
err index_memory_open(struct index **out, struct diag *d) CHECKED; /* for tests */
void index_release(struct index **index);                          /* for AUTO */

#endif
