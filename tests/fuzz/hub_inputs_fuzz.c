/* What a hub reads that others wrote: addresses and settings from commands, notices of the vault, reels
 * from a disk that lost power. The first byte says which. */
#include <stdlib.h>

#include "hub/hub.h"
#include "hub/spool_recover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void address(const char *text) {
    struct camera_url u;
    struct diag d;
    char shown[CAMERA_URL_MAX_BYTES + 1];
    camera_url_redact(text, shown);
    if (camera_url_parse(text, &u, &d)) {
        if (strchr(shown, '@')) abort(); /* nothing before the last @ of what is no address is shown */
        return;
    }
    struct camera_url v;
    if (camera_url_parse(shown, &v, &d) || strcmp(u.host, v.host) != 0 || u.port != v.port) abort();
    if (!camera_url_same(text, shown)) abort();
}

static void settings(struct bytes text) {
    AUTO(json_release) json_t *o = NULL;
    struct record_settings r = {0}, again = {0};
    if (json_parse(text, &o, NULL) || record_settings_read(o, &r, NULL)) return;
    AUTO(json_release) json_t *written = record_settings_json(&r);
    if (!written || record_settings_read(written, &again, NULL) || again.schedule_count != r.schedule_count)
        abort();
    (void)schedule_wants(&r, (struct wall_us){1700000000000000});
}

/* No channel is there to be told: what is read and put into words is what matters here. */
static void notice(struct bytes json) {
    static struct hub h;
    struct diag d = {{0}};
    if (hub_noticed(&h, json, &d) && !d.text[0]) abort();
}

static void reel(struct bytes raw) {
    uint64_t whole = spool_whole_bytes(raw);
    if (whole > raw.len || spool_whole_bytes(BYTES(raw.data, (size_t)whole)) != whole) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct bytes rest = BYTES(data + 1, size - 1);
    if (data[0] == 'r') reel(rest);
    if (data[0] == 's') settings(rest);
    if (data[0] == 'n') notice(rest);
    if (data[0] != 'a') return 0;
    char *text = calloc(1, size);
    if (!text) return 0;
    memcpy(text, rest.data, rest.len);
    address(text);
    free(text);
    return 0;
}
