/* The access log within one process: groups, numbers, what a crash leaves, hubs that witness. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/folder_fixture.h"
#include "crypto/unbox.h"
#include "tlog/cosignature.h"
#include "tlog/log_proof.h"
#include "vault/grant.h"
#include "vault/log_internal.h"
#include "vault/staff.h"

#define HOUSEHOLDS 3
#define THREADS 8
#define EACH_THREAD 40

struct home {
    struct store_id id;
    struct box_key box;
    struct index_household keys;
};

struct scene {
    char folder[64];
    struct vault v;
    struct home homes[HOUSEHOLDS];
};

static void open_vault(struct scene *s) {
    char path[PATH_TEXT_BYTES];
    struct diag d = {0};
    vault_init(&s->v);
    assert_int_equal(path_join(path, s->folder, "index.db"), ERR_OK);
    if (index_sqlite_open(path, &s->v.index, &d)) fail_msg("%s", d.text);
    if (bus_local_open(&s->v.bus, &d)) fail_msg("%s", d.text);
    if (access_log_open(s->folder, &s->v.log, &d)) fail_msg("%s", d.text);
    if (access_log_start(&s->v, &d)) fail_msg("%s", d.text);
}

static int setup(void **state) {
    struct scene *s = calloc(1, sizeof *s);
    struct diag d = {0};
    snprintf(s->folder, sizeof s->folder, "/tmp/cardea-access-log-XXXXXX");
    if (!mkdtemp(s->folder)) return -1;
    open_vault(s);
    for (size_t i = 0; i < HOUSEHOLDS; i++) {
        struct home *h = &s->homes[i];
        struct store_key owner;
        memset(h->id.bytes, (int)(i + 1), sizeof h->id.bytes);
        memset(owner.bytes, (int)(i + 1), sizeof owner.bytes);
        box_key_generate(&h->box);
        memcpy(h->keys.box.bytes, h->box.public_key, sizeof h->keys.box.bytes);
        random_bytes(h->keys.log_key.bytes, sizeof h->keys.log_key.bytes);
        if (s->v.index->ops->household_create(s->v.index, &h->id, &owner, 0, &d)) fail_msg("%s", d.text);
        if (s->v.index->ops->household_keys_put(s->v.index, &h->id, &h->keys, &d)) fail_msg("%s", d.text);
    }
    *state = s;
    return 0;
}

static int teardown(void **state) {
    struct scene *s = *state;
    vault_clear(&s->v);
    folder_fixture_remove(s->folder);
    free(s);
    return 0;
}

static uint64_t append(struct scene *s, size_t home, int number) {
    struct diag d = {0};
    uint64_t index = UINT64_MAX;
    AUTO(json_release) json_t *details = json_pack("{s:i}", "number", number);
    const struct access_act act = {.kind = "grant.use", .household = &s->homes[home].id, .details = details};
    if (access_log_append(&s->v, &act, &index, NULL, &d)) fail_msg("%s", d.text);
    return index;
}

struct held_against {
    const struct home *home;
    uint64_t n;
};

static err check_entry(void *arg, const struct log_row *row, struct bytes raw, struct diag *d) {
    struct held_against *h = arg;
    struct log_entry entry;
    uint8_t tag[LOG_TAG_BYTES];
    AUTO(blob_clear) struct blob plain = {0};
    assert_int_equal(row->n, h->n);
    if (log_entry_decode(raw, &entry, d)) fail_msg("%s", d->text);
    log_tag(h->home->keys.log_key.bytes, h->n++, tag);
    assert_memory_equal(tag, entry.tag, sizeof tag);
    assert_int_equal(box_open(&h->home->box, LOG_BOX_INFO, BYTES_OF(tag), entry.details, &plain), ERR_OK);
    return ERR_OK;
}

/* Every number from 0 on is there, once, with its tag, and opens with the household's key. */
static size_t check_home(struct scene *s, size_t home) {
    struct held_against h = {.home = &s->homes[home]};
    size_t count;
    struct diag d = {0};
    if (log_each_from(&s->v, &h.home->id, 0, 1000, check_entry, &h, &count, &d)) fail_msg("%s", d.text);
    return count;
}

struct worker {
    struct scene *s;
    size_t home;
};

static void *work(void *arg) {
    struct worker *w = arg;
    for (int i = 0; i < EACH_THREAD; i++) append(w->s, (w->home + (size_t)i) % HOUSEHOLDS, i);
    return NULL;
}

static void test_many_append_at_once(void **state) {
    struct scene *s = *state;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){s, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    size_t sum = 0;
    for (size_t i = 0; i < HOUSEHOLDS; i++) sum += check_home(s, i);
    assert_int_equal(sum, THREADS * EACH_THREAD);
    assert_int_equal(s->v.log->checkpoint.size, THREADS * EACH_THREAD);
    vault_clear(&s->v); /* all the same from the index, and the numbers go on */
    open_vault(s);
    assert_int_equal(s->v.log->fresh_count, 0);
    for (size_t i = 0; i < HOUSEHOLDS; i++) {
        size_t before = check_home(s, i);
        append(s, i, 7);
        assert_int_equal(check_home(s, i), before + 1);
    }
}

/* The index lost what the log has: as after a crash, or a restored backup. */
static void test_the_tail_is_mapped_again(void **state) {
    struct scene *s = *state;
    struct diag d = {0};
    for (int i = 0; i < 20; i++) append(s, (size_t)i % 2, i);
    static const uint64_t kept[] = {20, 19, 7, 1, 0};
    for (size_t k = 0; k < sizeof kept / sizeof *kept; k++) {
        if (log_map_fresh(&s->v, &d)) fail_msg("%s", d.text);
        uint64_t size = s->v.log->checkpoint.size;
        if (s->v.index->ops->log_unmap(s->v.index, kept[k], &d)) fail_msg("%s", d.text);
        vault_clear(&s->v);
        open_vault(s);
        assert_int_equal(s->v.log->checkpoint.size, size);
        assert_int_equal(check_home(s, 0) + check_home(s, 1), size);
        append(s, 0, 99);
    }
    check_home(s, 0);
}

static void test_what_cannot_be_logged(void **state) {
    struct scene *s = *state;
    struct diag d = {0};
    struct store_id stranger = {{9}};
    AUTO(json_release) json_t *facts = json_pack("{s:i}", "minutes", 5);
    struct access_act act = {.kind = "grant.use", .household = &stranger};
    assert_int_equal(access_log_append(&s->v, &act, NULL, NULL, &d), ERR_NOT_FOUND);
    act = (struct access_act){.kind = "Grant", .household = &s->homes[0].id};
    assert_int_equal(access_log_append(&s->v, &act, NULL, NULL, &d), ERR_INVALID);
    append(s, 0, 1); /* its number was not used up */
    assert_int_equal(check_home(s, 0), 1);
    uint8_t actor[LOG_ACTOR_BYTES] = {1};
    act = (struct access_act){.kind = "staff.key", .actor = actor, .facts = facts};
    AUTO(blob_clear) struct blob entry = {0};
    uint64_t index;
    assert_int_equal(access_log_append(&s->v, &act, &index, &entry, &d), ERR_OK);
    struct log_entry read;
    uint64_t minutes = 0;
    assert_int_equal(log_entry_decode(blob_bytes(&entry), &read, &d), ERR_OK);
    assert_true(log_entry_fact(&read, "minutes", &minutes));
    assert_int_equal(minutes, 5);
    assert_false(read.tagged);
    assert_true(bytes_equal(read.details, bytes_text("{}")));
    vault_clear(&s->v);
    vault_init(&s->v);
    assert_int_equal(access_log_append(&s->v, &act, NULL, NULL, &d), ERR_UNSUPPORTED);
}

static void test_proofs(void **state) {
    struct scene *s = *state;
    struct diag d = {0};
    uint8_t proof[TLOG_PROOF_MAX + 1][HASH_BYTES];
    size_t count;
    AUTO(blob_clear) struct blob text = {0};
    struct checkpoint c;
    bool cosigned = true;
    for (int i = 0; i < 300; i++) { /* over a tile's border */
        AUTO(blob_clear) struct blob entry = {0};
        uint64_t index;
        const struct access_act act = {.kind = "grant.use", .household = &s->homes[0].id};
        if (access_log_append(&s->v, &act, &index, &entry, &d)) fail_msg("%s", d.text);
        if (i % 37 && i < 250) continue;
        if (access_log_prove(&s->v, index, &s->homes[0].id, false, &text, proof, &count, &cosigned, &d))
            fail_msg("%s", d.text);
        assert_false(cosigned);
        if (log_proof_check(access_log_key(s->v.log), (const char *)text.data, text.len, index,
                            blob_bytes(&entry), (const uint8_t(*)[HASH_BYTES])proof, count, NULL, 0, &c, &d))
            fail_msg("%s", d.text);
    }
    assert_int_equal(access_log_prove(&s->v, 300, NULL, false, &text, proof, &count, NULL, &d),
                     ERR_NOT_FOUND);
}

/* --- a crash --- */

#define KILLS 25
#define CHILD_THREADS 4

struct acknowledged {
    uint32_t home, n; /* its number, as the log gave it */
};

struct child {
    struct scene *s;
    size_t home;
    int pipe;
};

static void *work_until_killed(void *arg) {
    const struct child *c = arg;
    struct diag d;
    for (;;) {
        uint64_t index;
        const struct access_act act = {.kind = "grant.use", .household = &c->s->homes[c->home].id};
        if (access_log_append(&c->s->v, &act, &index, NULL, &d)) _exit(2);
        const struct acknowledged said = {(uint32_t)c->home, (uint32_t)index};
        if (write(c->pipe, &said, sizeof said) != sizeof said) _exit(3);
    }
}

static void work_in_child(struct scene *s, int pipe) {
    pthread_t threads[CHILD_THREADS];
    struct child children[CHILD_THREADS];
    open_vault(s);
    for (size_t i = 0; i < CHILD_THREADS; i++) {
        children[i] = (struct child){s, i % HOUSEHOLDS, pipe};
        if (pthread_create(&threads[i], NULL, work_until_killed, &children[i])) _exit(1);
    }
    for (size_t i = 0; i < CHILD_THREADS; i++) pthread_join(threads[i], NULL);
}

/* Whose entry this is, by the index. */
static bool is_mapped(struct scene *s, const struct acknowledged *said) {
    struct log_row *rows = NULL;
    size_t count = 0;
    uint64_t n = 0;
    bool found = false;
    struct diag d;
    do {
        if (log_rows_from(&s->v, &s->homes[said->home].id, n, 1000, &rows, &count, &d))
            fail_msg("%s", d.text);
        for (size_t i = 0; i < count; i++) found |= rows[i].entry == said->n;
        n += count;
        free(rows);
    } while (count && !found);
    return found;
}

/* Killed at any moment: what was acknowledged is there, whose it was, and no household has a gap. */
static void test_killed_at_any_moment(void **state) {
    struct scene *s = *state;
    struct acknowledged said, last = {0};
    uint64_t total = 0;
    vault_clear(&s->v);
    for (int kill_number = 0; kill_number < KILLS; kill_number++) {
        int ends[2], status;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            work_in_child(s, ends[1]);
        }
        close(ends[1]);
        for (int i = 0; i < kill_number % 7 + 1; i++)
            assert_int_equal(read(ends[0], &said, sizeof said), sizeof said);
        usleep((useconds_t)(kill_number * 977 % 20000));
        assert_int_equal(kill(child, SIGKILL), 0);
        for (total++; read(ends[0], &said, sizeof said) == sizeof said; total++) last = said;
        close(ends[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        open_vault(s);
        assert_true(s->v.log->checkpoint.size >= total);
        assert_true(total < 2 || is_mapped(s, &last));
        for (size_t i = 0; i < HOUSEHOLDS; i++) check_home(s, i);
        total = s->v.log->checkpoint.size;
        vault_clear(&s->v);
    }
    print_message("# %d kills, %llu entries\n", KILLS, (unsigned long long)total);
    open_vault(s);
}

/* --- what staff are refused --- */

#define ACTORS (STAFF_REFUSAL_ACTORS + 1)
#define COUNTED 3 /* of each, beyond those that are logged singly */

static struct store_key staff_of(size_t number) {
    struct store_key key = {{1, (uint8_t)number}};
    return key;
}

struct refuser {
    struct scene *s;
    size_t from, to;
    unsigned times;
};

static void *refuse(void *arg) {
    struct refuser *r = arg;
    for (size_t i = r->from; i < r->to; i++) {
        struct store_key key = staff_of(i);
        for (unsigned k = 0; k < r->times; k++) staff_refused_note(&r->s->v, &key, "GET /v1/grants", false);
    }
    return NULL;
}

/* As many as can be counted by name, and one more: nobody's count stands under another's name. */
static void test_refusals_by_more_than_fit(void **state) {
    struct scene *s = *state;
    struct diag d = {0};
    pthread_t threads[THREADS];
    struct refuser refusers[THREADS];
    AUTO(blob_clear) struct blob bundle = {0};
    uint64_t at = UINT64_MAX, of[ACTORS] = {0}, of_others = 0;
    if (staff_new(&s->v, "/nowhere/staff.key", &d)) fail_msg("%s", d.text);
    for (size_t i = 0; i < THREADS; i++) { /* together, so that they share syncs */
        refusers[i] =
            (struct refuser){s, ACTORS * i / THREADS, ACTORS * (i + 1) / THREADS, STAFF_REFUSALS_SINGLY};
        assert_int_equal(pthread_create(&threads[i], NULL, refuse, &refusers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    refuse(&(struct refuser){s, 0, ACTORS, COUNTED});
    staff_refused_flush(&s->v);
    staff_refused_flush(&s->v); /* once */
    struct bytes raw = {0};
    for (uint64_t i = 0; i < s->v.log->checkpoint.size; i++) {
        struct log_entry entry;
        uint64_t n = 0;
        size_t who = 0;
        if (log_read_next(s->v.log, i, s->v.log->checkpoint.size, &bundle, &at, &raw, &d))
            fail_msg("%s", d.text);
        if (log_entry_decode(raw, &entry, &d)) fail_msg("%s", d.text);
        assert_true(log_entry_fact(&entry, "count", &n));
        for (; entry.acted && who < ACTORS; who++) {
            uint8_t actor[STAFF_ACTOR_BYTES];
            struct store_key key = staff_of(who);
            staff_actor(&key, actor);
            if (memcmp(actor, entry.actor, sizeof actor) == 0) break;
        }
        assert_true(who < ACTORS);
        *(entry.acted ? &of[who] : &of_others) += n;
    }
    for (size_t i = 0; i < ACTORS; i++)
        assert_int_equal(of[i],
                         i < STAFF_REFUSAL_ACTORS ? STAFF_REFUSALS_SINGLY + COUNTED : STAFF_REFUSALS_SINGLY);
    assert_int_equal(of_others, COUNTED);
}

/* --- grants that cannot be read --- */

static void damaged_grant(struct scene *s, const struct store_id *household, size_t number) {
    struct grant_row row = {.household = *household, .purpose = GRANT_LINK, .created = 1, .expires = 2};
    const struct grant_bytes bytes = {.statement = bytes_text("statement"), .box = bytes_text("box")};
    struct diag d = {0};
    be64_put(row.grant.bytes, number);
    if (s->v.index->ops->grant_add(s->v.index, &row, &bytes, &d)) fail_msg("%s", d.text);
}

static err count_one(void *arg, const struct grant_row *row, const struct grant_bytes *bytes) {
    ++*(size_t *)arg;
    return ERR_OK;
}

/* More than a batch that cannot be closed, and behind them some that are damaged: those end all the same, and
 * the sweep comes to an end. */
static void test_sweep_steps_over(void **state) {
    struct scene *s = *state;
    const struct store_id mute = {{99}}; /* it has told no keys, so that nothing of it can be logged */
    struct store_key owner = {{99}};
    struct diag d = {0};
    size_t due = 0;
    if (s->v.index->ops->household_create(s->v.index, &mute, &owner, 0, &d)) fail_msg("%s", d.text);
    for (size_t i = 0; i < 130; i++) damaged_grant(s, &mute, i);
    for (size_t i = 0; i < 3; i++) damaged_grant(s, &s->homes[0].id, 1000 + i);
    assert_int_equal(grants_sweep(&s->v, &d), ERR_NOT_FOUND);
    assert_int_equal(check_home(s, 0), 3);
    assert_int_equal(grants_sweep(&s->v, &d), ERR_NOT_FOUND);
    assert_int_equal(check_home(s, 0), 3); /* once */
    if (s->v.index->ops->grant_due(s->v.index, 3, 0, 1000, count_one, &due, &d)) fail_msg("%s", d.text);
    assert_int_equal(due, 130);
}

/* --- tokens of grants --- */

static void test_how_long_a_token_renews(void **state) {
    struct scene *s = *state;
    const struct store_id grant = {{5}}, other = {{6}};
    struct store_id of;
    uint64_t entry = 0;
    char token[GRANT_TOKEN_CHARS];
    const uint32_t ends = 100000, last = ends - 1 + GRANT_RENEW_S;
    grant_token_make(&s->v, &grant, 77, ends, token);
    assert_int_equal(grant_token_read(&s->v, token, ends - 1, &of, &entry), ERR_OK);
    assert_int_equal(grant_token_read(&s->v, token, ends, &of, &entry), ERR_DENIED);
    entry = 0;
    assert_true(grant_token_renews(&s->v, token, last, &grant, &entry));
    assert_int_equal(entry, 77);
    assert_true(grant_token_renews(&s->v, token, 5, &grant, &entry));
    assert_false(grant_token_renews(&s->v, token, last + 1, &grant, &entry));
    assert_false(grant_token_renews(&s->v, token, last, &other, &entry));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_append_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_tail_is_mapped_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_logged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proofs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_at_any_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sweep_steps_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_how_long_a_token_renews, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals_by_more_than_fit, setup, teardown),
    };
    return cmocka_run_group_tests_name("access log", tests, NULL, NULL);
}
