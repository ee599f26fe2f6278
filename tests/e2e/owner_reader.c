/* owner_reader.c: an owner's eyes for the tests that kill things.
 *
 *   owner_reader URL LOGIN PASSPHRASE-FILE watch FILE    until standard input ends: appends "camera reel
 * bytes segments" to FILE for each reel that the vault has acknowledged owner_reader URL LOGIN
 * PASSPHRASE-FILE prove FILE    fetches each reel of FILE, opens every record of every segment with the
 * household's keys; prints what it found as JSON
 *
 *   owner_reader URL LOGIN PASSPHRASE-FILE ask JSON      sends {"verb":text,"args":{…}} to the hub; prints
 * its answer
 *
 * `prove` fails when a reel is missing, shorter than it was, or does not open. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "client/camera.h"
#include "client/hub_command.h"
#include "client/timeline.h"
#include "format/segment_reader.h"

#define REELS_MAX 20000
#define POLL_MS 300

struct seen {
    uint8_t camera[CAMERA_ID_BYTES], reel[REEL_ID_BYTES];
    uint64_t bytes;
    uint32_t segments;
};
static struct seen all[REELS_MAX];
static size_t all_count;

/* Notes what is new of a reel: one that is still arriving is seen again with more in it. False: nothing. */
static bool note(const struct timeline_reel *r) {
    for (size_t i = 0; i < all_count; i++) {
        if (memcmp(all[i].reel, r->reel, REEL_ID_BYTES) != 0) continue;
        bool more = r->bytes > all[i].bytes;
        if (more) all[i].bytes = r->bytes;
        return more;
    }
    if (all_count == REELS_MAX) return false;
    memcpy(all[all_count].reel, r->reel, REEL_ID_BYTES);
    all[all_count++].bytes = r->bytes;
    return true;
}

static err note_new(struct client *c, const struct camera *cam, FILE *out, struct diag *d) {
    struct timeline t = {0};
    err e = timeline_read(c, cam->id, 0, UINT32_MAX, false, &t, d);
    for (size_t i = 0; i < t.count && !e; i++) {
        const struct timeline_reel *r = &t.reels[i];
        char reel[2 * REEL_ID_BYTES + 1];
        if (!note(r)) continue;
        hex_encode(BYTES_OF(r->reel), reel);
        fprintf(out, "%s %s %llu %u\n", cam->hex, reel, (unsigned long long)r->bytes, r->segments);
        fflush(out);
    }
    timeline_clear(&t);
    return e;
}

static bool input_ended(void) {
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&p, 1, POLL_MS) > 0;
}

static int watch(struct client *c, const struct camera_list *cameras, const char *path) {
    FILE *out = fopen(path, "a");
    unsigned rounds = 0;
    if (!out) return 1;
    bool ended = false;
    struct diag d = {{0}};
    while (!ended) {
        ended = input_ended();
        err e = ERR_OK; /* a vault that is down answers nothing: then nothing was acknowledged to us */
        for (size_t i = 0; i < cameras->count && !e; i++) e = note_new(c, &cameras->cameras[i], out, &d);
        rounds += !e;
    }
    fclose(out);
    printf("{\"rounds\":%u,\"reels\":%zu}\n", rounds, all_count);
    if (!rounds) fprintf(stderr, "the vault never answered: %s\n", d.text);
    return rounds ? 0 : 1;
}

static err count_record(void *context, enum record_kind kind, uint32_t slot, struct bytes data) {
    (void)slot;
    (void)data;
    ((uint64_t *)context)[kind == RECORD_FRAGMENT] += 1;
    return ERR_OK;
}

struct proof {
    uint64_t reels, segments, complete, cut_short, records[2], seconds;
};

static err prove_reel(struct client *c, struct camera *cam, const struct seen *s,
                      struct segment_reader *reader, struct proof *proof, struct diag *d) {
    char path[80] = "/v1/reels/";
    AUTO(blob_clear) struct blob raw = {0};
    hex_encode(BYTES_OF(s->reel), path + strlen(path));
    err e = client_bytes(c, path, NULL, &raw, d);
    if (e) return e;
    if (raw.len < s->bytes)
        return diag_fail(d, ERR_CUT_SHORT, "%zu bytes, and it had %llu", raw.len,
                         (unsigned long long)s->bytes);
    struct segment_header head;
    e = segment_header_decode(blob_bytes(&raw), &head, d);
    struct reel_scanner *scanner = e ? NULL : reel_scanner_new(cam->id, head.epoch);
    const struct timekey_set *keys = e ? NULL : camera_keys(cam, head.epoch);
    if (!e && !keys) e = diag_fail(d, ERR_NOT_FOUND, "there is no root for epoch %u", head.epoch);
    if (!e) e = reel_scanner_feed(scanner, blob_bytes(&raw), NULL, NULL, d);
    const struct reel_entry *entries = NULL;
    size_t count = 0;
    if (!e) {
        reel_scanner_finish(scanner);
        count = reel_scanner_entries(scanner, &entries);
        if (count < s->segments)
            e = diag_fail(d, ERR_CUT_SHORT, "%zu segments, and it had %u", count, s->segments);
    }
    for (size_t i = 0; i < count && !e; i++) {
        e = segment_read(reader, keys, BYTES(raw.data + entries[i].offset, entries[i].length), count_record,
                         proof->records, d);
        if (e == ERR_CUT_SHORT && i + 1 == count && entries[i].flags & REEL_ENTRY_CUT_SHORT) {
            proof->cut_short++;
            e = ERR_OK;
        } else if (!e) {
            proof->complete++;
        }
        proof->segments++;
        proof->seconds += entries[i].seconds;
    }
    proof->reels++;
    reel_scanner_free(scanner);
    return e;
}

/* The last that was seen of each reel. */
static err read_seen(const char *path) {
    FILE *in = fopen(path, "r");
    char camera[33], reel[33];
    unsigned long long bytes;
    struct seen s;
    err e = in ? ERR_OK : ERR_NOT_FOUND;
    while (!e && fscanf(in, "%32s %32s %llu %u", camera, reel, &bytes, &s.segments) == 4) {
        s.bytes = bytes;
        e = hex_decode(camera, (struct buffer){s.camera, sizeof s.camera});
        if (!e) e = hex_decode(reel, (struct buffer){s.reel, sizeof s.reel});
        size_t i = 0;
        while (i < all_count && memcmp(all[i].reel, s.reel, REEL_ID_BYTES) != 0) i++;
        if (!e && i == REELS_MAX) e = ERR_LIMIT;
        if (!e) all[i] = s;
        all_count += i == all_count;
    }
    if (in) fclose(in);
    return e;
}

static int prove(struct client *c, struct camera_list *cameras, const char *path) {
    struct proof proof = {0};
    struct diag d = {{0}};
    int failures = 0;
    struct segment_reader *reader = segment_reader_new();
    if (!reader || read_seen(path)) return 1;
    for (size_t i = 0; i < cameras->count; i++)
        if (camera_load_keys(c, &cameras->cameras[i], &d)) failures++;
    for (size_t i = 0; i < all_count; i++) {
        struct camera *cam = camera_by_id(cameras, all[i].camera);
        err e = cam ? prove_reel(c, cam, &all[i], reader, &proof, &d)
                    : diag_fail(&d, ERR_NOT_FOUND, "its camera is gone");
        if (!e) continue;
        char reel[2 * REEL_ID_BYTES + 1];
        hex_encode(BYTES_OF(all[i].reel), reel);
        fprintf(stderr, "reel %s: %s: %s\n", reel, err_text(e), d.text);
        failures++;
    }
    segment_reader_free(reader);
    printf("{\"reels\":%llu,\"segments\":%llu,\"complete\":%llu,\"cut_short\":%llu,\"fragments\":%llu,"
           "\"seconds\":%llu,"
           "\"failures\":%d}\n",
           (unsigned long long)proof.reels, (unsigned long long)proof.segments,
           (unsigned long long)proof.complete, (unsigned long long)proof.cut_short,
           (unsigned long long)proof.records[1], (unsigned long long)proof.seconds, failures);
    return failures ? 1 : 0;
}

static int ask(struct client *c, const char *text) {
    struct diag d = {{0}};
    const struct hub_certificate *hub = NULL;
    AUTO(json_release) json_t *question = NULL, *answer = NULL;
    err e = json_parse(bytes_text(text), &question, &d);
    const char *verb = json_string_value(json_object_get(question, "verb"));
    if (!e && !verb) e = ERR_INVALID;
    if (!e) e = hub_choose(c, &hub, &d);
    if (!e) e = hub_command(c, hub, verb, json_object_get(question, "args"), 20, &answer, &d);
    if (e) {
        fprintf(stderr, "%s: %s\n", err_text(e), d.text);
        return 1;
    }
    char *out = json_dumps(answer, 0);
    printf("%s\n", out ? out : "");
    free(out);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    AUTO(client_clear) struct client c = {0};
    AUTO(camera_list_clear) struct camera_list cameras = {0};
    AUTO(blob_clear) struct blob passphrase = {0};
    struct diag d = {{0}};
    size_t damaged = 0;
    err e = file_read(argv[3], 1024, &passphrase, &d);
    while (passphrase.len && passphrase.data[passphrase.len - 1] == '\n') passphrase.len--;
    if (!e) e = client_open(&c, argv[1], NULL, &d);
    if (!e) e = client_sign_in(&c, argv[2], blob_bytes(&passphrase), &d);
    if (!e) e = client_unlock(&c, &d);
    if (!e) e = camera_list_read(&c, &cameras, &damaged, &d);
    if (e || damaged) {
        fprintf(stderr, "%s: %s\n", err_text(e), d.text);
        return 1;
    }
    if (strcmp(argv[4], "ask") == 0) return ask(&c, argv[5]);
    return strcmp(argv[4], "watch") == 0 ? watch(&c, &cameras, argv[5]) : prove(&c, &cameras, argv[5]);
}
