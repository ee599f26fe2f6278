/* Familiar faces: who is recognised, and that who is forgotten is forgotten. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "crypto/hash.h"
#include "hub/faces.h"
#include "hub/recent.h"

static const struct wall_us now = {1700049600000000};

static void folder_make_temporary(char out[64]) {
    snprintf(out, 64, "/tmp/faces-test-XXXXXX");
    assert_non_null(mkdtemp(out));
}

static void folder_remove(const char *folder) {
    DIR *names = opendir(folder);
    char path[PATH_TEXT_BYTES];
    for (struct dirent *e; (e = readdir(names));)
        if (!path_join(path, folder, e->d_name)) unlink(path);
    closedir(names);
    rmdir(folder);
}

static void random_face(float out[VISION_EMBEDDING_FLOATS]) {
    double length = 0;
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++) {
        int16_t v;
        random_bytes(&v, sizeof v);
        out[i] = (float)v / 32768;
        length += (double)out[i] * out[i];
    }
    for (size_t i = 0; i < VISION_EMBEDDING_FLOATS; i++) out[i] /= (float)sqrt(length);
}

static struct faces *open_faces(const char *folder) {
    struct faces *f = NULL;
    struct diag d = {{0}};
    if (faces_open(folder, &f, &d)) fail_msg("%s", d.text);
    return f;
}

static void add(struct faces *f, const char *name, const float face[VISION_EMBEDDING_FLOATS], char id[17]) {
    struct diag d = {{0}};
    float one[1][VISION_EMBEDDING_FLOATS];
    memcpy(one[0], face, sizeof one[0]);
    if (faces_add(f, name, "the owner", now, (const float(*)[VISION_EMBEDDING_FLOATS])one, 1, id, &d))
        fail_msg("%s", d.text);
}

/* How many files of the folder hold any eight bytes in a row of what stands for the template, in either byte
 * order. */
static size_t files_with(const char *folder, const float face[VISION_EMBEDDING_FLOATS]) {
    DIR *names = opendir(folder);
    size_t found = 0;
    for (struct dirent *e; (e = readdir(names));) {
        char path[PATH_TEXT_BYTES];
        AUTO(blob_clear) struct blob raw = {0};
        if (e->d_name[0] == '.' || path_join(path, folder, e->d_name) ||
            file_read(path, 4u << 20, &raw, NULL))
            continue;
        bool hit = false;
        for (size_t i = 0; i + 1 < VISION_EMBEDDING_FLOATS; i++) {
            uint8_t little[8], big[8];
            uint32_t bits[2];
            memcpy(little, &face[i], sizeof little);
            memcpy(bits, little, sizeof bits);
            be32_put(big, bits[0]);
            be32_put(big + 4, bits[1]);
            hit |= memmem(raw.data, raw.len, little, 8) != NULL || memmem(raw.data, raw.len, big, 8) != NULL;
        }
        found += hit;
    }
    closedir(names);
    return found;
}

static void copy_file(const char *folder, const char *name, struct blob *out) {
    char path[PATH_TEXT_BYTES];
    struct diag d = {{0}};
    out->len = 0;
    assert_int_equal(path_join(path, folder, name), ERR_OK);
    if (file_read(path, 4u << 20, out, &d)) fail_msg("%s", d.text);
}

static void put_file(const char *folder, const char *name, const struct blob *data) {
    char path[PATH_TEXT_BYTES];
    struct diag d = {{0}};
    assert_int_equal(path_join(path, folder, name), ERR_OK);
    if (file_replace(path, blob_bytes(data), 0600, &d)) fail_msg("%s", d.text);
}

static enum face_state look(const struct faces *f, const float face[VISION_EMBEDDING_FLOATS],
                            const char *name) {
    struct faces_match m;
    faces_look(f, face, &m);
    if (m.state == FACE_KNOWN) assert_string_equal(m.name, name);
    return m.state;
}

static void test_who_is_forgotten_is_forgotten(void **state) {
    (void)state;
    char folder[64], ada[17], bob[17];
    float a[VISION_EMBEDDING_FLOATS], b[VISION_EMBEDDING_FLOATS];
    AUTO(blob_clear) struct blob old_file = {0}, old_key = {0}, new_file = {0}, new_key = {0};
    struct diag d = {{0}};
    folder_make_temporary(folder);
    random_face(a);
    random_face(b);
    struct faces *f = open_faces(folder);
    add(f, "Ada", a, ada);
    add(f, "Bob", b, bob);
    assert_int_equal(look(f, a, "Ada"), FACE_KNOWN);
    assert_int_equal(files_with(folder, a), 0); /* sealed, even while it is kept */
    copy_file(folder, "faces", &old_file);
    copy_file(folder, "faces.key", &old_key);
    assert_int_equal(faces_remove(f, ada, &d), ERR_OK);
    assert_int_equal(look(f, a, ""), FACE_UNKNOWN);
    assert_int_equal(look(f, b, "Bob"), FACE_KNOWN);
    assert_int_equal(faces_remove(f, ada, &d), ERR_NOT_FOUND);
    assert_int_equal(files_with(folder, a), 0);
    copy_file(folder, "faces", &new_file);
    copy_file(folder, "faces.key", &new_key);
    /* Not a byte of the old key is left where it was. */
    for (size_t i = 0; i + 8 <= old_key.len; i++) {
        static const uint8_t zeros[8];
        if (memcmp(old_key.data + i, zeros, 8) == 0) continue;
        if (memmem(new_key.data, new_key.len, old_key.data + i, 8))
            fail_msg("the old key is still there at %zu", i);
    }
    faces_free(f);
    /* A copy of the file from before opens with no key that is left. */
    put_file(folder, "faces", &old_file);
    assert_int_equal(faces_open(folder, &f, &d), ERR_FORGED);
    put_file(folder, "faces", &new_file);
    f = open_faces(folder);
    assert_int_equal(look(f, b, "Bob"), FACE_KNOWN);
    assert_int_equal(look(f, a, ""), FACE_UNKNOWN);
    assert_int_equal(faces_remove(f, bob, &d), ERR_OK);
    faces_free(f);
    copy_file(folder, "faces.key", &new_key); /* nobody is left: no file, and no key */
    for (size_t i = 0; i < new_key.len; i++) assert_int_equal(new_key.data[i], 0);
    f = open_faces(folder);
    assert_false(faces_any(f));
    faces_free(f);
    folder_remove(folder);
}

/* Power may fail between any two of a deletion's steps. */
static void test_a_deletion_that_is_broken_off(void **state) {
    (void)state;
    char folder[64], id[17];
    float a[VISION_EMBEDDING_FLOATS], b[VISION_EMBEDDING_FLOATS];
    AUTO(blob_clear) struct blob old_file = {0}, old_key = {0}, new_file = {0}, new_key = {0}, both = {0};
    struct diag d = {{0}};
    folder_make_temporary(folder);
    random_face(a);
    random_face(b);
    struct faces *f = open_faces(folder);
    add(f, "Bob", b, id);
    add(f, "Ada", a, id);
    copy_file(folder, "faces", &old_file);
    copy_file(folder, "faces.key", &old_key);
    assert_int_equal(faces_remove(f, id, &d), ERR_OK);
    copy_file(folder, "faces", &new_file);
    copy_file(folder, "faces.key", &new_key);
    faces_free(f);
    assert_int_equal(new_key.len, 64);
    assert_int_equal(blob_append(&both, BYTES(old_key.data, 32)),
                     ERR_OK); /* the old key was in the first slot */
    assert_int_equal(blob_append(&both, BYTES(new_key.data + 32, 32)), ERR_OK);
    const struct {
        const char *label;
        const struct blob *file;
        bool ada;
    } cases[] = {{"the fresh key is written, the file is not", &old_file, true},
                 {"the file is written, the old key is there", &new_file, false}};
    for (size_t i = 0; i < 2; i++) {
        AUTO(blob_clear) struct blob left = {0};
        put_file(folder, "faces", cases[i].file);
        put_file(folder, "faces.key", &both);
        f = open_faces(folder);
        if ((look(f, a, "Ada") == FACE_KNOWN) != cases[i].ada) fail_msg("%s", cases[i].label);
        assert_int_equal(look(f, b, "Bob"), FACE_KNOWN);
        faces_free(f);
        copy_file(folder, "faces.key", &left); /* and one key alone is left */
        static const uint8_t zeros[32];
        assert_int_equal((memcmp(left.data, zeros, 32) == 0) + (memcmp(left.data + 32, zeros, 32) == 0), 1);
    }
    folder_remove(folder);
}

static void test_limits(void **state) {
    (void)state;
    char folder[64], id[17];
    static float many[FACES_TEMPLATES_MAX + 1][VISION_EMBEDDING_FLOATS];
    struct diag d = {{0}};
    folder_make_temporary(folder);
    struct faces *f = open_faces(folder);
    for (size_t i = 0; i <= FACES_TEMPLATES_MAX; i++) random_face(many[i]);
    const float(*list)[VISION_EMBEDDING_FLOATS] = (const float(*)[VISION_EMBEDDING_FLOATS])many;
    assert_int_equal(faces_add(f, "Ada", "x", now, list, FACES_TEMPLATES_MAX + 1, id, &d), ERR_LIMIT);
    assert_false(faces_any(f));
    assert_int_equal(faces_add(f, "Ada", "x", now, list, FACES_TEMPLATES_MAX, id, &d), ERR_OK);
    assert_int_equal(faces_add(f, "Ada", "x", now, list, 1, id, &d), ERR_LIMIT);
    for (int i = 1; i <= FACES_PEOPLE_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "person %d", i);
        assert_int_equal(faces_add(f, name, "x", now, list, 1, id, &d),
                         i < FACES_PEOPLE_MAX ? ERR_OK : ERR_LIMIT);
    }
    many[0][0] = NAN;
    assert_int_equal(faces_add(f, "Ada", "x", now, list, 1, id, &d), ERR_INVALID);
    many[0][0] = 2; /* not of length 1 */
    assert_int_equal(faces_add(f, "Ada", "x", now, list, 1, id, &d), ERR_INVALID);
    struct faces_match m;
    faces_look(f, many[0], &m);
    assert_int_equal(m.state, FACE_NONE);
    faces_free(f);
    folder_remove(folder);
}

static void test_a_match_begins_at_its_threshold(void **state) {
    (void)state;
    char folder[64], id[17];
    float ada[VISION_EMBEDDING_FLOATS] = {1}, seen[VISION_EMBEDDING_FLOATS] = {0};
    const float cosines[] = {1.0f, 0.75f, 0.501f, 0.499f, 0.0f, -1.0f};
    folder_make_temporary(folder);
    struct faces *f = open_faces(folder);
    add(f, "Ada", ada, id);
    for (size_t i = 0; i < sizeof cosines / sizeof *cosines; i++) {
        seen[0] = cosines[i];
        seen[1] = sqrtf(1 - cosines[i] * cosines[i]);
        assert_int_equal(look(f, seen, "Ada"), cosines[i] >= FACES_MATCH_MIN ? FACE_KNOWN : FACE_UNKNOWN);
    }
    faces_free(f);
    folder_remove(folder);
}

static void test_damaged_files(void **state) {
    (void)state;
    char folder[64], id[17];
    float a[VISION_EMBEDDING_FLOATS];
    AUTO(blob_clear) struct blob whole = {0};
    struct diag d = {{0}};
    folder_make_temporary(folder);
    random_face(a);
    struct faces *f = open_faces(folder);
    add(f, "Ada", a, id);
    faces_free(f);
    copy_file(folder, "faces", &whole);
    for (size_t at = 0; at < whole.len; at += whole.len / 7 + 1) {
        whole.data[at] ^= 1;
        put_file(folder, "faces", &whole);
        err e = faces_open(folder, &f, &d);
        if (e != ERR_FORGED && e != ERR_INVALID) fail_msg("byte %zu: %s", at, err_text(e));
        whole.data[at] ^= 1;
    }
    put_file(folder, "faces", &whole);
    f = open_faces(folder);
    assert_int_equal(look(f, a, "Ada"), FACE_KNOWN);
    faces_free(f);
    folder_remove(folder);
}

/* --- Which object an event was about --- */

static struct recent_event event_of(uint32_t n, bool open) {
    struct recent_event e = {
        .camera = {1}, .label = SEEN_PERSON, .open = open, .begin = now, .end = now, .look = {5}};
    be32_put(e.id, n);
    return e;
}

static void test_recent_events(void **state) {
    (void)state;
    char folder[64], path[PATH_TEXT_BYTES];
    struct recent *r = NULL;
    struct diag d = {{0}};
    folder_make_temporary(folder);
    assert_int_equal(recent_open(folder, &r, &d), ERR_OK);
    for (uint32_t n = 1; n <= RECENT_MAX + 1; n++) {
        struct recent_event e = event_of(n, false);
        recent_add(r, &e, NULL);
    }
    assert_null(recent_find(r, event_of(1, false).id)); /* the oldest made room */
    assert_non_null(recent_find(r, event_of(2, false).id));
    struct recent_event open = event_of(70000, true), end = event_of(70001, false);
    recent_add(r, &open, NULL);
    assert_memory_equal(recent_next_open(r)->id, open.id, 16);
    recent_free(r);
    assert_int_equal(recent_open(folder, &r, &d), ERR_OK);
    assert_memory_equal(recent_next_open(r)->id, open.id, 16);
    recent_add(r, &end, open.id);
    assert_null(recent_next_open(r));
    recent_free(r);
    /* A torn record is left out, the others are there. */
    AUTO(blob_clear) struct blob raw = {0};
    copy_file(folder, "recent", &raw);
    memset(raw.data + 5 * RECENT_BYTES + 60, 0xff, RECENT_BYTES);
    put_file(folder, "recent", &raw);
    assert_int_equal(recent_open(folder, &r, &d), ERR_OK);
    assert_null(recent_find(r, event_of(RECENT_MAX + 1 + 5, false).id));
    assert_non_null(recent_find(r, end.id));
    recent_forget(r, end.camera);
    assert_null(recent_find(r, end.id));
    recent_free(r);
    assert_int_equal(path_join(path, folder, "recent"), ERR_OK);
    folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_forgotten_is_forgotten),
        cmocka_unit_test(test_a_deletion_that_is_broken_off),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_a_match_begins_at_its_threshold),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_recent_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
