#include "vault/vault_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/hash.h"
#include "format/segment_writer.h"

static const char *program(void) {
    static char path[1024];
    const char *build = getenv("CARDEA_BUILD");
    const char *given = getenv("CARDEA_VAULT");
    snprintf(path, sizeof path, "%s/src/vault/cardea-vault", build ? build : "build");
    return given ? given : path;
}

static pid_t spawn(const char *const *args, int *out, int *err_out) {
    int outs[2], errs[2];
    assert_int_equal(pipe2(outs, O_CLOEXEC), 0);
    assert_int_equal(pipe2(errs, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(outs[1], 1);
        if (err_out) dup2(errs[1], 2);
        execv(program(), (char *const *)(uintptr_t)args);
        _exit(127);
    }
    close(outs[1]);
    close(errs[1]);
    *out = outs[0];
    if (err_out)
        *err_out = errs[0];
    else
        close(errs[0]);
    return pid;
}

void daemon_make(struct daemon *d, bool on_disk) {
    *d = (struct daemon){.out = -1, .on_disk = on_disk};
    snprintf(d->folder, sizeof d->folder, "/tmp/cardea-vault-XXXXXX");
    assert_non_null(mkdtemp(d->folder));
}

/* A byte at a time: what follows is for who asks for it. */
static void read_address(struct daemon *d) {
    char line[256] = "";
    for (size_t len = 0; len < sizeof line - 1 && (len == 0 || line[len - 1] != '\n'); len++)
        if (read(d->out, line + len, 1) != 1) fail_msg("the vault ended before it listened");
    if (sscanf(line, "listening %63s", d->url) != 1) fail_msg("the vault said %s", line);
}

void daemon_start(struct daemon *d) {
    static char index[128], blobs[128];
    snprintf(index, sizeof index, d->on_disk ? "sqlite:%s/index" : "memory", d->folder);
    snprintf(blobs, sizeof blobs, d->on_disk ? "disk:%s/blobs" : "memory", d->folder);
    const char *args[24] = {program(), "--listen", "127.0.0.1:0", "--index", index, "--blobs", blobs};
    size_t n = 7;
    bool signup = false;
    for (size_t i = 0; d->more[i]; i++) {
        signup |= strcmp(d->more[i], "--signup") == 0;
        args[n++] = d->more[i];
    }
    if (!signup) args[n++] = "--signup", args[n++] = "open";
    d->pid = spawn(args, &d->out, NULL);
    read_address(d);
}

void daemon_stop(struct daemon *d, int signal_number) {
    if (d->pid <= 0) return;
    int status = 0;
    kill(d->pid, signal_number);
    assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
    if (signal_number == SIGTERM && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        fail_msg("the vault ended with status %x", (unsigned)status);
    d->pid = 0;
    fd_close(&d->out);
}

static void remove_tree(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) {
        unlink(path);
        return;
    }
    for (struct dirent *e; (e = readdir(folder));) {
        char inner[PATH_TEXT_BYTES];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (path_join(inner, path, e->d_name) == ERR_OK) remove_tree(inner);
    }
    closedir(folder);
    rmdir(path);
}

void daemon_clean(struct daemon *d) {
    daemon_stop(d, SIGTERM);
    remove_tree(d->folder);
}

static int drain(pid_t pid, int fd, struct blob *out) {
    char piece[4096];
    for (ssize_t n; (n = read(fd, piece, sizeof piece)) > 0;)
        if (out) assert_int_equal(blob_append(out, BYTES(piece, (size_t)n)), ERR_OK);
    close(fd);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int daemon_run(struct daemon *d, const char *const *args, struct blob *out) {
    char index[128], blobs[128];
    snprintf(index, sizeof index, "sqlite:%s/index", d->folder);
    snprintf(blobs, sizeof blobs, "disk:%s/blobs", d->folder);
    const char *all[16] = {program()};
    size_t n = 1;
    for (; *args; args++) all[n++] = *args;
    all[n++] = "--index", all[n++] = index, all[n++] = "--blobs", all[n++] = blobs;
    int fd;
    pid_t pid = spawn(all, &fd, NULL);
    return drain(pid, fd, out);
}

int daemon_refused(const char *const *args, struct blob *err_out) {
    const char *all[24] = {program()};
    for (size_t n = 1; *args; args++) all[n++] = *args;
    int out, errs;
    pid_t pid = spawn(all, &out, &errs);
    int status = drain(pid, errs, err_out);
    close(out);
    return status;
}

struct daemon vault;

int vault_start(void **state) {
    curl_global_init(CURL_GLOBAL_ALL);
    daemon_make(&vault, true);
    daemon_start(&vault);
    return 0;
}

int vault_stop(void **state) {
    daemon_clean(&vault);
    return 0;
}

int daemon_dial(const struct daemon *d) {
    unsigned port = 0;
    assert_int_equal(sscanf(d->url, "http://127.0.0.1:%u", &port), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

void send_all(int fd, const void *data, size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, (const char *)data + at, len - at, MSG_NOSIGNAL);
        assert_true(n > 0);
        at += (size_t)n;
    }
}

/* --- requests --- */

void answer_clear(struct answer *a) {
    blob_clear(&a->body);
    blob_clear(&a->headers);
    json_decref(a->json);
    *a = (struct answer){0};
}

static size_t collect(char *data, size_t size, size_t n, void *arg) {
    return blob_append(arg, BYTES(data, size * n)) ? 0 : size * n;
}

const char *answer_header(const struct answer *a, const char *name, char out[200]) {
    const char *at = (const char *)a->headers.data, *end = at + a->headers.len;
    size_t len = strlen(name);
    out[0] = 0;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (!line_end) break;
        if ((size_t)(line_end - at) > len && strncasecmp(at, name, len) == 0 && at[len] == ':')
            snprintf(out, 200, "%.*s", (int)(line_end - at - (long)len - 3), at + len + 2);
        at = line_end + 1;
    }
    return out;
}

const char *answer_text(const struct answer *a, const char *field) {
    const char *text = json_string_value(json_object_get(a->json, field));
    return text ? text : "";
}

static size_t give(char *out, size_t size, size_t n, void *arg) {
    struct bytes *left = arg;
    size_t take = left->len < size * n ? left->len : size * n;
    if (!take) return 0;
    memcpy(out, left->data, take);
    *left = BYTES(left->data + take, left->len - take);
    return take;
}

void ask(const struct daemon *d, const struct ask *q, struct answer *out) {
    char url[2048], header[300];
    char *text = q->json ? json_dumps(q->json, JSON_COMPACT) : NULL;
    struct bytes body = text ? bytes_text(text) : q->body;
    json_decref(q->json);
    snprintf(url, sizeof url, "%s%s", d->url, q->path);
    CURL *c = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    if (q->auth) {
        snprintf(header, sizeof header, "Authorization: %s", q->auth);
        headers = curl_slist_append(headers, header);
    }
    for (size_t i = 0; i < 4 && q->headers[i]; i++) headers = curl_slist_append(headers, q->headers[i]);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L); /* newer ones take "%2e%2e" for ".." and mend it */
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &out->body);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, collect);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, &out->headers);
    if (q->from) curl_easy_setopt(c, CURLOPT_INTERFACE, q->from);
    if (strcmp(q->method, "HEAD") == 0) curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    bool sends = q->json || strcmp(q->method, "PUT") == 0 || strcmp(q->method, "POST") == 0;
    if (sends) {
        curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(c, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(c, CURLOPT_READDATA, &body);
        if (!q->chunked)
            curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)body.len);
        else
            headers = curl_slist_append(headers, "Transfer-Encoding: chunked");
    }
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    CURLcode e = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &out->status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    free(text);
    if (e && !out->status) fail_msg("%s %s: %s", q->method, q->path, curl_easy_strerror(e));
    if (out->body.len && out->body.data[0] == '{')
        out->json = json_loadb((const char *)out->body.data, out->body.len, 0, NULL);
}

void expect(const struct daemon *d, const struct ask *q, long status, struct answer *out) {
    struct answer a = {0};
    ask(d, q, &a);
    if (a.status != status)
        fail_msg("%s %s: %ld, not %ld: %.*s", q->method, q->path, a.status, status, (int)a.body.len,
                 (char *)a.body.data);
    if (status >= 400 && strcmp(q->method, "HEAD") != 0) {
        if (!*answer_text(&a, "error") || !*answer_text(&a, "message"))
            fail_msg("%s %s: not an error in JSON: %.*s", q->method, q->path, (int)a.body.len,
                     (char *)a.body.data);
    }
    if (out) {
        answer_clear(out);
        *out = a;
    } else {
        answer_clear(&a);
    }
}

/* --- households --- */

json_t *account_json(const char *login, uint8_t auth_byte, const char *code) {
    uint8_t salt[16] = {1}, auth[32] = {auth_byte}, recovery[32] = {(uint8_t)(auth_byte + 1)},
            keyring[400] = "CRDK\x01\x01";
    json_t *o =
        json_pack("{s:s,s:o,s:i,s:i,s:o,s:o,s:o}", "login", login, "salt", json_base64(BYTES_OF(salt)),
                  "memory_kib", 65536, "passes", 3, "auth", json_base64(BYTES_OF(auth)), "recovery_auth",
                  json_base64(BYTES_OF(recovery)), "keyring", json_base64(BYTES_OF(keyring)));
    if (code) json_object_set_new(o, "setup_code", json_string(code));
    return o;
}

void access_get(const struct daemon *d, const struct sign_key *capability, char auth[128], long status) {
    AUTO(answer_clear) struct answer a = {0}, b = {0};
    ASK(d, 200, &a, "GET", "/v1/access/challenge");
    AUTO(blob_clear) struct blob challenge = {0};
    const char *text = answer_text(&a, "challenge");
    assert_int_equal(base64_decode(text, strlen(text), &challenge), ERR_OK);
    uint8_t signature[SIGNATURE_BYTES];
    sign_message(capability, "cardea/1 access", blob_bytes(&challenge), signature);
    ASK(d, status, &b, "POST", "/v1/access",
        .json = json_pack("{s:o,s:s,s:o}", "capability", json_base64(BYTES_OF(capability->public_key)),
                          "challenge", text, "signature", json_base64(BYTES_OF(signature))));
    if (status == 200) snprintf(auth, 128, "Access %s", answer_text(&b, "token"));
}

void household_make(const struct daemon *d, struct household *h) {
    uint8_t signature[SIGNATURE_BYTES];
    random_bytes(h->id, sizeof h->id);
    random_bytes(h->hub, sizeof h->hub);
    sign_key_generate(&h->owner);
    sign_key_generate(&h->writer);
    sign_message(&h->owner, "cardea/1 household", BYTES_OF(h->id), signature);
    ASK(d, 201, NULL, "POST", "/v1/households",
        .json = json_pack("{s:o,s:o,s:o}", "id", json_hex(BYTES_OF(h->id)), "capability",
                          json_base64(BYTES_OF(h->owner.public_key)), "signature",
                          json_base64(BYTES_OF(signature))));
    access_get(d, &h->owner, h->owner_auth, 200);
    ASK(d, 201, NULL, "POST", "/v1/capabilities", h->owner_auth,
        .json = json_pack("{s:o,s:s,s:o}", "capability", json_base64(BYTES_OF(h->writer.public_key)), "role",
                          "writer", "hub", json_hex(BYTES_OF(h->hub))));
    access_get(d, &h->writer, h->writer_auth, 200);
}

/* --- segments --- */

void random_hex(char out[33]) {
    uint8_t id[16];
    random_bytes(id, sizeof id);
    hex_encode(BYTES_OF(id), out);
}

void camera_make(struct camera *c) {
    *c = (struct camera){0};
    random_bytes(c->id, sizeof c->id);
    hex_encode(BYTES_OF(c->id), c->hex);
    sign_key_generate(&c->hub);
    assert_int_equal(timekey_generate(&c->keys), ERR_OK);
}

void camera_clear(struct camera *c) {
    timekey_set_clear(&c->keys);
    sign_key_clear(&c->hub);
}

void segment_append(const struct camera *c, uint32_t slot, unsigned seconds, unsigned fragments, size_t bytes,
                    struct blob *out) {
    struct segment_writer *w = segment_writer_new(c->id, &c->hub);
    uint8_t *data = calloc(1, bytes);
    assert_non_null(w);
    assert_non_null(data);
    random_bytes(data, bytes);
    assert_int_equal(segment_writer_begin(w, &c->keys, 1, slot, out), ERR_OK);
    assert_int_equal(segment_writer_record(w, &c->keys, RECORD_INIT, slot, BYTES(data, 16), out), ERR_OK);
    for (unsigned s = 0; s < seconds; s++)
        for (unsigned f = 0; f < fragments; f++)
            assert_int_equal(
                segment_writer_record(w, &c->keys, RECORD_FRAGMENT, slot + s, BYTES(data, bytes), out),
                ERR_OK);
    const struct segment_totals totals = {seconds * fragments, seconds * fragments,
                                          seconds * UINT64_C(1000000)};
    assert_int_equal(segment_writer_end(w, &totals, out), ERR_OK);
    segment_writer_free(w);
    free(data);
}

void reel_send(const struct daemon *d, const struct household *h, const struct camera *c, const char *reel,
               struct bytes bytes, uint64_t offset, long status, struct answer *out) {
    char path[256];
    snprintf(path, sizeof path, "/v1/reels/%s?camera=%s&epoch=1&offset=%llu", reel, c->hex,
             (unsigned long long)offset);
    ASK(d, status, out, "PUT", path, h->writer_auth, .body = bytes, .chunked = true);
}

/* --- listeners --- */

static size_t listen_write(char *data, size_t size, size_t n, void *arg) {
    struct listener *l = arg;
    pthread_mutex_lock(&l->lock);
    while (l->slow && !l->stop) pthread_cond_wait(&l->more, &l->lock);
    bool stop = l->stop;
    if (!stop && blob_append(&l->bytes, BYTES(data, size * n))) stop = true;
    pthread_cond_broadcast(&l->more);
    pthread_mutex_unlock(&l->lock);
    return stop ? 0 : size * n;
}

/* Keeps a second descriptor, to end the connection by. A slow one's kernel does not read in its stead. */
static int keep_socket(void *arg, curl_socket_t fd, curlsocktype purpose) {
    struct listener *l = arg;
    const int bytes = 65536;
    if (l->slow) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    pthread_mutex_lock(&l->lock);
    l->fd = dup(fd);
    pthread_mutex_unlock(&l->lock);
    return CURL_SOCKOPT_OK;
}

static void *listen_thread(void *arg) {
    struct listener *l = arg;
    curl_easy_perform(l->curl);
    pthread_mutex_lock(&l->lock);
    l->ended = true;
    curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &l->status);
    pthread_cond_broadcast(&l->more);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

void listener_start(struct listener *l, const struct daemon *d, const char *path, const char *auth,
                    bool slow) {
    char url[4096], header[200];
    *l = (struct listener){.slow = slow, .fd = -1};
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->more, NULL);
    snprintf(url, sizeof url, "%s%s", d->url, path);
    snprintf(header, sizeof header, "Authorization: %s", auth);
    l->curl = curl_easy_init();
    l->headers = curl_slist_append(NULL, header);
    curl_easy_setopt(l->curl, CURLOPT_URL, url);
    curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, l->headers);
    curl_easy_setopt(l->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(l->curl, CURLOPT_WRITEFUNCTION, listen_write);
    curl_easy_setopt(l->curl, CURLOPT_WRITEDATA, l);
    curl_easy_setopt(l->curl, CURLOPT_SOCKOPTFUNCTION, keep_socket);
    curl_easy_setopt(l->curl, CURLOPT_SOCKOPTDATA, l);
    assert_int_equal(pthread_create(&l->thread, NULL, listen_thread, l), 0);
}

void listener_release(struct listener *l) {
    pthread_mutex_lock(&l->lock);
    l->slow = false;
    pthread_cond_broadcast(&l->more);
    pthread_mutex_unlock(&l->lock);
}

bool listener_wait(struct listener *l, size_t n, struct blob *out) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&l->lock);
    int timed_out = 0;
    while (l->bytes.len < n && !l->ended && !timed_out)
        timed_out = pthread_cond_timedwait(&l->more, &l->lock, &until);
    bool there = l->bytes.len >= n;
    if (out) out->len = 0;
    if (out) assert_int_equal(blob_append(out, blob_bytes(&l->bytes)), ERR_OK);
    pthread_mutex_unlock(&l->lock);
    return there;
}

void listener_stop(struct listener *l) {
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    if (l->fd >= 0) shutdown(l->fd, SHUT_RDWR);
    pthread_cond_broadcast(&l->more);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    fd_close(&l->fd);
    curl_easy_cleanup(l->curl);
    curl_slist_free_all(l->headers);
    blob_clear(&l->bytes);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->more);
}

bool message_read(struct bytes *at, struct message *out) {
    if (at->len < 6) return false;
    size_t len = be32_get(at->data + 2);
    if (at->len - 6 < len) return false;
    *out = (struct message){at->data[0], at->data[1], BYTES(at->data + 6, len)};
    *at = BYTES(at->data + 6 + len, at->len - 6 - len);
    return true;
}
