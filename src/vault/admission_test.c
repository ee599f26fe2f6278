/* A capability that is removed between a request's admission and its subscription: what would run for hours
 * under it does not begin. The vault's own pieces, with the network's waker stood in for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vault/stream.h"
#include "vault/upload.h"

struct http_waker *__wrap_http_waker(struct http_request *request);
void __wrap_http_waker_unref(struct http_waker *w);
void __wrap_http_wake(struct http_waker *w);
static int waker;
struct http_waker *__wrap_http_waker(struct http_request *request) {
    return (struct http_waker *)(void *)&waker;
}
void __wrap_http_waker_unref(struct http_waker *w) {
    assert_ptr_equal(w, &waker);
}
void __wrap_http_wake(struct http_waker *w) {}

static struct vault vault;
static struct capability owner = {.role = CAPABILITY_ROLE_OWNER}, hub = {.role = CAPABILITY_ROLE_WRITER};

static int setup(void **state) {
    struct diag d;
    vault_init(&vault);
    memset(owner.key.bytes, 1, sizeof owner.key.bytes);
    memset(hub.key.bytes, 2, sizeof hub.key.bytes);
    memset(owner.household.bytes, 3, sizeof owner.household.bytes);
    hub.household = owner.household;
    assert_int_equal(index_memory_open(&vault.index, &d), ERR_OK);
    assert_int_equal(blob_memory_open(1 << 20, &vault.blobs, &d), ERR_OK);
    assert_int_equal(bus_local_open(&vault.bus, &d), ERR_OK);
    assert_int_equal(vault.index->ops->household_create(vault.index, &owner.household, &owner.key, 0, &d),
                     ERR_OK);
    return 0;
}

static int teardown(void **state) {
    vault_clear(&vault);
    return 0;
}

static void add_hub(void) {
    struct diag d;
    assert_int_equal(vault.index->ops->capability_add(vault.index, &hub, &d), ERR_OK);
}

static void remove_hub(void) {
    struct diag d;
    assert_int_equal(vault.index->ops->capability_remove(vault.index, &hub.household, &hub.key, &d), ERR_OK);
    end_announce(&vault, &hub.key);
}

static void closed(struct stream *s) {}

/* A request that was admitted while the hub was registered. */
static void admit(struct http_request *request) {
    memset(request, 0, sizeof *request);
    caller_of(request)->who = WHO_WRITER;
    caller_of(request)->capability = hub;
}

static void test_stream(void **state) {
    struct http_request *request = calloc(1, sizeof *request);
    struct stream s = {.closed = closed};
    struct diag d = {{0}};
    add_hub();
    admit(request);
    assert_int_equal(stream_open(&s, &vault, request, BUS_LIMITS_COMMAND, &d), ERR_OK);
    stream_close(&s);
    remove_hub(); /* admitted, and not subscribed yet */
    s = (struct stream){.closed = closed};
    assert_int_equal(stream_open(&s, &vault, request, BUS_LIMITS_COMMAND, &d), ERR_DENIED);
    assert_non_null(strstr(d.text, "removed"));
    assert_null(vault.streams);
    free(request);
}

static struct upload *upload_of(bool store) {
    struct upload *u = calloc(1, sizeof *u);
    assert_non_null(u);
    u->v = &vault;
    u->place.household = hub.household;
    u->capability = hub.key;
    u->store = store;
    memset(u->reel.bytes, store ? 7 : 8, sizeof u->reel.bytes);
    return u;
}

static void test_upload(void **state) {
    for (int store = 0; store < 2; store++) {
        struct reel_info done;
        struct diag d = {{0}};
        uint64_t held = 0;
        add_hub();
        struct upload *u = upload_of(store);
        assert_int_equal(upload_open(u, 0, &held, &done, &d), ERR_OK);
        assert_false(atomic_load(&u->ended));
        upload_free(u);
        remove_hub();
        u = upload_of(store);
        assert_int_equal(upload_open(u, 0, &held, &done, &d), ERR_DENIED);
        assert_non_null(strstr(d.text, "removed"));
        upload_free(u);
        assert_null(vault.uploads);
    }
}

/* What the vault does by itself is under no capability. */
static void test_own_upload(void **state) {
    struct reel_info done;
    struct diag d = {{0}};
    uint64_t held = 0;
    struct upload *u = upload_of(true);
    u->by_vault = true;
    u->capability = (struct store_key){{0}};
    assert_int_equal(upload_open(u, 0, &held, &done, &d), ERR_OK);
    upload_free(u);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_stream), cmocka_unit_test(test_upload),
                                       cmocka_unit_test(test_own_upload)};
    return cmocka_run_group_tests_name("admission", tests, setup, teardown);
}
