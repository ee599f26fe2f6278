/* What of a hub's words goes to a support desk, and the file that holds a provider's secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/tickets.h"

static void test_scrub(void **state) {
    static const struct {
        const char *said, *sent;
    } cases[] = {
        {"", ""},
        {"no answer", "no answer"},
        {"cannot reach rtsp://admin:hunter2@192.168.1.20:554/h264: timed out",
         "cannot reach [address] timed out"},
        {"192.168.1.20 refused the connection", "[address] refused the connection"},
        {"(192.168.1.20:554)", "[address]"},
        {"connect to [fe80::1]:554 failed", "connect to [address] failed"},
        {"no route to 2001:db8::7", "no route to [address]"},
        {"camera.home.arpa does not resolve", "[address] does not resolve"},
        {"porch-cam:8554 closed", "[address] closed"},
        {"user admin@house is not known", "user [address] is not known"},
        {"401 Unauthorized, then 3 tries", "401 Unauthorized, then 3 tries"},
        {"H.264 level 4.1 at 29.97 fps", "H.264 level 4.1 at 29.97 fps"},
        {"at 14:03 the stream ended.", "at [address] the stream ended."},
        {"clip.mp4 ended", "[address] ended"}, /* a word too many is no harm */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[TICKET_ERROR_BYTES];
        ticket_scrub(cases[i].said, out);
        if (strcmp(out, cases[i].sent) != 0) fail_msg("\"%s\" became \"%s\"", cases[i].said, out);
    }
}

static void test_scrub_is_bounded(void **state) {
    char long_words[1000], one_word[1000], out[TICKET_ERROR_BYTES];
    for (size_t i = 0; i < sizeof long_words - 1; i++) long_words[i] = i % 10 == 9 ? ' ' : 'a';
    memset(one_word, 'b', sizeof one_word - 1);
    long_words[sizeof long_words - 1] = one_word[sizeof one_word - 1] = 0;
    ticket_scrub(long_words, out);
    assert_in_range(strlen(out), 150, TICKET_ERROR_BYTES - 1);
    ticket_scrub(one_word, out);
    assert_string_equal(out, "");
}

/* Whatever a hub says besides, only the figures go. */
static void test_health(void **state) {
    static const char status[] =
        "{\"hub\":{\"version\":\"0.1.0\",\"state\":\"ok\",\"uptime_s\":5,\"spool_bytes\":7,\"waiting\":0,"
        "\"message\":\"vault at "
        "https://vault.example\",\"secret\":\"s\"},\"cameras\":[{\"camera\":\"aa\",\"name\":"
        "\"porch\",\"kind\":\"main\",\"state\":\"failed\",\"fps\":24.6,\"kbit_s\":100,\"lost\":2,"
        "\"restarts\":1,"
        "\"width\":640,\"height\":360,\"codec\":\"h264\",\"url\":\"rtsp://admin:pw@10.0.0.2/\",\"message\":"
        "\"rtsp://admin:pw@10.0.0.2/ refused\"},{\"name\":\"\",\"kind\":\"sub\",\"state\":\"streaming\"}]}";
    AUTO(json_release) json_t *in = json_loads(status, 0, NULL);
    AUTO(json_release) json_t *out = NULL;
    struct diag d = {{0}};
    assert_non_null(in);
    assert_int_equal(ticket_health_of(in, "0.1.0", &out, &d), ERR_OK);
    char *text = json_dumps(out, JSON_COMPACT);
    static const char *const never[] = {"admin",  "pw",     "10.0.0.2", "vault.example",
                                        "secret", "\"aa\"", "url"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) assert_null(strstr(text, never[i]));
    assert_non_null(strstr(text, "\"fps\":25"));
    assert_int_equal(json_array_size(json_object_get(out, "cameras")), 1);
    assert_int_equal(ticket_health_check(out, &d), ERR_OK);
    free(text);
}

static void test_provider_file(void **state) {
    const struct passphrase_cost low = {8192, 1};
    struct provider_secrets p = {.name = "Example", .time = 7}, back = {0};
    AUTO(blob_clear) struct blob raw = {0}, statement = {0};
    struct staff_key key;
    struct diag d = {{0}};
    sign_key_generate(&p.staff);
    box_key_generate(&p.desk);
    assert_int_equal(provider_file_seal(&p, bytes_text("right horse"), low, &raw, &d), ERR_OK);
    assert_int_equal(provider_file_open(blob_bytes(&raw), bytes_text("wrong horse"), &back, &d), ERR_FORGED);
    assert_int_equal(provider_file_open(blob_bytes(&raw), bytes_text("right horse"), &back, &d), ERR_OK);
    assert_memory_equal(&back, &p, sizeof p);
    assert_int_equal(provider_statement(&back, &statement), ERR_OK);
    assert_int_equal(staff_key_read(blob_bytes(&statement), &key, &d), ERR_OK);
    assert_memory_equal(key.desk, p.desk.public_key, sizeof key.desk);
    /* Each byte counts, and no cut is taken. */
    for (size_t i = 0; i < raw.len; i++) {
        raw.data[i] ^= 1;
        err e = provider_file_open(blob_bytes(&raw), bytes_text("right horse"), &back, &d);
        raw.data[i] ^= 1;
        if (!e) fail_msg("byte %zu does not count", i);
    }
    for (size_t len = 0; len < 60; len++)
        assert_int_equal(provider_file_open(BYTES(raw.data, len), bytes_text("right horse"), &back, &d),
                         len < 58 ? ERR_INVALID : ERR_FORGED);
    provider_secrets_clear(&p);
    provider_secrets_clear(&back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scrub),
        cmocka_unit_test(test_scrub_is_bounded),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_provider_file),
    };
    return cmocka_run_group_tests_name("tickets", tests, NULL, NULL);
}
