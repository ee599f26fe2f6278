/* What every driver of bus.h does. Usage: bus_conformance local */
#include "conformance.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "store/bus.h"

struct fixture {
    struct bus *bus;
};

static int setup(void **state) {
    struct fixture *f = test_calloc(1, sizeof *f);
    assert_ok(bus_local_open(&f->bus, D));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    bus_release(&f->bus);
    test_free(f);
    return 0;
}

static uint32_t publish(struct fixture *f, const char *channel, uint32_t flags, const char *text) {
    AUTO(payload_release) struct payload *p = payload_copy(bytes_text(text));
    uint32_t receivers = 99;
    assert_non_null(p);
    assert_ok(f->bus->ops->publish(f->bus, channel, 7, flags, p, &receivers, D));
    return receivers;
}

/* Takes everything that waits, as "tag:text " in order; '*' is the mark of a loss. */
static const char *drain(struct fixture *f, struct bus_subscription *s) {
    static char text[4096];
    size_t at = 0;
    text[0] = 0;
    for (;;) {
        struct bus_message m;
        err e = f->bus->ops->take(s, &m);
        if (e == ERR_BUSY) break;
        assert_ok(e);
        assert_int_equal(m.skipped, m.payload == NULL);
        if (m.skipped)
            at += (size_t)snprintf(text + at, sizeof text - at, "%u:* ", m.tag);
        else
            at += (size_t)snprintf(text + at, sizeof text - at, "%u:%.*s ", m.tag, (int)m.payload->len,
                                   (const char *)m.payload->data);
        if (m.payload) assert_int_equal(m.kind, 7);
        payload_unref(m.payload);
    }
    return text;
}

static struct bus_subscription *subscribe(struct fixture *f, struct bus_limits limits) {
    struct bus_subscription *s;
    assert_ok(f->bus->ops->subscribe(f->bus, limits, NULL, NULL, &s, D));
    return s;
}

#define ROOMY ((struct bus_limits){1000, 0, 10000})
#define KEY BUS_FLAG_KEY
#define CHAIN BUS_FLAG_CHAIN

static void test_published_and_taken(void **state) {
    struct fixture *f = *state;
    const struct bus_ops *ops = f->bus->ops;
    struct bus_subscription *a = subscribe(f, ROOMY), *b = subscribe(f, ROOMY);
    uint32_t count;
    assert_int_equal(publish(f, "x", 0, "nobody hears"), 0);
    assert_ok(ops->add(a, "x", 1, false, D));
    assert_ok(ops->add(a, "y", 2, false, D));
    assert_ok(ops->add(b, "x", 3, false, D));
    assert_err(ops->add(a, "x", 9, false, D), ERR_EXISTS);
    assert_ok(ops->subscribers(f->bus, "x", &count, D));
    assert_int_equal(count, 2);
    assert_int_equal(publish(f, "x", 0, "one"), 2);
    assert_int_equal(publish(f, "y", 0, "two"), 1);
    assert_int_equal(publish(f, "x", 0, "three"), 2);
    assert_string_equal(drain(f, a), "1:one 2:two 1:three ");
    assert_string_equal(drain(f, b), "3:one 3:three ");
    assert_string_equal(drain(f, a), "");
    publish(f, "x", 0, "four");
    publish(f, "y", 0, "five");
    assert_ok(ops->remove(a, "x", D));
    assert_err(ops->remove(a, "x", D), ERR_NOT_FOUND);
    assert_string_equal(drain(f, a), "2:five ");
    assert_ok(ops->subscribers(f->bus, "x", &count, D));
    assert_int_equal(count, 1);
    ops->unsubscribe(a);
    publish(f, "x", 0, "six");
    assert_string_equal(drain(f, b), "3:four 3:six ");
    ops->unsubscribe(b);
    assert_ok(ops->subscribers(f->bus, "x", &count, D));
    assert_int_equal(count, 0);
    ops->unsubscribe(NULL);
}

static void test_late_viewer_starts_at_the_key(void **state) {
    struct fixture *f = *state;
    const struct bus_ops *ops = f->bus->ops;
    publish(f, "cam", CHAIN, "lost");
    publish(f, "cam", KEY, "k1");
    publish(f, "cam", CHAIN, "a");
    publish(f, "cam", 0, "notice");
    publish(f, "cam", KEY, "k2");
    publish(f, "cam", CHAIN, "b");
    struct bus_subscription *with = subscribe(f, ROOMY), *without = subscribe(f, ROOMY);
    assert_ok(ops->add(with, "cam", 1, true, D));
    assert_ok(ops->add(without, "cam", 2, false, D));
    publish(f, "cam", CHAIN, "c");
    publish(f, "cam", 0, "notice");
    publish(f, "cam", KEY, "k3");
    publish(f, "cam", CHAIN, "d");
    assert_string_equal(drain(f, with), "1:k2 1:b 1:c 1:notice 1:k3 1:d ");
    assert_string_equal(drain(f, without), "2:notice 2:k3 2:d "); /* nothing lost that it was promised */
    ops->forget(f->bus, "cam");
    struct bus_subscription *late = subscribe(f, ROOMY);
    assert_ok(ops->add(late, "cam", 3, true, D));
    assert_string_equal(drain(f, late), "");
    ops->unsubscribe(with);
    ops->unsubscribe(without);
    ops->unsubscribe(late);
}

static void test_slow_viewer_skips_to_a_key(void **state) {
    struct fixture *f = *state;
    const struct bus_ops *ops = f->bus->ops;
    struct bus_subscription *s = subscribe(f, (struct bus_limits){10, 0, 1000});
    assert_ok(ops->add(s, "cam", 1, true, D));
    assert_ok(ops->add(s, "other", 2, true, D));
    assert_int_equal(publish(f, "cam", KEY, "kkkk"), 1);
    assert_int_equal(publish(f, "cam", CHAIN, "aaaa"), 1);
    assert_int_equal(publish(f, "other", KEY, "KKKK"), 1);
    assert_int_equal(publish(f, "cam", CHAIN, "bbbb"), 0); /* past ten: all of this channel goes */
    assert_int_equal(publish(f, "cam", CHAIN, "c"), 0);
    assert_int_equal(publish(f, "other", CHAIN, "AAAA"), 1);
    assert_int_equal(publish(f, "cam", KEY, "k2"), 1);
    assert_int_equal(publish(f, "cam", CHAIN, "d"), 1);
    assert_string_equal(drain(f, s), "2:KKKK 1:* 2:AAAA 1:k2 1:d ");
    publish(f, "cam", CHAIN, "e"); /* it goes on as before */
    assert_string_equal(drain(f, s), "1:e ");
    publish(f, "cam", KEY, "more than ten bytes at once"); /* one message is always let in */
    assert_string_equal(drain(f, s), "1:more than ten bytes at once ");
    ops->unsubscribe(s);
}

static void test_keys_are_bounded(void **state) {
    struct fixture *f = *state;
    struct bus_subscription *s = subscribe(f, (struct bus_limits){1000, 2, 1000});
    assert_ok(f->bus->ops->add(s, "cam", 1, true, D));
    publish(f, "cam", KEY, "k1");
    publish(f, "cam", CHAIN, "a");
    publish(f, "cam", KEY, "k2");
    publish(f, "cam", CHAIN, "b");
    assert_int_equal(publish(f, "cam", KEY, "k3"), 1);
    publish(f, "cam", CHAIN, "c");
    assert_string_equal(drain(f, s), "1:* 1:k3 1:c ");
    f->bus->ops->unsubscribe(s);
}

static void test_total_is_bounded(void **state) {
    struct fixture *f = *state;
    struct bus_subscription *s = subscribe(f, (struct bus_limits){8, 0, 12});
    assert_ok(f->bus->ops->add(s, "a", 1, true, D));
    assert_ok(f->bus->ops->add(s, "b", 2, true, D));
    publish(f, "a", KEY, "aaaaaaaa");
    publish(f, "b", KEY, "bbbb");
    assert_int_equal(publish(f, "b", CHAIN, "b"), 0);
    assert_string_equal(drain(f, s), "1:aaaaaaaa 2:* ");
    f->bus->ops->unsubscribe(s);
}

static void test_notices(void **state) {
    struct fixture *f = *state;
    struct bus_subscription *s = subscribe(f, (struct bus_limits){10, 0, 20});
    assert_ok(f->bus->ops->add(s, "hub", 1, false, D));
    publish(f, "hub", 0, "12345678");
    assert_int_equal(publish(f, "hub", 0, "does not fit"), 0);
    assert_int_equal(publish(f, "hub", 0, "nor this"), 0);
    assert_int_equal(publish(f, "hub", BUS_FLAG_NO_QUEUE, "small and rare"), 1);
    assert_string_equal(drain(f, s), "1:12345678 1:* 1:small and rare ");
    assert_int_equal(publish(f, "hub", 0, "now it does"), 1);
    assert_string_equal(drain(f, s), "1:now it does ");
    f->bus->ops->unsubscribe(s);
}

static void test_limits(void **state) {
    struct fixture *f = *state;
    const struct bus_ops *ops = f->bus->ops;
    struct bus_subscription *s = subscribe(f, ROOMY);
    char name[BUS_CHANNEL_CHARS + 2];
    memset(name, 'n', sizeof name);
    name[BUS_CHANNEL_CHARS] = 0;
    assert_ok(ops->add(s, name, 0, false, D));
    name[BUS_CHANNEL_CHARS] = 'n';
    name[BUS_CHANNEL_CHARS + 1] = 0;
    assert_err(ops->add(s, name, 0, false, D), ERR_LIMIT);
    assert_err(ops->add(s, "", 0, false, D), ERR_LIMIT);
    for (uint32_t i = 1; i < BUS_CHANNELS_MAX; i++) {
        snprintf(name, sizeof name, "channel-%u", i);
        assert_ok(ops->add(s, name, i, false, D));
    }
    assert_err(ops->add(s, "one too many", 0, false, D), ERR_LIMIT);
    assert_null(payload_new(BUS_MESSAGE_MAX_BYTES + 1));
    struct payload *largest = payload_new(BUS_MESSAGE_MAX_BYTES);
    assert_non_null(largest);
    payload_unref(largest);
    payload_unref(NULL);
    ops->unsubscribe(s);
}

/* What is kept since a key is bounded: past it, nothing is kept until the next. */
static void test_history_is_bounded(void **state) {
    struct fixture *f = *state;
    const struct bus_ops *ops = f->bus->ops;
    AUTO(payload_release) struct payload *large = payload_new(8u << 20);
    memset(large->data, 1, large->len);
    publish(f, "cam", KEY, "k");
    for (int i = 0; i < 4; i++) assert_ok(ops->publish(f->bus, "cam", 7, CHAIN, large, NULL, D));
    struct bus_subscription *s = subscribe(f, (struct bus_limits){100u << 20, 0, 100u << 20});
    assert_ok(ops->add(s, "cam", 1, true, D));
    publish(f, "cam", CHAIN, "a");
    assert_string_equal(drain(f, s), "");
    publish(f, "cam", KEY, "k2");
    assert_string_equal(drain(f, s), "1:k2 ");
    ops->unsubscribe(s);
}

static void test_presence(void **state) {
    struct fixture *f = *state;
    const struct bus_ops *ops = f->bus->ops;
    struct store_id a = id_of(1), b = id_of(2), holder;
    AUTO(blob_clear) struct blob value = {0};
    uint8_t large[65] = {0};
    assert_err(ops->holder(f->bus, "hub", &holder, &value, D), ERR_NOT_FOUND);
    assert_ok(ops->claim(f->bus, "hub", &a, 60, bytes_text("since noon"), D));
    assert_err(ops->claim(f->bus, "hub", &b, 60, bytes_text(""), D), ERR_CONFLICT);
    assert_ok(ops->claim(f->bus, "hub", &a, 60, bytes_text("since noon"), D)); /* renewed */
    assert_ok(ops->holder(f->bus, "hub", &holder, &value, D));
    assert_true(store_id_equal(&holder, &a));
    assert_true(bytes_equal(blob_bytes(&value), bytes_text("since noon")));
    assert_err(ops->release(f->bus, "hub", &b, D), ERR_NOT_FOUND);
    assert_ok(ops->release(f->bus, "hub", &a, D));
    assert_err(ops->release(f->bus, "hub", &a, D), ERR_NOT_FOUND);
    assert_ok(ops->claim(f->bus, "hub", &b, 60, bytes_text(""), D));
    assert_ok(ops->claim(f->bus, "gone at once", &a, 0, bytes_text(""), D)); /* its time is over */
    assert_ok(ops->claim(f->bus, "gone at once", &b, 60, bytes_text(""), D));
    assert_err(ops->claim(f->bus, "hub", &b, 60, BYTES_OF(large), D), ERR_LIMIT);
    assert_ok(ops->claim(f->bus, "hub", &b, 60, BYTES(large, 64), D));
}

static void count_wake(void *arg) {
    atomic_fetch_add((atomic_uint *)arg, 1);
}

static void test_woken_once(void **state) {
    struct fixture *f = *state;
    const struct bus_ops *ops = f->bus->ops;
    struct bus_subscription *s;
    atomic_uint wakes = 0;
    assert_ok(ops->subscribe(f->bus, ROOMY, count_wake, &wakes, &s, D));
    assert_ok(ops->add(s, "x", 1, false, D));
    assert_int_equal(wakes, 0);
    publish(f, "x", 0, "a");
    publish(f, "x", 0, "b");
    assert_int_equal(wakes, 1); /* it has been told */
    struct bus_message m;
    assert_ok(ops->take(s, &m));
    payload_unref(m.payload);
    publish(f, "x", 0, "c");
    assert_int_equal(wakes, 1); /* it has not yet seen the end */
    assert_string_equal(drain(f, s), "1:b 1:c ");
    publish(f, "x", 0, "d");
    assert_int_equal(wakes, 2);
    publish(f, "cam", KEY, "k");
    drain(f, s);
    assert_ok(ops->add(s, "cam", 2, true, D)); /* what is kept wakes too */
    assert_int_equal(wakes, 3);
    ops->unsubscribe(s); /* with a message in the queue */
}

static void test_waited_for(void **state) {
    struct fixture *f = *state;
    struct bus_subscription *s = subscribe(f, ROOMY);
    assert_ok(f->bus->ops->add(s, "x", 1, false, D));
    assert_err(f->bus->ops->wait(s, 1000), ERR_TIMEOUT);
    publish(f, "x", 0, "a");
    assert_ok(f->bus->ops->wait(s, 1000));
    assert_string_equal(drain(f, s), "1:a ");
    f->bus->ops->unsubscribe(s);
}

/* --- threads: each subscriber gets each channel's messages in order, or the mark of a loss and then a key
 * --- */

#define PUBLISHERS 2
#define READERS 3
#define MESSAGES 3000

struct shared {
    struct bus *bus;
    atomic_uint ready;
};

struct viewer {
    struct shared *shared;
    bool slow, failed;
    uint32_t taken, skipped;
};

static void *publish_many(void *arg) {
    struct shared *shared = arg;
    uint32_t self = atomic_fetch_add(&shared->ready, 1) - READERS;
    char channel[16];
    snprintf(channel, sizeof channel, "cam-%u", self);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        struct payload *p = payload_new(100);
        be32_put(p->data, i);
        uint32_t flags = i % 30 == 0 ? KEY : CHAIN;
        if (i == MESSAGES - 1) flags = BUS_FLAG_NO_QUEUE; /* the end is never dropped */
        if (shared->bus->ops->publish(shared->bus, channel, 7, flags, p, NULL, NULL)) abort();
        payload_unref(p);
    }
    return NULL;
}

static bool take_in_order(struct viewer *r, const struct bus_message *m, int64_t last[PUBLISHERS],
                          bool lost[PUBLISHERS]) {
    if (m->skipped) {
        lost[m->tag] = true;
        r->skipped++;
        return true;
    }
    int64_t number = be32_get(m->payload->data);
    bool good = lost[m->tag] ? number > last[m->tag] && (m->flags & (KEY | BUS_FLAG_NO_QUEUE))
                             : number == last[m->tag] + 1;
    lost[m->tag] = false;
    last[m->tag] = number;
    r->taken++;
    return good;
}

static void *read_all(void *arg) {
    struct viewer *r = arg;
    const struct bus_ops *ops = r->shared->bus->ops;
    struct bus_subscription *s;
    struct bus_limits limits = {r->slow ? 2000 : 1u << 30, 0, r->slow ? 3000 : 1u << 30};
    int64_t last[PUBLISHERS] = {-1, -1};
    bool lost[PUBLISHERS] = {false};
    if (ops->subscribe(r->shared->bus, limits, NULL, NULL, &s, NULL) || ops->add(s, "cam-0", 0, true, NULL) ||
        ops->add(s, "cam-1", 1, true, NULL))
        abort();
    atomic_fetch_add(&r->shared->ready, 1);
    while (last[0] < MESSAGES - 1 || last[1] < MESSAGES - 1) {
        struct bus_message m;
        err e = ops->take(s, &m);
        if (e == ERR_BUSY)
            e = ops->wait(s, 20 * 1000000);
        else if (!take_in_order(r, &m, last, lost))
            r->failed = true;
        else
            payload_unref(m.payload);
        if (e || r->failed) break;
    }
    if (last[0] < MESSAGES - 1 || last[1] < MESSAGES - 1) r->failed = true;
    ops->unsubscribe(s);
    return NULL;
}

static void test_threads(void **state) {
    struct fixture *f = *state;
    struct shared shared = {.bus = f->bus};
    struct viewer readers[READERS];
    pthread_t threads[READERS + PUBLISHERS];
    for (uint32_t i = 0; i < READERS; i++) {
        readers[i] = (struct viewer){.shared = &shared, .slow = i == 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readers[i]), 0);
    }
    while (atomic_load(&shared.ready) < READERS) sched_yield();
    for (uint32_t i = 0; i < PUBLISHERS; i++)
        assert_int_equal(pthread_create(&threads[READERS + i], NULL, publish_many, &shared), 0);
    for (uint32_t i = 0; i < READERS + PUBLISHERS; i++) pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < READERS; i++) {
        assert_false(readers[i].failed);
        if (!readers[i].slow) assert_int_equal(readers[i].taken, PUBLISHERS * MESSAGES);
    }
}

struct coming {
    struct bus *bus;
    atomic_bool stop;
};

static void *publish_until_told(void *arg) {
    struct coming *c = arg;
    while (!atomic_load(&c->stop)) {
        AUTO(payload_release) struct payload *p = payload_copy(bytes_text("x"));
        if (c->bus->ops->publish(c->bus, "x", 7, 0, p, NULL, NULL)) abort();
    }
    return NULL;
}

/* Subscriptions that come and go under fire: after unsubscribe no wake touches what it was given. */
static void test_unsubscribe_waits_for_wakes(void **state) {
    struct fixture *f = *state;
    struct coming coming = {.bus = f->bus};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, publish_until_told, &coming), 0);
    for (int i = 0; i < 500; i++) {
        atomic_uint *wakes = malloc(sizeof *wakes);
        struct bus_subscription *s;
        atomic_init(wakes, 0);
        assert_ok(f->bus->ops->subscribe(f->bus, ROOMY, count_wake, wakes, &s, D));
        assert_ok(f->bus->ops->add(s, "x", 1, false, D));
        if (i % 2) f->bus->ops->wait(s, 1000000);
        f->bus->ops->unsubscribe(s);
        free(wakes);
    }
    atomic_store(&coming.stop, true);
    pthread_join(thread, NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        CASE(test_published_and_taken),
        CASE(test_late_viewer_starts_at_the_key),
        CASE(test_slow_viewer_skips_to_a_key),
        CASE(test_keys_are_bounded),
        CASE(test_total_is_bounded),
        CASE(test_notices),
        CASE(test_limits),
        CASE(test_history_is_bounded),
        CASE(test_presence),
        CASE(test_woken_once),
        CASE(test_waited_for),
        CASE(test_threads),
        CASE(test_unsubscribe_waits_for_wakes),
    };
    return cmocka_run_group_tests_name(argc > 1 ? argv[1] : "local", tests, NULL, NULL);
}
