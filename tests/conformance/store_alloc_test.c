/* Fails the first allocation of the store's code, then the second, and so on until a whole scenario passes:
 * each must end in ERR_NO_MEMORY (or go unnoticed), with nothing leaked and nothing half done. Linked with
 * --wrap for malloc and its kin. */
#include "keep.h"

#include "store/bus.h"

static long left = -1; /* allocations until the one that fails; -1: none does */

static int refuse(void) {
    return left >= 0 && left-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
    return refuse() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size) {
    return refuse() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *old, size_t size) {
    return refuse() ? NULL : __real_realloc(old, size);
}

static err count_any(void *arg, const struct store_id *name, uint64_t bytes) {
    return ERR_OK;
}
static void ignore_line(void *arg, const char *line) {}

/* A grant's whole life; what is left of one that failed is met again. */
static err use_grants(struct keep *k) {
    const struct index_ops *ix = k->index->ops;
    const struct index_household keys = {key_of(1), key_of(2), key_of(3)};
    struct grant_row row = {.grant = id_of(70), .household = k->place.household, .expires = 100}, got;
    const struct grant_bytes bytes = {bytes_text("statement"), bytes_text("box"), bytes_text("note"), {0}};
    AUTO(grant_blobs_clear) struct grant_blobs blobs = {0};
    err e = ix->household_keys_put(k->index, &row.household, &keys, D);
    if (!e) e = ix->grant_add(k->index, &row, &bytes, D);
    if (e == ERR_EXISTS) e = ERR_OK;
    if (!e) e = ix->grant_used(k->index, &row.grant, 1, &got, D);
    if (e == ERR_DENIED) e = ERR_OK; /* revoked already */
    if (!e) e = ix->grant_replace(k->index, &row, bytes.statement, &bytes, D);
    if (e == ERR_DENIED) e = ERR_OK;
    if (!e) e = ix->grant_get(k->index, NULL, &row.grant, true, &got, &blobs, D);
    if (!e) e = ix->grant_revoke(k->index, &row.household, &row.grant, bytes_text("revocation"), 2, D);
    if (e == ERR_EXISTS) e = ERR_OK;
    if (!e) e = ix->grant_close(k->index, &row.grant, D);
    return e ? e : ix->grant_remove(k->index, &row.household, &row.grant, 3, D);
}

/* Steps that may each fail; the first failure ends the scenario. */
static err use_store(struct keep *k) {
    struct timeline t = {0};
    struct index_removed removed;
    struct fsck_result result;
    struct account account = {0};
    struct account_secrets secrets = {.passes = 3};
    struct store_key login = key_of(5);
    struct account_session session = {.token = key_of(6), .login = login, .expires_day = 9};
    struct account_factor factor = {.id = id_of(8), .kind = ACCOUNT_FACTOR_TOTP, .secret_len = 36};
    struct store_id event = id_of(7);
    AUTO(blob_clear) struct blob value = {0};
    uint64_t current, sequence, version, collected;
    const struct index_ops *ix = k->index->ops;
    struct fsck_options options = {.accounts = k->accounts,
                                   .index = k->index,
                                   .blobs = k->blobs,
                                   .now = KEEP_BASE,
                                   .mend = true,
                                   .report = ignore_line};
    err e = keep_reel(k, 1, KEEP_BASE, D);
    if (!e) e = keep_reel(k, 2, KEEP_BASE, D);
    if (!e) e = keep_verify(k, 1, D);
    if (!e) e = ix->timeline(k->index, &k->place, 0, UINT32_MAX, 10, true, &t, D);
    if (!e) e = ix->range_edges(k->index, &k->place, KEEP_BASE + 70, KEEP_BASE + 80, &t, D);
    timeline_clear(&t);
    if (!e) e = ix->object_put(k->index, &k->place.household, "k", 0, bytes_text("v"), &current, D);
    if (e == ERR_CONFLICT) e = ERR_OK;
    if (!e) e = ix->object_get(k->index, &k->place.household, "k", &version, &value, D);
    if (!e) e = ix->setting_init(k->index, "s", bytes_text("v"), &value, D);
    if (!e) e = ix->event_add(k->index, &k->place, KEEP_BASE, &event, false, bytes_text("e"), &sequence, D);
    if (!e) e = use_grants(k);
    if (!e) e = k->accounts->ops->create(k->accounts, &login, &secrets, bytes_text("keyring"), D);
    if (e == ERR_EXISTS) e = ERR_OK;
    if (!e) e = k->accounts->ops->session_add(k->accounts, &session, D);
    if (e == ERR_EXISTS) e = ERR_OK;
    if (!e) e = k->accounts->ops->factor_add(k->accounts, &login, &factor, D);
    if (e == ERR_EXISTS) e = ERR_OK;
    if (!e) e = k->accounts->ops->get(k->accounts, &login, &account, D);
    account_clear(&account);
    if (!e) e = k->blobs->ops->list(k->blobs, NULL, count_any, NULL, D);
    if (!e) e = fsck_run(&options, &result, D);
    if (!e) e = ix->range_remove(k->index, &k->place, 0, KEEP_BASE + 121, 10, KEEP_BASE, &removed, D);
    if (!e) e = garbage_collect(k->index, k->blobs, 10, &collected, D);
    return e;
}

static err open_any(struct keep *k, const char *folder, bool memory) {
    if (!memory) return keep_open(k, folder, 0, D);
    *k = (struct keep){.place = {id_of(1), id_of(2)}};
    struct store_key owner = key_of(1);
    err e = accounts_memory_open(&k->accounts, D);
    if (!e) e = index_memory_open(&k->index, D);
    if (!e) e = blob_memory_open(1u << 20, &k->blobs, D);
    return e ? e : k->index->ops->household_create(k->index, &k->place.household, &owner, 0, D);
}

/* After a failure the same scenario must pass on what is left. */
static void fail_each(bool memory) {
    char folder[64];
    err e = ERR_NO_MEMORY;
    long n = 0;
    for (; e; n++) {
        struct keep k;
        folder_make_fleeting(folder);
        left = n;
        e = open_any(&k, folder, memory);
        if (!e) e = use_store(&k);
        bool failed = left < 0;
        left = -1;
        if (e) assert_int_equal(e, ERR_NO_MEMORY);
        if (!failed)
            assert_ok(e);
        else if (e) {
            keep_close(&k);
            assert_ok(open_any(&k, folder, memory));
            assert_ok(use_store(&k));
        } else {
            e = ERR_NO_MEMORY; /* it went unnoticed: on to the next */
        }
        keep_close(&k);
        folder_remove(folder);
        assert_true(n < 2000);
    }
    assert_true(n > 30); /* it did fail, and many times */
}

static void test_on_disk(void **state) {
    fail_each(false);
}
static void test_in_memory(void **state) {
    fail_each(true);
}

static err use_bus(struct bus *bus) {
    const struct bus_ops *ops = bus->ops;
    struct bus_subscription *s = NULL;
    struct bus_message m;
    struct store_id owner = id_of(1), holder;
    AUTO(blob_clear) struct blob value = {0};
    AUTO(payload_release) struct payload *p = payload_copy(bytes_text("payload"));
    if (!p) return ERR_NO_MEMORY;
    err e = ops->subscribe(bus, (struct bus_limits){10, 0, 100}, NULL, NULL, &s, D);
    if (!e) e = ops->publish(bus, "a", 1, BUS_FLAG_KEY, p, NULL, D);
    if (!e) e = ops->add(s, "a", 1, true, D);
    for (int i = 0; !e && i < 3; i++)
        e = ops->publish(bus, "a", 1, i == 2 ? BUS_FLAG_KEY : BUS_FLAG_CHAIN, p, NULL, D);
    while (s && ops->take(s, &m) == ERR_OK) payload_unref(m.payload);
    if (!e) e = ops->claim(bus, "name", &owner, 60, bytes_text("v"), D);
    if (!e) e = ops->holder(bus, "name", &holder, &value, D);
    ops->unsubscribe(s);
    return e;
}

static void test_bus(void **state) {
    bool failed = true;
    for (long n = 0; failed; n++) {
        struct bus *bus = NULL;
        left = n;
        err e = bus_local_open(&bus, D);
        if (!e) e = use_bus(bus);
        failed = left < 0;
        left = -1;
        if (e) assert_int_equal(e, ERR_NO_MEMORY);
        if (bus) assert_ok(use_bus(bus)); /* a message that found no memory is a loss, and it goes on */
        bus_release(&bus);
        assert_true(n < 200);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_on_disk),
        cmocka_unit_test(test_in_memory),
        cmocka_unit_test(test_bus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
