/* vault_fixture.h: the real daemon on loopback, for tests: started, asked over HTTP, killed by pid. */
#ifndef CARDEA_VAULT_FIXTURE_H
#define CARDEA_VAULT_FIXTURE_H

#include <pthread.h>
#include <sys/types.h>

#include "base/json.h"
#include "crypto/sign.h"
#include "crypto/timekey.h"
#include "format/segment.h"

struct daemon {
    pid_t pid;
    int out;
    char url[64], folder[64];
    bool on_disk;
    const char *more[8]; /* further arguments, NULL-terminated */
};

/* A fresh folder under /tmp; on_disk: SQLite and files in it, else memory. */
void daemon_make(struct daemon *d, bool on_disk);
void daemon_start(struct daemon *d);
void daemon_stop(struct daemon *d, int signal_number); /* waits; SIGTERM must end it with status 0 */
void daemon_clean(struct daemon *d);
/* `cardea-vault MODE…` on its folder while it is stopped (or not); the exit status. Output is appended to
 * *out. */
int daemon_run(struct daemon *d, const char *const *args, struct blob *out);
/* The same start, expected to fail: status and standard error. */
int daemon_refused(const char *const *args, struct blob *err_out);

/* One for a whole group of tests, on disk: cmocka's group set-up and its end. */
extern struct daemon vault;
int vault_start(void **state);
int vault_stop(void **state);

/* A connection of the test's own, for what curl does not do; the caller closes it. */
int daemon_dial(const struct daemon *d);
void send_all(int fd, const void *data, size_t len);

struct answer {
    long status;
    struct blob body, headers;
    json_t *json; /* NULL: not JSON */
};
void answer_clear(struct answer *a);
/* The value of a header, or "". */
const char *answer_header(const struct answer *a, const char *name, char out[200]);
const char *answer_text(const struct answer *a, const char *field); /* "" when missing */

struct ask {
    const char *method, *path, *auth;
    struct bytes body;
    json_t *json; /* taken */
    const char *headers[4];
    bool chunked;
    const char *from; /* an address of 127.0.0.0/8; NULL: 127.0.0.1 */
};
void ask(const struct daemon *d, const struct ask *q, struct answer *out);
/* Asks, checks the status, and returns the answer in *out (may be NULL). */
void expect(const struct daemon *d, const struct ask *q, long status, struct answer *out);
#define ASK(d, status, out, ...) expect(d, &(struct ask){__VA_ARGS__}, status, out)

struct household {
    uint8_t id[16], hub[16];
    struct sign_key owner, writer;
    char owner_auth[128], writer_auth[128];
};
/* Sets both up with the vault, and gets tokens. */
void household_make(const struct daemon *d, struct household *h);
void access_get(const struct daemon *d, const struct sign_key *capability, char auth[128], long status);
/* The JSON of POST /v1/accounts. */
json_t *account_json(const char *login, uint8_t auth_byte, const char *code);

/* Segments as hubs make them. */
struct camera {
    uint8_t id[CAMERA_ID_BYTES];
    char hex[33];
    struct sign_key hub;
    struct timekey_set keys;
};
void camera_make(struct camera *c);
void camera_clear(struct camera *c);
/* Appends a segment of `seconds` s that starts at `slot`, with `fragments` of `bytes` each in every second.
 */
void segment_append(const struct camera *c, uint32_t slot, unsigned seconds, unsigned fragments, size_t bytes,
                    struct blob *out);
void random_hex(char out[33]);
/* PUT of a whole reel. */
void reel_send(const struct daemon *d, const struct household *h, const struct camera *c, const char *reel,
               struct bytes bytes, uint64_t offset, long status, struct answer *out);

/* A GET that does not end, read by a thread of its own. */
struct listener {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct blob bytes;
    bool ended, stop;
    bool slow; /* reads nothing until released */
    long status;
    int fd;
    void *curl, *headers;
};
void listener_start(struct listener *l, const struct daemon *d, const char *path, const char *auth,
                    bool slow);
void listener_release(struct listener *l);
/* Waits until at least n bytes are there; a copy of what is, in *out (may be NULL). False: ended or 20 s
 * passed before. */
bool listener_wait(struct listener *l, size_t n, struct blob *out);
void listener_stop(struct listener *l);

/* One framed message at *at; false when it is not whole. */
struct message {
    uint8_t type, camera;
    struct bytes payload;
};
bool message_read(struct bytes *at, struct message *out);

#endif
