/* grants.h: what an owner's device does with grants: issues, lists, ends and tends them (docs/trust.md, "One
 * statement, two enforcers"). Threads: one. */
#ifndef CARDEA_CLIENT_GRANTS_H
#define CARDEA_CLIENT_GRANTS_H

#include "client/camera.h"
#include "format/grant_about.h"
#include "format/link.h"

#define GRANTS_FOREVER ((uint64_t)UINT32_MAX) /* `to` and `expires` of a member */
#define GRANT_NOTE_MAX_BYTES 4096u
#define GRANT_EPOCH_WAIT_S 30

/* What is to be granted, and to whom. Pointers are borrowed. */
struct grant_wish {
    const uint8_t *id; /* NULL: a fresh one */
    const uint8_t *grantee, *grantee_sign;
    enum grant_purpose purpose;
    enum grant_role role;
    const char *ticket;      /* or NULL */
    struct camera **cameras; /* main streams; their substreams go with them */
    size_t camera_count;
    uint64_t from, to, not_before, expires;
    bool live, may_export, witnessed; /* witnessed: by one of the household's hubs */
    uint32_t views;
    const char *words;                    /* for the grantee, or NULL */
    const char *name;                     /* for whom, as the owner calls them: in the note alone; or NULL */
    const struct grant_statement *within; /* issued again: no wider than this; or NULL */
    const struct link *link;              /* what the note keeps, so that it can be shown again; or NULL */
};

/* Issues it, and tells the vault. *id is filled.
 *   ERR_NOT_FOUND    there are no keys of that time: it was deleted, or not recorded
 *   ERR_UNSUPPORTED  the vault keeps no log     ERR_FORGED  its log is not the one this household pinned */
err grants_issue(struct client *c, struct camera_list *all, const struct grant_wish *wish,
                 uint8_t id[GRANT_ID_BYTES], struct diag *d) CHECKED;

/* A fresh link, and the grant that it opens: `wish` says the rest. `vault` is where people find it. */
err grants_share(struct client *c, struct camera_list *all, const struct grant_wish *wish,
                 struct bytes password, const char *vault, char out[LINK_TEXT_BYTES],
                 uint8_t id[GRANT_ID_BYTES], struct diag *d) CHECKED;

#define GRANT_HASH_BYTES 16

enum grant_state {
    GRANT_STATE_ACTIVE,
    GRANT_STATE_LATER,
    GRANT_STATE_EXPIRED,
    GRANT_STATE_REVOKED,
    GRANT_STATE_USED
};
extern const char *const grant_states[];

/* One that was granted. */
struct grant_item {
    struct grant_statement statement;
    enum grant_state state;
    bool former; /* signed by a former key of the household: an owner revokes it, or lets be */
    uint8_t hash[GRANT_HASH_BYTES]; /* of its statement, as it is signed */
    uint64_t uses, entry;
    uint64_t last_use, revoked; /* slots; 0: never */
    json_t *note;               /* owned; NULL: there is none that opens */
    json_t *active;             /* owned: what is watched now, [{"camera","live","since"}] */
};
struct grant_list {
    struct grant_item *items;
    size_t count;
};
void grant_list_clear(struct grant_list *l);
/* A text of the note, or "". */
const char *grant_item_text(const struct grant_item *g, const char *name);

/* Newest first. ERR_FORGED: the vault lists one that this household did not make. */
err grants_read(struct client *c, struct grant_list *out, struct diag *d) CHECKED;
/* By id or a beginning of one, of at least four digits, that only one has. ERR_NOT_FOUND: d says what to do.
 */
err grants_find(struct grant_list *l, const char *id, struct grant_item **out, struct diag *d) CHECKED;

/* Told what is being done, for a person; may be NULL. */
typedef void grants_progress_fn(void *context, const char *what);
struct grants_progress {
    grants_progress_fn *say;
    void *context;
};

struct grants_ended {
    size_t rekeyed; /* cameras that have fresh keys */
    size_t failed;  /* those that have not; d of the last is kept in `why` */
    struct diag why;
    size_t tended;       /* grants of others that were issued again */
    bool reached_beyond; /* the grant reached beyond now, so there was something to re-key */
    /* Of a succession of the household's keys: what it left, for a person to see to. */
    struct {
        size_t objects; /* by a former key, and not known to this device: not taken over */
        size_t grants;  /* likewise; lists show them */
        size_t owners;  /* whose box is not known: they are to be invited again */
        size_t failed;  /* grants that could not be issued again; `why` says of the last */
        struct diag why;
    } left;
};
/* Ends it at the vault, which is at once; then, if its keys reach beyond now, has the hubs begin a new epoch
 * of its cameras and tends all other grants. What of that could not be done is in *out and no error: the
 * vault has ended it all the same. */
err grants_revoke(struct client *c, struct camera_list *all, const struct grant_item *g,
                  const struct grants_progress *progress, struct grants_ended *out, struct diag *d) CHECKED;
/* The second half alone: fresh keys of these cameras, and tending. */
err grants_rekey(struct client *c, struct camera_list *all, const struct grant_statement *s,
                 const struct grants_progress *progress, struct grants_ended *out, struct diag *d) CHECKED;

/* Issues again what reaches beyond now and lacks the keys of an epoch or, of role member, a camera. */
err grants_tend(struct client *c, struct camera_list *all, size_t *tended, struct diag *d) CHECKED;

#endif
