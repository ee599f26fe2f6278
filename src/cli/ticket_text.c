#include "cli/ticket_text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/hub_ask.h"
#include "cli/staff.h"

err ticket_words_read(const char *given, struct blob *out, struct diag *d) {
    out->len = 0;
    err e = ERR_OK;
    if (strcmp(given, "-") != 0) {
        e = blob_append(out, bytes_text(given));
    } else {
        char piece[4096];
        ssize_t n;
        while (!e && (n = read(STDIN_FILENO, piece, sizeof piece)) != 0) {
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) return diag_fail(d, ERR_IO, "cannot read standard input: %s", strerror(errno));
            e = blob_append(out, BYTES(piece, (size_t)n));
            if (out->len > TICKET_TEXT_MAX_BYTES)
                return diag_fail(d, ERR_LIMIT, "a message has at most %d bytes", TICKET_TEXT_MAX_BYTES);
        }
    }
    while (out->len && strchr("\n\r ", out->data[out->len - 1])) out->len--;
    if (!e && out->len == 0) return diag_fail(d, ERR_INVALID, "there are no words");
    if (!e && out->len > TICKET_TEXT_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "a message has at most %d bytes", TICKET_TEXT_MAX_BYTES);
    if (!e) e = blob_append_u8(out, 0);
    return e ? diag_fail(d, e, "out of memory") : ERR_OK;
}

void ticket_request_text(const struct ticket_request *r, char out[400]) {
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < json_array_size(r->cameras) && used < 200; i++) {
        int n = snprintf(out + used, 400 - used, "%s%.80s", i ? ", " : "",
                         json_string_value(json_array_get(r->cameras, i)));
        used += n > 0 ? (size_t)n : 0;
    }
    if (r->live_minutes) {
        int n = snprintf(out + used, 400 - used, "; live for %u min", r->live_minutes);
        used += n > 0 ? (size_t)n : 0;
    }
    if (r->to) {
        char from[48], to[48];
        slot_time_text(r->from, from);
        slot_time_text(r->to, to);
        snprintf(out + used, 400 - used, "; recorded %s to %s", from, to);
    }
}

static long long number(const json_t *o, const char *name) {
    return (long long)json_number_value(json_object_get(o, name));
}

void ticket_health_print(FILE *out, const json_t *health) {
    json_t *cameras = json_object_get(health, "cameras"), *hub = json_object_get(health, "hub"), *cam;
    size_t i;
    json_array_foreach(cameras, i, cam) {
        fprintf(out, "  %-16s %s  %lld fps  %lld kbit/s  %lldx%lld %s  %lld lost  %lld restarts",
                json_text(cam, "name"), json_text(cam, "state"), number(cam, "fps"), number(cam, "kbit_s"),
                number(cam, "width"), number(cam, "height"), json_text(cam, "codec"), number(cam, "lost"),
                number(cam, "restarts"));
        if (*json_text(cam, "error")) fprintf(out, "  (%s)", json_text(cam, "error"));
        fputc('\n', out);
    }
    if (hub)
        fprintf(out, "  hub %s, %s, up %lld s, spool %lld bytes, %lld waiting\n", json_text(hub, "version"),
                json_text(hub, "state"), number(hub, "uptime_s"), number(hub, "spool_bytes"),
                number(hub, "waiting"));
    if (*json_text(health, "vault")) fprintf(out, "  vault %s\n", json_text(health, "vault"));
}

static void writer_text(const struct ticket_line *line, char out[128]) {
    if (line->by_staff)
        snprintf(out, 128, "%s (agent %llu)", line->certificate.name,
                 (unsigned long long)line->certificate.number);
    else
        snprintf(out, 128, "owner");
}

static void print_message(const struct ticket_message *m) {
    char text[400], hex[2 * TICKET_GRANT_ID_BYTES + 1];
    switch (m->kind) {
        case TICKET_HEALTH:
            puts(" sent health figures:");
            ticket_health_print(stdout, m->health);
            break;
        case TICKET_REQUEST:
            ticket_request_text(&m->request, text);
            hex_encode(BYTES_OF(m->request.id), hex);
            printf(" asks for access (%.8s): %s\n  reason: %s\n", hex, text, m->request.reason);
            break;
        case TICKET_ANSWER:
            hex_encode(BYTES_OF(m->grant), hex);
            printf(" gave access, grant %.8s", hex);
            if (m->has_request) {
                ticket_request_text(&m->request, text);
                printf(": %s", text);
            }
            putchar('\n');
            break;
        case TICKET_REFUSE: puts(" gave no access"); break;
        case TICKET_CLOSE: puts(" closed the ticket"); break;
        case TICKET_OPEN:
        case TICKET_WORDS: putchar('\n'); break;
    }
    for (const char *at = m->text; at;) {
        int len = (int)strcspn(at, "\n");
        printf("%s%.*s\n", len ? "  " : "", len, at);
        at = at[len] ? at + len + 1 : NULL;
    }
}

void ticket_subject(const struct ticket *t, char out[80]) {
    const char *text = t->count && t->lines[0].sound ? t->lines[0].message.text : "(cannot be read)";
    size_t len = strcspn(text, "\n");
    if (len > 79)
        for (len = 79; len && ((unsigned char)text[len] & 0xc0) == 0x80;) len--; /* no half characters */
    snprintf(out, 80, "%.*s", (int)len, text);
}

void ticket_print(const struct ticket *t) {
    char who[128], when[48];
    printf("ticket %s, %s\n", t->hex, t->closed ? "closed" : "open");
    for (size_t i = 0; i < t->count; i++) {
        const struct ticket_line *line = &t->lines[i];
        if (!line->sound) {
            printf("\n%u. not shown: %s\n", line->n, line->why);
            continue;
        }
        writer_text(line, who);
        slot_time_text(line->message.time, when);
        printf("\n%u. %s, %s", line->n, when, who);
        print_message(&line->message);
    }
}

json_t *ticket_json(const struct ticket *t) {
    json_t *lines = json_array();
    for (size_t i = 0; i < t->count; i++) {
        const struct ticket_line *line = &t->lines[i];
        json_t *one = json_pack("{s:i, s:s, s:b}", "n", (int)line->n, "by",
                                line->by_staff ? "staff" : "owner", "sound", (int)line->sound);
        if (one && !line->sound) json_object_set_new(one, "why", json_string(line->why));
        if (one && line->sound) json_object_set(one, "message", line->message.value);
        if (one && line->sound && line->by_staff) {
            json_object_set_new(one, "name", json_string(line->certificate.name));
            json_object_set_new(one, "number", json_integer((json_int_t)line->certificate.number));
        }
        json_array_append_new(lines, one);
    }
    return json_pack("{s:s, s:s, s:o, s:O}", "ticket", t->hex, "state", t->closed ? "closed" : "open",
                     "messages", lines, "grants", t->grants);
}
