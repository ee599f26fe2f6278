/* index_memory.h: the parts of the index in memory among themselves. */
#ifndef CARDEA_STORE_INDEX_MEMORY_H
#define CARDEA_STORE_INDEX_MEMORY_H

#include <pthread.h>

#include "store/index_common.h"

enum state { STATE_UPLOAD, STATE_REEL, STATE_GARBAGE, STATE_STRAY };

/* Owns its items; each begins with nothing in common but how it is freed. */
struct list {
    void **items;
    size_t count, room;
};

struct setting {
    char key[65];
    struct blob value;
};
struct household {
    struct store_id id;
    uint64_t quota_bytes;
    bool has_keys;
    struct index_household keys;
    struct {
        struct store_key sign, box;
        size_t len;
        uint8_t statement[INDEX_SUCCESSION_MAX_BYTES];
        bool logged;
    } successions[INDEX_SUCCESSIONS_MAX];
    uint32_t succession_count;
};
struct grant {
    struct grant_row row;
    struct grant_blobs blobs;
};
struct object {
    struct store_id household;
    char key[INDEX_OBJECT_KEY_CHARS + 1];
    uint64_t version;
    struct blob value;
};
struct camera {
    struct reel_place place;
    uint32_t retention_days;
    bool retention_set;
    uint64_t next_event;
};
struct name {
    struct reel_info reel; /* its name; the rest of a reel only */
    enum state state;
    struct camera *camera; /* of uploads and reels */
    uint32_t at, epoch;
    struct blob table;
};
struct cuts {
    struct store_id name;
    struct camera *camera;
    struct index_cut list[INDEX_CUTS_MAX];
    size_t count;
};
struct event {
    struct camera *camera;
    uint64_t sequence;
    uint32_t slot;
    struct store_id id;
    bool picture;
    struct blob value;
};
struct pairing {
    struct store_id id;
    struct blob announcement, answer;
    bool answered;
    uint32_t expires;
};
struct watch {
    struct index_watch row; /* `act` is in the blob */
    struct blob act;
};

struct memory {
    struct index index;
    pthread_mutex_t lock;
    struct list settings, households, capabilities, objects, cameras, names, cuts, events, pairings, grants,
        watches, log_rows;
    uint64_t log_mapped;
};

#define EACH(type, variable, list)                                                                           \
    for (size_t i_##variable = 0; i_##variable < (list).count; i_##variable++)                               \
        for (type *variable = (list).items[i_##variable]; variable; variable = NULL)

/* The lock is held between enter and leave; leave gives its second argument back. */
struct memory *mi_enter(struct index *index);
err mi_leave(struct memory *m, err e);
err mi_no_memory(struct diag *d);
/* Zeroed, and in the list; NULL: out of memory. */
void *mi_list_add(struct list *list, size_t size);
void mi_list_drop(struct list *list, void *item);
err mi_replace(struct blob *stored, struct bytes value, struct diag *d);
struct household *mi_household_find(struct memory *m, const struct store_id *id);
err mi_no_household(struct diag *d);
struct camera *mi_camera_find(struct memory *m, const struct reel_place *place);
err mi_camera_need(struct memory *m, const struct reel_place *place, struct camera **out, struct diag *d);
struct name *mi_name_find(struct memory *m, const struct store_id *name);
struct name *mi_name_of(struct memory *m, const struct store_id *household, const struct store_id *name,
                        enum state state);
void mi_garbage_make(struct name *n, uint32_t now);
err mi_quota_check(struct memory *m, const struct store_id *household, uint64_t more, struct diag *d);
void mi_object_drop(struct memory *m, struct object *o);

/* index_memory_grant.c */
err mem_household_keys_get(struct index *index, const struct store_id *household, struct index_household *out,
                           struct diag *d);
err mem_household_keys_put(struct index *index, const struct store_id *household,
                           const struct index_household *keys, struct diag *d);
err mem_household_succeed(struct index *index, const struct store_id *household,
                          const struct index_succession *s, struct diag *d);
err mem_household_successions(struct index *index, const struct store_id *household,
                              index_succession_visit visit, void *arg, struct diag *d);
err mem_household_succession_logged(struct index *index, const struct store_id *household, uint32_t n,
                                    struct diag *d);
err mem_grant_add(struct index *index, const struct grant_row *row, const struct grant_bytes *bytes,
                  struct diag *d);
err mem_grant_replace(struct index *index, const struct grant_row *row, struct bytes replaces,
                      const struct grant_bytes *bytes, struct diag *d);
err mem_grant_get(struct index *index, const struct store_id *household, const struct store_id *grant,
                  bool box, struct grant_row *out, struct grant_blobs *blobs, struct diag *d);
err mem_grant_list(struct index *index, const struct store_id *household, index_grant_visit visit, void *arg,
                   struct diag *d);
err mem_grant_count(struct index *index, const struct store_id *household, uint64_t *out, struct diag *d);
err mem_grant_used(struct index *index, const struct store_id *grant, uint32_t now, struct grant_row *out,
                   struct diag *d);
err mem_grant_revoke(struct index *index, const struct store_id *household, const struct store_id *grant,
                     struct bytes revocation, uint32_t now, struct diag *d);
err mem_grant_remove(struct index *index, const struct store_id *household, const struct store_id *grant,
                     uint32_t now, struct diag *d);
err mem_grant_due(struct index *index, uint32_t now, uint32_t skip, uint32_t max, index_grant_visit visit,
                  void *arg, struct diag *d);
err mem_grant_close(struct index *index, const struct store_id *grant, struct diag *d);

/* index_memory_log.c */
err mem_log_map(struct index *index, const struct log_row *rows, size_t count, uint64_t mapped,
                struct diag *d);
err mem_log_mapped(struct index *index, uint64_t *mapped, struct diag *d);
err mem_log_unmap(struct index *index, uint64_t size, struct diag *d);
err mem_log_rows(struct index *index, const struct store_id *household, uint64_t n, uint32_t max,
                 index_log_visit visit, void *arg, struct diag *d);
err mem_log_next(struct index *index, const struct store_id *household, uint64_t *n, struct diag *d);
err mem_log_keys(struct index *index, index_log_key_visit visit, void *arg, struct diag *d);

/* index_memory_reel.c */
err mem_camera_list(struct index *index, const struct store_id *household, index_camera_visit visit,
                    void *arg, struct diag *d);
err mem_camera_get(struct index *index, const struct store_id *household, const struct store_id *camera,
                   struct camera_info *out, struct diag *d);
err mem_camera_set_retention(struct index *index, const struct store_id *household,
                             const struct store_id *camera, uint32_t days, bool lengthen, struct diag *d);
err mem_reel_begin(struct index *index, const struct index_upload *upload, struct diag *d);
err mem_upload_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                   struct index_upload *out, struct diag *d);
err mem_upload_list(struct index *index, uint32_t before, index_upload_visit visit, void *arg,
                    struct diag *d);
err mem_upload_drop(struct index *index, const struct store_id *household, const struct store_id *reel,
                    uint32_t now, struct diag *d);
err mem_reel_commit(struct index *index, const struct store_id *household, const struct reel_info *reel,
                    const struct store_id *replaces, uint32_t now, struct diag *d);
err mem_reel_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                 struct reel_place *place, struct reel_info *out, struct blob *table, struct diag *d);
err mem_list(struct memory *m, const struct reel_place *place, uint32_t from, uint32_t to, size_t max,
             bool tables, bool edges, struct timeline *out, struct diag *d);
err mem_timeline(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                 uint32_t max, bool tables, struct timeline *out, struct diag *d);
err mem_range_edges(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                    struct timeline *out, struct diag *d);
err mem_range_remove(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                     uint32_t max_reels, uint32_t now, struct index_removed *out, struct diag *d);
err mem_reel_remove(struct index *index, const struct store_id *household, const struct store_id *reel,
                    uint32_t now, struct diag *d);
err mem_range_cut(struct index *index, const struct reel_place *camera, uint32_t from, uint32_t to,
                  struct diag *d);
err mem_cuts_get(struct index *index, const struct store_id *household, const struct store_id *reel,
                 struct index_cut cuts[INDEX_CUTS_MAX], size_t *count, struct diag *d);
err mem_cuts_done(struct index *index, const struct store_id *household, const struct store_id *reel,
                  struct diag *d);
err mem_cuts_due(struct index *index, index_cut_visit visit, void *arg, struct diag *d);
err mem_camera_remove(struct index *index, const struct reel_place *camera, uint32_t max_reels, uint32_t now,
                      struct index_removed *out, struct diag *d);
err mem_retention_sweep(struct index *index, struct index_sweep *sweep, uint32_t now, uint32_t max_reels,
                        struct index_removed *out, struct diag *d);
err mem_garbage_list(struct index *index, uint32_t max, index_name_visit visit, void *arg, struct diag *d);
err mem_garbage_done(struct index *index, const struct store_id *names, size_t count, struct diag *d);
err mem_stray_seen(struct index *index, const struct store_id *name, uint32_t now, bool collect,
                   uint32_t *since, struct diag *d);
err mem_name_known(struct index *index, const struct store_id *name, struct diag *d);
err mem_reel_scan(struct index *index, const struct store_id *from, bool tables, index_reel_visit visit,
                  void *arg, struct diag *d);
err mem_event_add(struct index *index, const struct reel_place *camera, uint32_t slot,
                  const struct store_id *event_id, bool picture, struct bytes event, uint64_t *sequence,
                  struct diag *d);
err mem_event_get(struct index *index, const struct reel_place *camera, uint32_t day,
                  const struct store_id *event_id, struct blob *out, struct diag *d);
err mem_event_list(struct index *index, const struct reel_place *camera, uint32_t day, uint64_t after,
                   uint32_t max, index_event_visit visit, void *arg, struct diag *d);
err mem_pairing_put(struct index *index, const struct store_id *id, struct bytes announcement,
                    uint32_t expires, struct diag *d);
err mem_pairing_get(struct index *index, const struct store_id *id, uint32_t now, struct blob *announcement,
                    struct blob *answer, struct diag *d);
err mem_pairing_answer(struct index *index, const struct store_id *id, uint32_t now, struct bytes answer,
                       struct diag *d);
err mem_pairing_sweep(struct index *index, uint32_t now, struct diag *d);

/* index_memory_watch.c */
err mem_watch_add(struct index *index, const struct index_watch *watch, struct diag *d);
err mem_watch_seen(struct index *index, const struct store_id *watches, size_t count, uint32_t now,
                   struct diag *d);
err mem_watch_list(struct index *index, const struct store_id *after, uint32_t max, index_watch_visit visit,
                   void *arg, struct diag *d);
err mem_watch_adopt(struct index *index, const struct store_id *from, const struct store_id *to,
                    uint64_t *count, struct diag *d);
err mem_watch_remove(struct index *index, const struct store_id *watch, struct diag *d);

#endif
