/* How the vault is: for load balancers, Prometheus, and browsers that are to trust a home's own authority. */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vault/access_log.h"
#include "vault/vault.h"

enum http_outcome health_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct diag d = {0};
    uint64_t room = 0;
    err e = v->index->ops->ping(v->index, &d);
    if (!e) e = v->blobs->ops->room(v->blobs, &room, &d);
    if (e) return reply_error(r, 503, "busy", "the index or the blob store does not answer");
    return reply_json(r, 200, json_pack("{s:s}", "status", "ok"));
}

static void add(struct blob *out, const char *name, const char *labels, const char *kind, double value) {
    char line[200];
    int n = kind ? snprintf(line, sizeof line, "# TYPE %s %s\n%s%s %.17g\n", name, kind, name, labels, value)
                 : snprintf(line, sizeof line, "%s%s %.17g\n", name, labels, value);
    if (n > 0 && n < (int)sizeof line && blob_append(out, BYTES(line, (size_t)n))) out->len = 0;
}

#define LOAD(field) ((double)atomic_load(&v->count.field))

static void add_process(struct vault *v, struct blob *out) {
    struct rusage use;
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm) {
        if (fscanf(statm, "%*d %ld", &pages) != 1) pages = 0;
        fclose(statm);
    }
    if (!getrusage(RUSAGE_SELF, &use))
        add(out, "process_cpu_seconds_total", "", "counter",
            (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    add(out, "process_resident_memory_bytes", "", "gauge", (double)pages * (double)sysconf(_SC_PAGESIZE));
    add(out, "cardea_vault_uptime_seconds", "", "gauge", (double)(steady_now().us - v->started.us) / 1e6);
}

/* Totals alone: no label names a household, a camera, a login or an address. */
enum http_outcome metrics_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    struct diag d;
    uint64_t room = 0, households = 0;
    if (!request->peer.loopback && !v->metrics_open)
        return reply_error(r, 404, "not_found", "there is nothing at this address");
    struct blob out = {0};
    add_process(v, &out);
    static const char *const classes[] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
    for (size_t i = 1; i < 6; i++) {
        char label[32];
        snprintf(label, sizeof label, "{status=\"%s\"}", classes[i]);
        add(&out, "cardea_http_answers_total", label, i == 1 ? "counter" : NULL, LOAD(answers[i]));
    }
    add(&out, "cardea_reel_bytes_received_total", "", "counter", LOAD(received_bytes));
    add(&out, "cardea_segments_received_total", "", "counter", LOAD(segments));
    add(&out, "cardea_reels_committed_total", "", "counter", LOAD(reels));
    add(&out, "cardea_events_received_total", "", "counter", LOAD(events));
    add(&out, "cardea_live_records_relayed_total", "", "counter", LOAD(records_relayed));
    add(&out, "cardea_live_skips_total", "", "counter", LOAD(live_skips));
    add(&out, "cardea_sign_in_failures_total", "", "counter", LOAD(sign_in_failures));
    add(&out, "cardea_limited_total", "", "counter", LOAD(limited));
    add(&out, "cardea_reels_expired_total", "", "counter", LOAD(swept_reels));
    add(&out, "cardea_blobs_removed_total", "", "counter", LOAD(garbage_removed));
    add(&out, "cardea_live_viewers", "", "gauge", LOAD(live_viewers));
    add(&out, "cardea_uploads", "", "gauge", LOAD(uploads));
    add(&out, "cardea_hubs_connected", "", "gauge", LOAD(hubs));
    if (!v->blobs->ops->room(v->blobs, &room, &d) && room != UINT64_MAX)
        add(&out, "cardea_blob_room_bytes", "", "gauge", (double)room);
    if (!v->index->ops->household_count(v->index, &households, &d))
        add(&out, "cardea_households", "", "gauge", (double)households);
    return reply_text(r, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
}

enum http_outcome ca_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    if (!v->ca_pem.len) return reply_error(r, 404, "not_found", "this vault has no authority of its own");
    struct blob copy = {0};
    if (blob_append(&copy, blob_bytes(&v->ca_pem))) return reply_err(r, ERR_NO_MEMORY, NULL);
    return reply_text(r, 200, "application/x-x509-ca-cert", &copy);
}

enum http_outcome log_get(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    access_log_serve(v->log, request->params[0], r);
    return HTTP_DONE;
}
