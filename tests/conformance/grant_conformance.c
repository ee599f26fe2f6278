/* Grants and a household's keys, in every driver of index.h. Usage: grant_conformance sqlite|memory */
#include "index_fixture.h"

#include <pthread.h>

static struct grant_row row_at(const struct fixture *f, uint32_t number) {
    return (struct grant_row){.grant = id_of(number),
                              .household = f->home,
                              .grantee = key_of(number),
                              .purpose = 2,
                              .created = NOW + number,
                              .expires = NOW + 1000,
                              .entry = 5 + number};
}

static const struct grant_bytes some = {.statement = {(const uint8_t *)"statement", 9},
                                        .box = {(const uint8_t *)"box", 3},
                                        .note = {(const uint8_t *)"note", 4}};

static void add(struct fixture *f, uint32_t number) {
    struct grant_row row = row_at(f, number);
    assert_ok(f->index->ops->grant_add(f->index, &row, &some, D));
}

static struct grant_row get(struct fixture *f, uint32_t number) {
    struct grant_row row = {0};
    struct store_id id = id_of(number);
    assert_ok(f->index->ops->grant_get(f->index, &f->home, &id, false, &row, NULL, D));
    return row;
}

static void test_household_keys(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct index_household keys = {key_of(1), key_of(2), key_of(3)}, got, other = keys;
    struct store_id nobody = id_of(99);
    assert_err(ops->household_keys_get(f->index, &f->home, &got, D), ERR_NOT_FOUND);
    assert_err(ops->household_keys_put(f->index, &nobody, &keys, D), ERR_NOT_FOUND);
    assert_ok(ops->household_keys_put(f->index, &f->home, &keys, D));
    assert_ok(ops->household_keys_put(f->index, &f->home, &keys, D));
    other.log_key = key_of(4);
    assert_err(ops->household_keys_put(f->index, &f->home, &other, D), ERR_EXISTS);
    assert_ok(ops->household_keys_get(f->index, &f->home, &got, D));
    assert_memory_equal(&got, &keys, sizeof keys);
    assert_err(ops->household_keys_get(f->index, &nobody, &got, D), ERR_NOT_FOUND);
}

struct kept {
    uint32_t count, logged;
    char last;
    struct store_key sign;
};

static err keep_one(void *arg, const struct index_succession *s) {
    struct kept *k = arg;
    assert_int_equal(s->n, ++k->count);
    k->logged += s->logged;
    k->last = (char)s->statement.data[s->statement.len - 1];
    k->sign = s->sign;
    return ERR_OK;
}

static struct kept kept_of(struct fixture *f) {
    struct kept k = {0};
    assert_ok(f->index->ops->household_successions(f->index, &f->home, keep_one, &k, D));
    return k;
}

static void test_succession(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct index_household keys = {key_of(1), key_of(2), key_of(3)}, got;
    struct index_succession s = {1, key_of(1), key_of(11), key_of(12), bytes_text("statement 1"), false};
    struct store_id nobody = id_of(99);
    assert_err(ops->household_succeed(f->index, &f->home, &s, D), ERR_NOT_FOUND); /* it has told no keys */
    assert_err(ops->household_successions(f->index, &nobody, keep_one, NULL, D), ERR_NOT_FOUND);
    assert_int_equal(kept_of(f).count, 0);
    assert_ok(ops->household_keys_put(f->index, &f->home, &keys, D));
    assert_err(ops->household_succeed(f->index, &nobody, &s, D), ERR_NOT_FOUND);
    s.n = 2;
    assert_err(ops->household_succeed(f->index, &f->home, &s, D), ERR_CONFLICT);
    s.n = 1, s.former = key_of(9);
    assert_err(ops->household_succeed(f->index, &f->home, &s, D), ERR_CONFLICT);
    s.former = key_of(1);
    assert_ok(ops->household_succeed(f->index, &f->home, &s, D));
    assert_ok(ops->household_succeed(f->index, &f->home, &s, D)); /* the same again */
    assert_ok(ops->household_keys_get(f->index, &f->home, &got, D));
    assert_memory_equal(&got.sign, &s.sign, sizeof got.sign);
    assert_memory_equal(&got.box, &s.box, sizeof got.box);
    assert_memory_equal(&got.log_key, &keys.log_key, sizeof got.log_key);
    s.statement = bytes_text("statement X");
    assert_err(ops->household_succeed(f->index, &f->home, &s, D), ERR_CONFLICT);   /* another first one */
    assert_err(ops->household_keys_put(f->index, &f->home, &keys, D), ERR_EXISTS); /* they went */
    assert_int_equal(kept_of(f).logged, 0);
    assert_ok(ops->household_succession_logged(f->index, &f->home, 1, D));
    assert_err(ops->household_succession_logged(f->index, &f->home, 2, D), ERR_NOT_FOUND);
    assert_int_equal(kept_of(f).logged, 1);
    assert_int_equal(kept_of(f).last, '1');
}

static void test_succession_limits(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    static const uint8_t large[INDEX_SUCCESSION_MAX_BYTES + 1];
    struct index_household keys = {key_of(1), key_of(2), key_of(3)};
    struct index_succession s = {.former = key_of(1), .statement = BYTES(large, INDEX_SUCCESSION_MAX_BYTES)};
    assert_ok(ops->household_keys_put(f->index, &f->home, &keys, D));
    for (s.n = 1; s.n <= INDEX_SUCCESSIONS_MAX; s.n++) {
        s.sign = s.box = key_of((uint8_t)(s.n + 100));
        assert_ok(ops->household_succeed(f->index, &f->home, &s, D));
        s.former = s.sign;
    }
    assert_err(ops->household_succeed(f->index, &f->home, &s, D), ERR_LIMIT);
    s.n = 2, s.statement.len++;
    assert_err(ops->household_succeed(f->index, &f->home, &s, D), ERR_LIMIT);
    assert_int_equal(kept_of(f).count, INDEX_SUCCESSIONS_MAX);
}

static void test_added_and_read(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    AUTO(grant_blobs_clear) struct grant_blobs blobs = {0};
    struct grant_row row = row_at(f, 10), got;
    struct store_id other = id_of(50);
    struct store_key owner = key_of(77);
    row.uses = 9, row.revoked = 9, row.last_use = 9, row.closed = true; /* not the caller's to say */
    row.views = 3;
    row.expires = UINT64_C(1) << 32;
    memset(row.ticket, 'a', INDEX_TICKET_CHARS);
    assert_ok(ops->grant_add(f->index, &row, &some, D));
    assert_err(ops->grant_add(f->index, &row, &some, D), ERR_EXISTS);
    assert_ok(ops->grant_get(f->index, NULL, &row.grant, true, &got, &blobs, D));
    assert_true(got.uses == 0 && got.revoked == 0 && got.last_use == 0 && !got.closed);
    assert_true(got.views == 3 && got.entry == row.entry && got.expires == row.expires && got.purpose == 2);
    assert_true(store_key_equal(&got.grantee, &row.grantee) && store_id_equal(&got.household, &f->home));
    assert_string_equal(got.ticket, row.ticket);
    assert_true(bytes_equal(blob_bytes(&blobs.statement), some.statement));
    assert_true(bytes_equal(blob_bytes(&blobs.box), some.box));
    assert_true(bytes_equal(blob_bytes(&blobs.note), some.note));
    assert_int_equal(blobs.revocation.len, 0);
    /* Another household neither finds it nor takes its id. */
    assert_ok(ops->household_create(f->index, &other, &owner, 0, D));
    assert_err(ops->grant_get(f->index, &other, &row.grant, true, &got, &blobs, D), ERR_NOT_FOUND);
    assert_err(ops->grant_remove(f->index, &other, &row.grant, UINT32_MAX, D), ERR_NOT_FOUND);
    assert_err(ops->grant_revoke(f->index, &other, &row.grant, bytes_text("r"), NOW, D), ERR_NOT_FOUND);
    row.household = other;
    assert_err(ops->grant_add(f->index, &row, &some, D), ERR_EXISTS);
    assert_err(ops->grant_replace(f->index, &row, some.statement, &some, D), ERR_NOT_FOUND);
    row.household = id_of(98);
    row.grant = id_of(97);
    assert_err(ops->grant_add(f->index, &row, &some, D), ERR_NOT_FOUND);
    assert_err(ops->grant_get(f->index, NULL, &row.grant, true, &got, NULL, D), ERR_NOT_FOUND);
}

static void test_replaced(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    AUTO(grant_blobs_clear) struct grant_blobs blobs = {0};
    struct grant_row row = row_at(f, 10), got;
    struct grant_bytes second = {.statement = bytes_text("second"), .box = bytes_text("keys")};
    add(f, 10);
    assert_ok(ops->grant_used(f->index, &row.grant, NOW, &got, D));
    row.expires = NOW + 500;
    assert_ok(ops->grant_replace(f->index, &row, some.statement, &second, D));
    assert_err(ops->grant_replace(f->index, &row, some.statement, &second, D), ERR_CONFLICT);
    assert_ok(ops->grant_get(f->index, &f->home, &row.grant, true, &got, &blobs, D));
    assert_true(got.uses == 1 && got.expires == NOW + 500);
    assert_true(bytes_equal(blob_bytes(&blobs.statement), second.statement));
    assert_true(bytes_equal(blob_bytes(&blobs.note), some.note)); /* an empty one leaves the old */
    assert_ok(ops->grant_replace(f->index, &row, second.statement, &some, D));
    assert_ok(ops->grant_revoke(f->index, &f->home, &row.grant, bytes_text("r"), NOW, D));
    assert_err(ops->grant_replace(f->index, &row, some.statement, &second, D), ERR_DENIED);
}

static void test_used_up(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct grant_row row = row_at(f, 10), got;
    struct store_id nobody = id_of(99);
    row.views = 2;
    assert_ok(ops->grant_add(f->index, &row, &some, D));
    assert_err(ops->grant_used(f->index, &nobody, NOW, &got, D), ERR_NOT_FOUND);
    assert_ok(ops->grant_used(f->index, &row.grant, NOW + 1, &got, D));
    assert_ok(ops->grant_used(f->index, &row.grant, NOW + 2, &got, D));
    assert_true(got.uses == 2 && got.last_use == NOW + 2);
    assert_err(ops->grant_used(f->index, &row.grant, NOW + 3, &got, D), ERR_DENIED);
    assert_non_null(strstr(D->text, "as often as it may be"));
    add(f, 11);
    struct store_id revoked = id_of(11);
    assert_ok(ops->grant_revoke(f->index, &f->home, &revoked, bytes_text("r"), NOW, D));
    assert_err(ops->grant_used(f->index, &revoked, NOW, &got, D), ERR_DENIED);
    assert_non_null(strstr(D->text, "revoked"));
}

static void test_ended(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    AUTO(grant_blobs_clear) struct grant_blobs blobs = {0};
    struct store_id id = id_of(10), second = id_of(11);
    struct grant_row got;
    add(f, 10);
    add(f, 11);
    assert_err(ops->grant_remove(f->index, &f->home, &id, NOW + 999, D), ERR_DENIED);
    assert_ok(ops->grant_revoke(f->index, &f->home, &id, bytes_text("revocation"), NOW + 7, D));
    assert_err(ops->grant_revoke(f->index, &f->home, &id, bytes_text("other"), NOW + 8, D), ERR_EXISTS);
    assert_ok(ops->grant_get(f->index, &f->home, &id, false, &got, &blobs, D));
    assert_int_equal(got.revoked, NOW + 7);
    assert_true(bytes_equal(blob_bytes(&blobs.revocation), bytes_text("revocation")));
    assert_int_equal(blobs.box.len, 0);
    assert_ok(ops->grant_remove(f->index, &f->home, &id, NOW, D));
    assert_err(ops->grant_get(f->index, &f->home, &id, false, &got, NULL, D), ERR_NOT_FOUND);
    assert_ok(ops->grant_remove(f->index, &f->home, &second, NOW + 1000, D));
    assert_err(ops->grant_remove(f->index, &f->home, &second, NOW + 1000, D), ERR_NOT_FOUND);
}

struct seen {
    struct store_id ids[8];
    size_t count;
    bool statements;
};

static err note(void *arg, const struct grant_row *row, const struct grant_bytes *bytes) {
    struct seen *s = arg;
    assert_true(s->count < 8);
    s->statements = bytes_equal(bytes->statement, some.statement);
    assert_int_equal(bytes->box.len, 0);
    s->ids[s->count++] = row->grant;
    return ERR_OK;
}

static void test_listed(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    const struct store_id nobody = id_of(99), id12 = id_of(12), id10 = id_of(10);
    struct seen seen = {0};
    uint64_t count;
    add(f, 12);
    add(f, 10);
    add(f, 11);
    assert_ok(ops->grant_list(f->index, &f->home, note, &seen, D));
    assert_true(seen.count == 3 && seen.statements);
    assert_true(store_id_equal(&seen.ids[0], &id10) && store_id_equal(&seen.ids[2], &id12));
    seen = (struct seen){0};
    assert_ok(ops->grant_list(f->index, &nobody, note, &seen, D));
    assert_int_equal(seen.count, 0);
    assert_ok(ops->grant_count(f->index, &f->home, &count, D));
    assert_int_equal(count, 3);
    assert_ok(ops->grant_count(f->index, &nobody, &count, D));
    assert_int_equal(count, 0);
}

/* What has ended is due until it is closed, and again when it was issued again. */
static void test_due(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    const struct store_id id = id_of(10), revoked = id_of(11), nobody = id_of(99);
    struct grant_row row = row_at(f, 10);
    struct seen seen = {0};
    add(f, 10);
    add(f, 11);
    assert_ok(ops->grant_due(f->index, NOW + 999, 0, 8, note, &seen, D));
    assert_int_equal(seen.count, 0);
    assert_ok(ops->grant_revoke(f->index, &f->home, &revoked, bytes_text("r"), NOW, D));
    assert_ok(ops->grant_due(f->index, NOW + 999, 0, 8, note, &seen, D));
    assert_true(seen.count == 1 && store_id_equal(&seen.ids[0], &revoked));
    assert_ok(ops->grant_close(f->index, &revoked, D));
    seen = (struct seen){0};
    assert_ok(ops->grant_due(f->index, NOW + 1000, 0, 8, note, &seen, D));
    assert_true(seen.count == 1 && store_id_equal(&seen.ids[0], &id));
    assert_ok(ops->grant_close(f->index, &id, D));
    assert_err(ops->grant_close(f->index, &nobody, D), ERR_NOT_FOUND);
    assert_true(get(f, 10).closed);
    seen = (struct seen){0};
    assert_ok(ops->grant_due(f->index, NOW + 1000, 0, 8, note, &seen, D));
    assert_int_equal(seen.count, 0);
    assert_ok(ops->grant_replace(f->index, &row, some.statement, &some, D));
    add(f, 12);
    assert_ok(ops->grant_due(f->index, NOW + 1000, 0, 1, note, &seen, D)); /* no more than asked for */
    assert_int_equal(seen.count, 1);
    const struct store_id first = seen.ids[0];
    seen = (struct seen){0};
    assert_ok(ops->grant_due(f->index, NOW + 1000, 1, 8, note, &seen, D)); /* and the others behind those */
    assert_int_equal(seen.count, 1);
    assert_false(store_id_equal(&seen.ids[0], &first));
    assert_ok(ops->grant_due(f->index, NOW + 1000, 2, 8, note, &seen, D));
    assert_int_equal(seen.count, 1);
}

static void test_limits(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    struct grant_row row = row_at(f, 5000);
    uint8_t *large = test_calloc(1, INDEX_GRANT_MAX_BYTES + 1);
    struct grant_bytes bytes = some;
    bytes.box = BYTES(large, INDEX_GRANT_MAX_BYTES - bytes.statement.len);
    bytes.note = BYTES(large, INDEX_GRANT_NOTE_MAX_BYTES);
    assert_ok(ops->grant_add(f->index, &row, &bytes, D));
    row.grant = id_of(5001);
    bytes.box.len++;
    assert_err(ops->grant_add(f->index, &row, &bytes, D), ERR_LIMIT);
    bytes.box.len--, bytes.note.len++;
    assert_err(ops->grant_add(f->index, &row, &bytes, D), ERR_LIMIT);
    const struct store_id id = id_of(5000);
    assert_err(
        ops->grant_revoke(f->index, &f->home, &id, BYTES(large, INDEX_REVOCATION_MAX_BYTES + 1), NOW, D),
        ERR_LIMIT);
    assert_ok(ops->grant_revoke(f->index, &f->home, &id, BYTES(large, INDEX_REVOCATION_MAX_BYTES), NOW, D));
    test_free(large);
    for (uint32_t i = 1; i < INDEX_GRANTS_MAX; i++) add(f, 6000 + i);
    row = row_at(f, 9000);
    assert_err(ops->grant_add(f->index, &row, &some, D), ERR_LIMIT);
    assert_ok(ops->grant_remove(f->index, &f->home, &id, NOW, D));
    assert_ok(ops->grant_add(f->index, &row, &some, D)); /* one is forgotten: there is room for one */
}

/* All together too: at the limit, and one past it. */
static void test_bytes_limit(void **state) {
    struct fixture *f = *state;
    const struct index_ops *ops = f->index->ops;
    uint8_t *large = test_calloc(1, INDEX_GRANT_MAX_BYTES);
    struct grant_bytes bytes = {.statement = BYTES(large, INDEX_GRANT_MAX_BYTES)};
    struct grant_row row;
    const uint32_t count = INDEX_GRANTS_MAX_BYTES / INDEX_GRANT_MAX_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        row = row_at(f, 100 + i);
        assert_ok(ops->grant_add(f->index, &row, &bytes, D));
    }
    struct grant_row more = row_at(f, 50);
    assert_err(ops->grant_add(f->index, &more, &some, D), ERR_LIMIT);
    assert_non_null(strstr(D->text, "64 MiB"));
    assert_ok(ops->grant_replace(f->index, &row, bytes.statement, &bytes, D)); /* no larger than before */
    bytes.note = bytes_text("n");
    assert_err(ops->grant_replace(f->index, &row, bytes.statement, &bytes, D), ERR_LIMIT);
    assert_ok(ops->grant_replace(f->index, &row, bytes.statement, &some, D));
    bytes.statement.len -= some.statement.len + some.box.len + some.note.len;
    bytes.note.len = 0;
    row = row_at(f, 100);
    assert_ok(ops->grant_remove(f->index, &f->home, &row.grant, NOW + 1000, D));
    assert_ok(ops->grant_add(f->index, &row, &bytes, D));
    assert_ok(ops->grant_add(f->index, &more, &some, D));
    test_free(large);
}

/* Two that open at once do not both have the last view. */
struct opening {
    struct fixture *f;
    struct store_id grant;
    unsigned opened;
};

static void *open_often(void *arg) {
    struct opening *o = arg;
    struct grant_row got;
    for (unsigned i = 0; i < 40; i++) {
        struct diag d;
        o->opened += o->f->index->ops->grant_used(o->f->index, &o->grant, NOW, &got, &d) == ERR_OK;
    }
    return NULL;
}

static void test_last_view(void **state) {
    struct fixture *f = *state;
    struct grant_row row = row_at(f, 10);
    struct opening both[2] = {{f, row.grant, 0}, {f, row.grant, 0}};
    pthread_t threads[2];
    row.views = 50;
    assert_ok(f->index->ops->grant_add(f->index, &row, &some, D));
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_often, &both[i]), 0);
    for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_int_equal(both[0].opened + both[1].opened, 50);
    assert_int_equal(get(f, 10).uses, 50);
}

static void test_kept_after_reopening(void **state) {
    struct fixture *f = *state;
    struct index_household keys = {key_of(1), key_of(2), key_of(3)}, got;
    if (strcmp(driver, "memory") == 0) return;
    assert_ok(f->index->ops->household_keys_put(f->index, &f->home, &keys, D));
    add(f, 10);
    index_release(&f->index);
    open_index(f);
    assert_ok(f->index->ops->household_keys_get(f->index, &f->home, &got, D));
    assert_memory_equal(&got, &keys, sizeof keys);
    assert_int_equal(get(f, 10).entry, 15);
}

int main(int argc, char **argv) {
    if (argc > 1) driver = argv[1];
    const struct CMUnitTest tests[] = {
        CASE(test_household_keys),
        CASE(test_succession),
        CASE(test_succession_limits),
        CASE(test_added_and_read),
        CASE(test_replaced),
        CASE(test_used_up),
        CASE(test_ended),
        CASE(test_listed),
        CASE(test_due),
        CASE(test_limits),
        CASE(test_bytes_limit),
        CASE(test_last_view),
        CASE(test_kept_after_reopening),
    };
    return _cmocka_run_group_tests(driver, tests, sizeof tests / sizeof *tests, NULL, NULL);
}
