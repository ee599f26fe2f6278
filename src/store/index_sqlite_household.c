#include <stdio.h>

#include "store/index_sqlite.h"

err in_household_exists(struct db_conn *conn, const struct store_id *household, struct diag *d) {
    uint64_t one;
    err e = db_number(conn, "SELECT 1 FROM households WHERE household=?1", BIND(v_id(household)), &one, d);
    return e == ERR_NOT_FOUND ? diag_fail(d, e, "there is no such household") : e;
}

static err in_capability_insert(struct db_conn *conn, const struct capability *c, struct diag *d) {
    uint64_t one;
    err e = db_number(conn, "SELECT 1 FROM capabilities WHERE key=?1", BIND(v_key(&c->key)), &one, d);
    if (!e) return diag_fail(d, ERR_EXISTS, "this capability is registered already");
    if (e != ERR_NOT_FOUND) return e;
    return db_run(conn, "INSERT INTO capabilities VALUES(?1, ?2, ?3, ?4, ?5)",
                  BIND(v_key(&c->key), v_id(&c->household), v_int(c->role), v_id(&c->hub), v_int(c->seen)),
                  NULL, d);
}

static err in_household_create(struct db_conn *conn, const struct store_id *household,
                               const struct store_key *owner, uint64_t quota_bytes, struct diag *d) {
    err e = in_household_exists(conn, household, NULL);
    if (!e) return diag_fail(d, ERR_EXISTS, "this household exists already");
    if (e != ERR_NOT_FOUND) return e;
    e = db_run(conn, "INSERT INTO households(household, quota) VALUES(?1, ?2)",
               BIND(v_id(household), v_int(quota_bytes)), NULL, d);
    struct capability c = {.key = *owner, .household = *household, .role = CAPABILITY_ROLE_OWNER};
    return e ? e : in_capability_insert(conn, &c, d);
}

err sq_household_create(struct index *index, const struct store_id *household, const struct store_key *owner,
                        uint64_t quota_bytes, struct diag *d) {
    IN_WRITE(index, d, in_household_create(conn, household, owner, quota_bytes, d));
}

err sq_household_count(struct index *index, uint64_t *out, struct diag *d) {
    IN_READ(index, d, db_number(conn, "SELECT count(*) FROM households", NULL, 0, out, d));
}

static err in_household_set_quota(struct db_conn *conn, const struct store_id *household,
                                  uint64_t quota_bytes, struct diag *d) {
    uint64_t changes = 0;
    err e = db_run(conn, "UPDATE households SET quota=?2 WHERE household=?1",
                   BIND(v_id(household), v_int(quota_bytes)), &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_NOT_FOUND, "there is no such household");
    return e;
}

err sq_household_set_quota(struct index *index, const struct store_id *household, uint64_t quota_bytes,
                           struct diag *d) {
    IN_WRITE(index, d, in_household_set_quota(conn, household, quota_bytes, d));
}

static err in_usage(struct db_conn *conn, const struct store_id *household, struct index_usage *out,
                    struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(
        conn,
        "SELECT coalesce(sum(c.bytes + c.events_bytes), 0) + h.objects_bytes, coalesce(sum(c.reels), 0),"
        " h.quota FROM households h LEFT JOIN cameras c ON c.household=h.household WHERE h.household=?1"
        " GROUP BY h.household",
        BIND(v_id(household)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "there is no such household");
    if (e) return e;
    *out = (struct index_usage){column_u64(stmt, 0), column_u64(stmt, 1), column_u64(stmt, 2)};
    return ERR_OK;
}

err sq_usage(struct index *index, const struct store_id *household, struct index_usage *out, struct diag *d) {
    IN_READ(index, d, in_usage(conn, household, out, d));
}

err in_quota_check(struct db_conn *conn, const struct store_id *household, uint64_t more_bytes,
                   struct diag *d) {
    struct index_usage usage;
    err e = in_usage(conn, household, &usage, d);
    if (e || usage.quota_bytes == 0 || usage.bytes + more_bytes <= usage.quota_bytes) return e;
    return diag_fail(d, ERR_NO_SPACE, "the household's quota of %llu MiB is used up",
                     (unsigned long long)(usage.quota_bytes >> 20));
}

/* --- capabilities --- */

static err in_capability_add(struct db_conn *conn, const struct capability *c, struct diag *d) {
    uint64_t count = 0;
    err e = in_household_exists(conn, &c->household, d);
    if (!e)
        e = db_number(conn, "SELECT count(*) FROM capabilities WHERE household=?1", BIND(v_id(&c->household)),
                      &count, d);
    if (e) return e;
    if (count >= INDEX_CAPABILITIES_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u capabilities", INDEX_CAPABILITIES_MAX);
    return in_capability_insert(conn, c, d);
}

err sq_capability_add(struct index *index, const struct capability *capability, struct diag *d) {
    if (capability->role != CAPABILITY_ROLE_OWNER && capability->role != CAPABILITY_ROLE_WRITER)
        return diag_fail(d, ERR_INVALID, "a capability is an owner's or a writer's");
    IN_WRITE(index, d, in_capability_add(conn, capability, d));
}

static err capability_of(sqlite3_stmt *stmt, struct capability *out, struct diag *d) {
    struct capability c = {.role = (enum capability_role)column_u32(stmt, 2), .seen = column_u32(stmt, 4)};
    err e = column_copy(stmt, 0, c.key.bytes, STORE_KEY_BYTES, d);
    if (!e) e = column_copy(stmt, 1, c.household.bytes, STORE_ID_BYTES, d);
    if (!e) e = column_copy(stmt, 3, c.hub.bytes, STORE_ID_BYTES, d);
    if (!e) *out = c;
    return e;
}

static err in_capability_get(struct db_conn *conn, const struct store_key *key, struct capability *out,
                             struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn, "SELECT key, household, role, hub, seen FROM capabilities WHERE key=?1",
                     BIND(v_key(key)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "this capability is not registered");
    return e ? e : capability_of(stmt, out, d);
}

err sq_capability_get(struct index *index, const struct store_key *key, struct capability *out,
                      struct diag *d) {
    IN_READ(index, d, in_capability_get(conn, key, out, d));
}

static err in_capability_remove(struct db_conn *conn, const struct store_id *household,
                                const struct store_key *key, struct diag *d) {
    struct capability c;
    uint64_t owners = 0;
    err e = in_capability_get(conn, key, &c, d);
    if (!e && !store_id_equal(&c.household, household))
        e = diag_fail(d, ERR_NOT_FOUND, "this capability is not registered");
    if (!e)
        e = db_number(conn, "SELECT count(*) FROM capabilities WHERE household=?1 AND role=1",
                      BIND(v_id(household)), &owners, d);
    if (!e && c.role == CAPABILITY_ROLE_OWNER && owners <= 1)
        e = diag_fail(d, ERR_DENIED, "this is the household's last owner");
    return e ? e : db_run(conn, "DELETE FROM capabilities WHERE key=?1", BIND(v_key(key)), NULL, d);
}

err sq_capability_remove(struct index *index, const struct store_id *household, const struct store_key *key,
                         struct diag *d) {
    IN_WRITE(index, d, in_capability_remove(conn, household, key, d));
}

static err in_capability_list(struct db_conn *conn, const struct store_id *household,
                              index_capability_visit visit, void *arg, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = db_query(
        conn, "SELECT key, household, role, hub, seen FROM capabilities WHERE household=?1 ORDER BY key",
        BIND(v_id(household)), &stmt, d);
    while (!e) {
        struct capability c;
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        e = capability_of(stmt, &c, d);
        if (!e) e = visit(arg, &c);
    }
    return e;
}

err sq_capability_list(struct index *index, const struct store_id *household, index_capability_visit visit,
                       void *arg, struct diag *d) {
    IN_READ(index, d, in_capability_list(conn, household, visit, arg, d));
}

static err in_capability_seen(struct db_conn *conn, const struct store_key *key, uint32_t slot,
                              struct diag *d) {
    uint64_t changes = 0;
    err e = db_run(conn, "UPDATE capabilities SET seen=?2 WHERE key=?1", BIND(v_key(key), v_int(slot)),
                   &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_NOT_FOUND, "this capability is not registered");
    return e;
}

err sq_capability_seen(struct index *index, const struct store_key *key, uint32_t slot, struct diag *d) {
    IN_WRITE(index, d, in_capability_seen(conn, key, slot, d));
}

/* --- objects --- */

/* Keys that begin with the prefix are those from it to it followed by the last ASCII character. */
static void prefix_end(const char *prefix, char out[INDEX_OBJECT_KEY_CHARS + 2]) {
    snprintf(out, INDEX_OBJECT_KEY_CHARS + 2, "%s\x7f", prefix);
}

static err in_object_list(struct db_conn *conn, const struct store_id *household, const char *prefix,
                          index_object_visit visit, void *arg, struct diag *d) {
    char end[INDEX_OBJECT_KEY_CHARS + 2];
    prefix_end(prefix, end);
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = true;
    err e = db_query(
        conn,
        "SELECT key, version, bytes FROM objects WHERE household=?1 AND key>=?2 AND key<?3 ORDER BY key",
        BIND(v_id(household), v_text(prefix), v_text(end)), &stmt, d);
    while (!e) {
        e = db_step(conn, stmt, &row, d);
        if (e || !row) break;
        struct object_info o = {.version = column_u64(stmt, 1), .bytes = column_u64(stmt, 2)};
        snprintf(o.key, sizeof o.key, "%s", (const char *)sqlite3_column_text(stmt, 0));
        e = visit(arg, &o);
    }
    return e;
}

err sq_object_list(struct index *index, const struct store_id *household, const char *prefix,
                   index_object_visit visit, void *arg, struct diag *d) {
    err e = index_check_key(prefix, true, d);
    if (e) return e;
    IN_READ(index, d, in_object_list(conn, household, prefix, visit, arg, d));
}

static err in_object_get(struct db_conn *conn, const struct store_id *household, const char *key,
                         uint64_t *version, struct blob *out, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e = db_query(conn, "SELECT version, value FROM objects WHERE household=?1 AND key=?2",
                     BIND(v_id(household), v_text(key)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "there is no object %s", key);
    if (!e) e = column_blob(stmt, 1, out, d);
    if (!e) *version = column_u64(stmt, 0);
    return e;
}

err sq_object_get(struct index *index, const struct store_id *household, const char *key, uint64_t *version,
                  struct blob *out, struct diag *d) {
    err e = index_check_key(key, false, d);
    if (e) return e;
    IN_READ(index, d, in_object_get(conn, household, key, version, out, d));
}

static err in_objects_count(struct db_conn *conn, const struct store_id *household, struct diag *d) {
    return db_run(conn,
                  "UPDATE households SET (objects, objects_bytes) = (SELECT count(*), coalesce(sum(bytes), 0)"
                  " FROM objects WHERE household=?1) WHERE household=?1",
                  BIND(v_id(household)), NULL, d);
}

struct stored_object {
    uint64_t version, bytes; /* 0: none */
    uint64_t objects;
};

static err in_object_look(struct db_conn *conn, const struct store_id *household, const char *key,
                          struct stored_object *out, struct diag *d) {
    AUTO(db_finish) sqlite3_stmt *stmt = NULL;
    bool row = false;
    err e =
        db_query(conn,
                 "SELECT h.objects, coalesce(o.version, 0), coalesce(o.bytes, 0) FROM households h LEFT JOIN"
                 " objects o ON o.household=h.household AND o.key=?2 WHERE h.household=?1",
                 BIND(v_id(household), v_text(key)), &stmt, d);
    if (!e) e = db_step(conn, stmt, &row, d);
    if (!e && !row) e = diag_fail(d, ERR_NOT_FOUND, "there is no such household");
    if (e) return e;
    *out = (struct stored_object){
        .objects = column_u64(stmt, 0), .version = column_u64(stmt, 1), .bytes = column_u64(stmt, 2)};
    return ERR_OK;
}

static err in_object_put(struct db_conn *conn, const struct store_id *household, const char *key,
                         uint64_t replaces, struct bytes value, uint64_t *current, struct diag *d) {
    struct stored_object old;
    err e = in_object_look(conn, household, key, &old, d);
    if (e) return e;
    if (old.version != replaces) {
        *current = old.version;
        return diag_fail(d, ERR_CONFLICT, "the stored version of %s is %llu, not %llu", key,
                         (unsigned long long)old.version, (unsigned long long)replaces);
    }
    if (!old.version && old.objects >= INDEX_OBJECTS_MAX)
        return diag_fail(d, ERR_LIMIT, "a household has at most %u objects", INDEX_OBJECTS_MAX);
    if (value.len > old.bytes) e = in_quota_check(conn, household, value.len - old.bytes, d);
    if (!e)
        e = db_run(conn, "INSERT OR REPLACE INTO objects VALUES(?1, ?2, ?3, ?4, ?5)",
                   BIND(v_id(household), v_text(key), v_int(replaces + 1), v_int(value.len), v_bytes(value)),
                   NULL, d);
    if (!e)
        e = db_run(
            conn,
            "UPDATE households SET objects=objects+?2, objects_bytes=objects_bytes+?3-?4 WHERE household=?1",
            BIND(v_id(household), v_int(old.version ? 0 : 1), v_int(value.len), v_int(old.bytes)), NULL, d);
    return e;
}

err sq_object_put(struct index *index, const struct store_id *household, const char *key, uint64_t replaces,
                  struct bytes value, uint64_t *current, struct diag *d) {
    err e = index_check_key(key, false, d);
    if (!e) e = index_check_size("an object", value.len, INDEX_OBJECT_MAX_BYTES, d);
    if (e) return e;
    IN_WRITE(index, d, in_object_put(conn, household, key, replaces, value, current, d));
}

static err in_object_remove(struct db_conn *conn, const struct store_id *household, const char *key,
                            struct diag *d) {
    uint64_t changes = 0;
    err e = db_run(conn, "DELETE FROM objects WHERE household=?1 AND key=?2",
                   BIND(v_id(household), v_text(key)), &changes, d);
    if (!e && !changes) e = diag_fail(d, ERR_NOT_FOUND, "there is no object %s", key);
    return e ? e : in_objects_count(conn, household, d);
}

err sq_object_remove(struct index *index, const struct store_id *household, const char *key, struct diag *d) {
    err e = index_check_key(key, false, d);
    if (e) return e;
    IN_WRITE(index, d, in_object_remove(conn, household, key, d));
}

err in_objects_remove(struct db_conn *conn, const struct store_id *household, const char *prefix,
                      struct diag *d) {
    char end[INDEX_OBJECT_KEY_CHARS + 2];
    prefix_end(prefix, end);
    err e = db_run(conn, "DELETE FROM objects WHERE household=?1 AND key>=?2 AND key<?3",
                   BIND(v_id(household), v_text(prefix), v_text(end)), NULL, d);
    return e ? e : in_objects_count(conn, household, d);
}
