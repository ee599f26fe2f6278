/* What a vault does beside answering for households: pages, TLS, retention, fsck, backup and restore. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <dirent.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "tlog/log_audit.h"
#include "vault/vault_fixture.h"

static void write_file(const char *folder, const char *name, const char *text) {
    char path[PATH_TEXT_BYTES];
    struct diag d = {0};
    assert_int_equal(path_join(path, folder, name), ERR_OK);
    if (file_replace(path, bytes_text(text), 0600, &d)) fail_msg("%s", d.text);
}

static void says(const struct daemon *d, const char *path, const char *header, const char *name,
                 const char *value) {
    char got[200];
    AUTO(answer_clear) struct answer a = {0};
    ASK(d, 200, &a, "GET", path, .headers = {header});
    if (strcmp(answer_header(&a, name, got), value) != 0) fail_msg("%s: %s is \"%s\"", path, name, got);
}

/* Each page's own addresses are views of it alone: what only begins as one does is the app's. */
static void page_is(const struct daemon *d, const char *path, const char *text) {
    AUTO(answer_clear) struct answer a = {0};
    ASK(d, 200, &a, "GET", path);
    if (a.body.len != strlen(text) || memcmp(a.body.data, text, a.body.len) != 0)
        fail_msg("%s: %.*s", path, (int)a.body.len, (const char *)a.body.data);
}

static void make_pages(const char *web) {
    static const char *const pages[] = {"share", "desk"};
    struct diag why = {0};
    char folder[160];
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        snprintf(folder, sizeof folder, "%s/%s", web, pages[i]);
        assert_int_equal(folder_make(folder, &why), ERR_OK);
        write_file(folder, "index.html", pages[i]);
    }
}

static void test_pages(void **state) {
    struct daemon d;
    char web[128], ca[128], text[200];
    struct diag why = {0};
    AUTO(answer_clear) struct answer a = {0};
    daemon_make(&d, true);
    snprintf(web, sizeof web, "%s/web", d.folder);
    snprintf(ca, sizeof ca, "%s/ca.crt", d.folder);
    assert_int_equal(folder_make(web, &why), ERR_OK);
    write_file(web, "index.html", "<!doctype html>");
    make_pages(web);
    write_file(web, "app-ABCD2345.js", "plain");
    write_file(web, "app-ABCD2345.js.gz", "packed");
    write_file(web, ".secret", "no");
    write_file(d.folder, "ca.crt", "-----BEGIN CERTIFICATE-----");
    d.more[0] = "--web", d.more[1] = web, d.more[2] = "--ca-cert", d.more[3] = ca, d.more[4] = "--ca-listen";
    d.more[5] = "127.0.0.1:0";
    daemon_start(&d);
    says(&d, "/", NULL, "Content-Type", "text/html; charset=utf-8");
    says(&d, "/", NULL, "Cache-Control", "no-cache");
    says(&d, "/cameras/1/2", NULL, "Content-Type", "text/html; charset=utf-8");
    page_is(&d, "/shares", "<!doctype html>");
    page_is(&d, "/share", "share");
    page_is(&d, "/share/", "share");
    page_is(&d, "/desk/tickets/1", "desk");
    says(&d, "/share/", NULL, "Content-Type", "text/html; charset=utf-8");
    says(&d, "/share/", NULL, "Cache-Control", "no-cache");
    says(&d, "/app-ABCD2345.js", NULL, "Cache-Control", "public, max-age=31536000, immutable");
    says(&d, "/app-ABCD2345.js", NULL, "Content-Encoding", "");
    says(&d, "/app-ABCD2345.js", "Accept-Encoding: br, gzip", "Content-Encoding", "gzip");
    says(&d, "/app-ABCD2345.js", NULL, "Content-Type", "text/javascript; charset=utf-8");
    says(&d, "/", NULL, "X-Frame-Options", "DENY");
    says(&d, "/", NULL, "Cross-Origin-Opener-Policy", "same-origin");
    says(&d, "/ca.crt", NULL, "Content-Type", "application/x-x509-ca-cert");
    ASK(&d, 200, &a, "GET", "/");
    assert_non_null(memmem(a.headers.data, a.headers.len,
                           "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'", 52));
    assert_null(memmem(a.headers.data, a.headers.len, "unsafe-inline", 13));
    char match[240];
    snprintf(match, sizeof match, "If-None-Match: %s", answer_header(&a, "ETag", text));
    ASK(&d, 304, NULL, "GET", "/", .headers = {match});
    static const char *const missing[] = {"/.secret", "/missing.js", "/web/.secret", "/..%2fca.crt",
                                          "/%2e%2e/ca.crt"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        ask(&d, &(struct ask){"GET", missing[i]}, (answer_clear(&a), &a));
        if (a.status != 404 && a.status != 400) fail_msg("%s: %ld", missing[i], a.status);
    }
    ASK(&d, 405, NULL, "POST", "/", .body = bytes_text("x"));
    daemon_clean(&d);
}

/* Appends "path": hash of text to a release's list. */
static void list_file(struct blob *list, const char *path, const char *text) {
    uint8_t hash[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1], line[200];
    hash_sha256(bytes_text(text), hash);
    hex_encode(BYTES_OF(hash), hex);
    snprintf(line, sizeof line, "%s\"%s\":\"%s\"", list->len ? "," : "", path, hex);
    assert_int_equal(blob_append(list, bytes_text(line)), ERR_OK);
}

/* A page is served as its release has it, or not at all: changed before the start or under way, packed or
 * not. */
static void test_release(void **state) {
    struct daemon d;
    char web[128], list[1000];
    struct diag why = {0};
    AUTO(blob_clear) struct blob files = {0};
    AUTO(answer_clear) struct answer a = {0};
    daemon_make(&d, true);
    snprintf(web, sizeof web, "%s/web", d.folder);
    assert_int_equal(folder_make(web, &why), ERR_OK);
    list_file(&files, "/index.html", "<!doctype html>");
    list_file(&files, "/app.js", "plain");
    list_file(&files, "/app.js.gz", "packed");
    list_file(&files, "/swapped.js", "as it was");
    list_file(&files, "/missing.js", "never installed");
    snprintf(list, sizeof list, "{\"v\":1,\"version\":\"one\",\"files\":{%.*s}}", (int)files.len,
             (const char *)files.data);
    write_file(web, "release.json", list);
    write_file(web, "index.html", "<!doctype html>");
    write_file(web, "app.js", "plain");
    write_file(web, "app.js.gz", "packed");
    write_file(web, "swapped.js", "as it is!");
    write_file(web, "more.js", "in no release");
    d.more[0] = "--web", d.more[1] = web;
    daemon_start(&d);
    page_is(&d, "/", "<!doctype html>");
    page_is(&d, "/release.json", list);
    page_is(&d, "/app.js", "plain");
    ASK(&d, 503, &a, "GET", "/swapped.js");
    assert_string_equal(answer_text(&a, "error"), "busy");
    assert_null(memmem(a.body.data, a.body.len, "as it is", 8));
    ASK(&d, 503, NULL, "GET", "/more.js");
    ASK(&d, 404, NULL, "GET", "/missing.js");
    write_file(web, "app.js.gz", "pocked");
    page_is(&d, "/app.js", "plain");
    ASK(&d, 503, NULL, "GET", "/app.js", .headers = {"Accept-Encoding: gzip"});
    write_file(web, "app.js.gz", "packed");
    ASK(&d, 200, NULL, "GET", "/app.js", .headers = {"Accept-Encoding: gzip"});
    write_file(web, "index.html", "<script>");
    ask(&d, &(struct ask){"GET", "/cameras", .headers = {"Accept: text/html,*/*"}}, (answer_clear(&a), &a));
    assert_int_equal(a.status, 503);
    assert_non_null(memmem(a.body.data, a.body.len, "<title>", 7)); /* to a browser, a page that asks again */
    assert_null(memmem(a.body.data, a.body.len, "<script>", 8));
    write_file(web, "index.html", "<!doctype html>");
    write_file(web, "swapped.js", "as it was");
    page_is(&d, "/cameras", "<!doctype html>");
    page_is(&d, "/swapped.js", "as it was");
    daemon_clean(&d);
}

/* Pages that are built anew under a vault that runs: they are served once they are whole, and in the log. */
static void test_release_replaced(void **state) {
    struct daemon d;
    char web[128], list[400];
    struct diag why = {0};
    AUTO(blob_clear) struct blob files = {0}, next = {0};
    AUTO(answer_clear) struct answer a = {0};
    daemon_make(&d, true);
    snprintf(web, sizeof web, "%s/web", d.folder);
    assert_int_equal(folder_make(web, &why), ERR_OK);
    list_file(&files, "/index.html", "one");
    list_file(&files, "/app.js", "one");
    list_file(&next, "/index.html", "two");
    list_file(&next, "/app.js", "two");
    snprintf(list, sizeof list, "{\"v\":1,\"version\":\"one\",\"files\":{%.*s}}", (int)files.len,
             (const char *)files.data);
    write_file(web, "index.html", "one");
    write_file(web, "app.js", "one");
    write_file(web, "release.json", list);
    d.more[0] = "--web", d.more[1] = web;
    daemon_start(&d);
    page_is(&d, "/", "one");
    write_file(web, "index.html", "two");
    snprintf(list, sizeof list, "{\"v\":1,\"version\":\"two\",\"files\":{%.*s}}", (int)next.len,
             (const char *)next.data);
    write_file(web, "release.json", list);
    ASK(&d, 503, NULL, "GET", "/"); /* half there: the old list holds */
    page_is(&d, "/app.js", "one");
    write_file(web, "app.js", "two");
    int64_t until = steady_now().us + 20000000;
    do {
        usleep(50000);
        ask(&d, &(struct ask){"GET", "/"}, (answer_clear(&a), &a));
    } while (a.status == 503 && steady_now().us < until);
    page_is(&d, "/", "two");
    page_is(&d, "/app.js", "two");
    ASK(&d, 200, &a, "GET", "/v1/vault");
    assert_non_null(memmem(a.body.data, a.body.len, "\"version\":\"two\"", 15));
    assert_non_null(memmem(a.body.data, a.body.len, "\"entry\":2", 9)); /* logged before it was served */
    daemon_clean(&d);
}

/* The release is in the log before it is served, once for as long as it is the newest there. */
static void test_release_logged(void **state) {
    static const struct {
        const char *version, *entry; /* after the entry of each start */
        bool forgets;
    } starts[] = {
        {"one", "\"entry\":1", false}, {"one", "\"entry\":1", false}, {"two", "\"entry\":4", false},
        {"two", "\"entry\":4", false}, {"one", "\"entry\":7", false}, {"one", "\"entry\":9", true},
    };
    struct daemon d;
    char web[128], list[400], note[160];
    struct diag why = {0};
    AUTO(blob_clear) struct blob files = {0};
    AUTO(answer_clear) struct answer a = {0};
    daemon_make(&d, true);
    snprintf(web, sizeof web, "%s/web", d.folder);
    assert_int_equal(folder_make(web, &why), ERR_OK);
    list_file(&files, "/index.html", "<!doctype html>");
    write_file(web, "index.html", "<!doctype html>");
    d.more[0] = "--web", d.more[1] = web;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        snprintf(list, sizeof list, "{\"v\":1,\"version\":\"%s\",\"files\":{%.*s}}", starts[i].version,
                 (int)files.len, (const char *)files.data);
        write_file(web, "release.json", list);
        snprintf(note, sizeof note, "%s/index/log.release", d.folder);
        if (starts[i].forgets && unlink(note)) fail_msg("%s is not there", note);
        daemon_start(&d);
        ASK(&d, 200, &a, "GET", "/v1/vault");
        if (!memmem(a.body.data, a.body.len, starts[i].entry, strlen(starts[i].entry)))
            fail_msg("start %zu: %.*s", i, (int)a.body.len, (const char *)a.body.data);
        daemon_stop(&d, SIGTERM);
    }
    daemon_clean(&d);
}

/* False: there is no openssl on this machine. */
static bool make_certificate(char *cert, char *key) {
    char *const args[] = {"openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:prime256v1",
                          "-nodes",
                          "-keyout",
                          key,
                          "-out",
                          cert,
                          "-days",
                          "2",
                          "-subj",
                          "/CN=cardea",
                          "-addext",
                          "subjectAltName=IP:127.0.0.1",
                          NULL};
    pid_t pid;
    int status = 0;
    if (posix_spawnp(&pid, args[0], NULL, NULL, args, environ)) return false;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static CURLcode get_tls(const char *url, const char *authority, long version) {
    CURL *c = curl_easy_init();
    FILE *nowhere = fopen("/dev/null", "we");
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CAINFO, authority);
    curl_easy_setopt(c, CURLOPT_SSLVERSION, version);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, nowhere);
    CURLcode e = curl_easy_perform(c);
    fclose(nowhere);
    curl_easy_cleanup(c);
    return e;
}

static void test_tls(void **state) {
    struct daemon d;
    char cert[128], key[128];
    daemon_make(&d, true);
    snprintf(cert, sizeof cert, "%s/c.pem", d.folder);
    snprintf(key, sizeof key, "%s/k.pem", d.folder);
    if (!make_certificate(cert, key)) {
        print_message("# openssl is not installed\n");
        skip();
    }
    d.more[0] = "--listen", d.more[1] = "0.0.0.0:0", d.more[2] = "--tls-cert", d.more[3] = cert;
    d.more[4] = "--tls-key", d.more[5] = key;
    daemon_start(&d);
    char line[128];
    size_t len = 0;
    while (len < sizeof line - 1 && read(d.out, line + len, 1) == 1 && line[len] != '\n') len++;
    line[len] = 0;
    unsigned port = 0;
    assert_int_equal(sscanf(line, "listening https://0.0.0.0:%u", &port), 1);
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/healthz", port);
    static const struct {
        long version;
        CURLcode expected;
    } cases[] = {{CURL_SSLVERSION_TLSv1_3, CURLE_OK},
                 {CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2, CURLE_OK},
                 {CURL_SSLVERSION_TLSv1_1 | CURL_SSLVERSION_MAX_TLSv1_1, CURLE_SSL_CONNECT_ERROR}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CURLcode e = get_tls(url, cert, cases[i].version);
        if (e != cases[i].expected) fail_msg("case %zu: %s", i, curl_easy_strerror(e));
    }
    /* A new certificate in the same files, shown after SIGHUP; one that is none changes nothing. */
    assert_true(make_certificate(cert, key));
    assert_int_not_equal(get_tls(url, cert, CURL_SSLVERSION_TLSv1_3), CURLE_OK);
    assert_int_equal(kill(d.pid, SIGHUP), 0);
    int64_t until = steady_now().us + 10000000;
    while (get_tls(url, cert, CURL_SSLVERSION_TLSv1_3) != CURLE_OK && steady_now().us < until) usleep(10000);
    assert_int_equal(get_tls(url, cert, CURL_SSLVERSION_TLSv1_3), CURLE_OK);
    write_file(d.folder, "k.pem", "no key");
    assert_int_equal(kill(d.pid, SIGHUP), 0);
    for (int i = 0; i < 5; i++) assert_int_equal(get_tls(url, cert, CURL_SSLVERSION_TLSv1_3), CURLE_OK);
    daemon_clean(&d);
}

/* --- what is kept, and for how long --- */

static size_t reels_of(const struct daemon *d, const struct household *h, const struct camera *c) {
    char path[160];
    AUTO(answer_clear) struct answer a = {0};
    snprintf(path, sizeof path, "/v1/timeline?camera=%s&from=0&to=4294967295", c->hex);
    ASK(d, 200, &a, "GET", path, h->owner_auth);
    return json_array_size(json_object_get(a.json, "reels"));
}

static void send_reel(const struct daemon *d, const struct household *h, const struct camera *c,
                      uint32_t slot, char reel[33]) {
    AUTO(blob_clear) struct blob bytes = {0};
    for (uint32_t i = 0; i < 3; i++) segment_append(c, slot + 2 * i, 2, 3, 2000, &bytes);
    random_hex(reel);
    reel_send(d, h, c, reel, blob_bytes(&bytes), 0, 201, NULL);
}

static unsigned files_in(const char *folder) {
    unsigned count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char inner[PATH_TEXT_BYTES];
        struct stat info;
        if (e->d_name[0] == '.' || path_join(inner, folder, e->d_name) || lstat(inner, &info)) continue;
        count += S_ISDIR(info.st_mode) ? files_in(inner) : strlen(e->d_name) == 32;
    }
    if (dir) closedir(dir);
    return count;
}

static void test_retention(void **state) {
    struct daemon d;
    struct household h;
    struct camera c;
    char reel[33], path[128], blobs[128];
    daemon_make(&d, true);
    d.more[0] = "--retention-sweep-s", d.more[1] = "1";
    daemon_start(&d);
    household_make(&d, &h);
    camera_make(&c);
    uint32_t now = wall_slot(wall_now());
    send_reel(&d, &h, &c, now - 5 * 86400, reel);
    send_reel(&d, &h, &c, now - 100, reel);
    snprintf(path, sizeof path, "/v1/cameras/%s", c.hex);
    ASK(&d, 204, NULL, "PUT", path, h.owner_auth, .json = json_pack("{s:i}", "retention_days", 2));
    snprintf(blobs, sizeof blobs, "%s/blobs", d.folder);
    int64_t until = steady_now().us + 20000000;
    while ((reels_of(&d, &h, &c) != 1 || files_in(blobs) != 1) && steady_now().us < until) usleep(20000);
    assert_int_equal(reels_of(&d, &h, &c), 1);
    assert_int_equal(files_in(blobs), 1);
    camera_clear(&c);
    daemon_clean(&d);
}

/* --- fsck, backup, restore --- */

static void blob_path(const struct daemon *d, const char *reel, char out[160]) {
    snprintf(out, 160, "%s/blobs/%.2s/%s", d->folder, reel, reel);
}

static int fsck(struct daemon *d, const char *more, struct blob *out) {
    const char *const args[] = {"fsck", more, NULL};
    out->len = 0;
    int status = daemon_run(d, args, out);
    assert_int_equal(blob_append_u8(out, 0), ERR_OK);
    return status;
}

static void test_fsck(void **state) {
    struct daemon d;
    struct household h;
    struct camera c;
    char lost[33], bent[33], whole[33], path[160];
    struct diag why = {0};
    AUTO(blob_clear) struct blob said = {0}, raw = {0};
    daemon_make(&d, true);
    daemon_start(&d);
    household_make(&d, &h);
    camera_make(&c);
    send_reel(&d, &h, &c, 1800000000, lost);
    send_reel(&d, &h, &c, 1800000010, bent);
    send_reel(&d, &h, &c, 1800000020, whole);
    daemon_stop(&d, SIGTERM);
    if (fsck(&d, NULL, &said) != 0) fail_msg("%s", (char *)said.data);

    blob_path(&d, lost, path);
    assert_int_equal(unlink(path), 0);
    blob_path(&d, bent, path);
    assert_int_equal(file_read(path, 1 << 20, &raw, &why), ERR_OK);
    assert_null(memmem(raw.data, raw.len, "CRDA", 4)); /* behind the veil */
    assert_null(memmem(raw.data, raw.len, c.id, sizeof c.id));
    raw.data[3] ^= 1;
    assert_int_equal(file_replace(path, blob_bytes(&raw), 0600, &why), ERR_OK);
    assert_int_equal(fsck(&d, NULL, &said), 1);
    assert_non_null(strstr((char *)said.data, lost));
    assert_non_null(strstr((char *)said.data, bent));
    assert_null(strstr((char *)said.data, whole));
    assert_int_equal(fsck(&d, "--mend", &said), 0);
    /* The row without a blob is gone. The damaged one stays, and is named: its other segments may play still.
     */
    assert_int_equal(fsck(&d, "--json", &said), 1);
    assert_non_null(strstr((char *)said.data, bent));
    json_t *o = json_loads((char *)said.data, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(o, "faults")), 1);
    assert_int_equal(json_integer_value(json_object_get(o, "reels")), 2);
    json_decref(o);
    daemon_start(&d);
    assert_int_equal(reels_of(&d, &h, &c), 2);
    camera_clear(&c);
    daemon_clean(&d);
}

static void test_backup(void **state) {
    struct daemon d, other;
    struct household h;
    struct camera c;
    char first[33], second[33], folder[128], path[128];
    AUTO(blob_clear) struct blob said = {0};
    AUTO(answer_clear) struct answer before = {0}, after = {0};
    daemon_make(&d, true);
    daemon_make(&other, true);
    daemon_start(&d);
    household_make(&d, &h);
    ASK(&d, 201, NULL, "POST", "/v1/accounts", .json = account_json("ada", 1, NULL));
    camera_make(&c);
    send_reel(&d, &h, &c, 1800000000, first);
    snprintf(folder, sizeof folder, "%s/backup", d.folder);
    const char *const backup[] = {"backup", folder, NULL}, *const restore[] = {"restore", folder, NULL};
    daemon_stop(&d, SIGTERM);
    assert_int_equal(daemon_run(&d, backup, &said), 0);
    daemon_start(&d);
    send_reel(&d, &h, &c, 1800000010, second);
    snprintf(path, sizeof path, "/v1/reels/%s", first);
    ASK(&d, 200, &before, "GET", path, h.owner_auth);
    assert_int_equal(daemon_run(&other, restore, &said), 0);
    assert_int_not_equal(daemon_run(&other, restore, &said), 0); /* there is a store already */
    daemon_start(&other);
    access_get(&other, &h.owner, h.owner_auth, 200);
    assert_int_equal(reels_of(&other, &h, &c), 1);
    ASK(&other, 200, &after, "GET", path, h.owner_auth);
    assert_true(bytes_equal(blob_bytes(&before.body), blob_bytes(&after.body)));
    uint8_t auth[32] = {1};
    ASK(&other, 200, NULL, "POST", "/v1/sessions",
        .json = json_pack("{s:s,s:o}", "login", "ada", "auth", json_base64(BYTES_OF(auth))));
    camera_clear(&c);
    daemon_clean(&d);
    daemon_clean(&other);
}

/* --- the log --- */

static err fetch(void *context, const char *path, size_t limit, struct blob *out, struct diag *d) {
    char full[160];
    AUTO(answer_clear) struct answer a = {0};
    snprintf(full, sizeof full, "/log/%s", path);
    ask(context, &(struct ask){"GET", full}, &a);
    return a.status == 200 && a.body.len <= limit ? blob_append(out, blob_bytes(&a.body)) : ERR_NOT_FOUND;
}

static err note_entry(void *context, uint64_t number, struct bytes entry) {
    struct blob *all = context;
    return blob_append(all, entry);
}

/* Each start is in the log, which anyone can prove to be whole and to have only grown. */
static void test_log(void **state) {
    struct daemon d;
    struct tlog_tree seen = {0};
    struct checkpoint checkpoint;
    struct diag why = {0};
    AUTO(answer_clear) struct answer a = {0};
    AUTO(blob_clear) struct blob key = {0}, entries = {0};
    daemon_make(&d, true);
    for (unsigned round = 1; round <= 2; round++) {
        daemon_start(&d);
        ASK(&d, 200, &a, "GET", "/v1/vault");
        const char *text = answer_text(&a, "log_key");
        blob_clear(&key);
        assert_int_equal(base64_decode(text, strlen(text), &key), ERR_OK);
        const struct log_source source = {.fetch = fetch, .context = &d, .public_key = key.data};
        if (log_audit(&source, &seen, note_entry, &entries, &checkpoint, &why)) fail_msg("%s", why.text);
        assert_int_equal(checkpoint.size, round);
        ASK(&d, 404, NULL, "GET", "/log/secret");
        daemon_stop(&d, SIGTERM);
    }
    assert_non_null(memmem(entries.data, entries.len, "vault start", 11));
    daemon_clean(&d);
}

int main(void) {
    curl_global_init(CURL_GLOBAL_ALL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_release_logged),
        cmocka_unit_test(test_release_replaced),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_retention),
        cmocka_unit_test(test_fsck),
        cmocka_unit_test(test_backup),
        cmocka_unit_test(test_log),
    };
    return cmocka_run_group_tests_name("vault keeping", tests, NULL, NULL);
}
