#include "base/clock.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t clock_us(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct wall_us wall_now(void) {
    return (struct wall_us){clock_us(CLOCK_REALTIME)};
}

struct steady_us steady_now(void) {
    return (struct steady_us){clock_us(CLOCK_BOOTTIME)};
}

uint32_t wall_slot(struct wall_us t) {
    int64_t seconds = t.us / 1000000;
    if (t.us < 0) return 0;
    return seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

void wall_format(struct wall_us t, char out[WALL_TEXT_BYTES]) {
    int64_t seconds = t.us / 1000000, rest = t.us % 1000000;
    if (rest < 0) {
        seconds--;
        rest += 1000000;
    }
    time_t clock = (time_t)seconds;
    struct tm parts;
    char date[24];
    if (!gmtime_r(&clock, &parts) || !strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts)) {
        snprintf(out, WALL_TEXT_BYTES, "(no date)");
        return;
    }
    snprintf(out, WALL_TEXT_BYTES, "%s.%03dZ", date, (int)(rest / 1000));
}

err duration_parse(const char *text, int64_t *out_s, struct diag *d) {
    int64_t total = 0;
    const char *at = text;
    while (*at) {
        int64_t n = 0;
        int digits = 0;
        for (; isdigit((unsigned char)*at); at++, digits++) {
            if (digits == 9) return diag_fail(d, ERR_LIMIT, "\"%s\" is too long a time", text);
            n = n * 10 + (*at - '0');
        }
        int64_t unit = *at == 's' ? 1 : *at == 'm' ? 60 : *at == 'h' ? 3600 : *at == 'd' ? 86400 : 0;
        if (!digits || !unit)
            return diag_fail(d, ERR_INVALID, "\"%s\" is not a duration; write 30s, 10m, 2h, 7d or 1h30m",
                             text);
        total += n * unit;
        at++;
    }
    if (at == text) return diag_fail(d, ERR_INVALID, "a duration is empty; write 30s, 10m, 2h or 7d");
    *out_s = total;
    return ERR_OK;
}

static err bad_time(const char *text, struct diag *d) {
    return diag_fail(d, ERR_INVALID,
                     "\"%s\" is not a time; write 2026-11-22T14:03, 2026-11-22T14:03:00Z, now or -5m", text);
}

/* Reads exactly `digits` digits. */
static bool take_number(const char **at, int digits, int *out) {
    int v = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*at)[i])) return false;
        v = v * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    *out = v;
    return true;
}

static bool take_char(const char **at, char c) {
    if (**at != c) return false;
    (*at)++;
    return true;
}

static bool take_clock(const char **at, struct tm *parts, int64_t *fraction_us) {
    if (!take_number(at, 2, &parts->tm_hour) || !take_char(at, ':') || !take_number(at, 2, &parts->tm_min))
        return false;
    if (!take_char(at, ':')) return true;
    if (!take_number(at, 2, &parts->tm_sec)) return false;
    if (!take_char(at, '.')) return true;
    int64_t scale = 100000;
    if (!isdigit((unsigned char)**at)) return false;
    for (; isdigit((unsigned char)**at); (*at)++, scale /= 10) *fraction_us += (**at - '0') * scale;
    return true;
}

static bool take_zone(const char **at, bool *has_zone, int64_t *offset_s) {
    *has_zone = true;
    if (take_char(at, 'Z')) return true;
    if (**at != '+' && **at != '-') {
        *has_zone = false;
        return true;
    }
    int sign = *(*at)++ == '-' ? -1 : 1, hours, minutes = 0;
    if (!take_number(at, 2, &hours)) return false;
    take_char(at, ':');
    if (isdigit((unsigned char)**at) && !take_number(at, 2, &minutes)) return false;
    if (hours > 14 || minutes > 59) return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool in_range(const struct tm *p) {
    return p->tm_mon >= 0 && p->tm_mon < 12 && p->tm_mday >= 1 && p->tm_mday <= 31 && p->tm_hour < 24 &&
           p->tm_min < 60 && p->tm_sec <= 60;
}

err wall_parse(const char *text, struct wall_us now, struct wall_us *out, struct diag *d) {
    if (strcmp(text, "now") == 0) {
        *out = now;
        return ERR_OK;
    }
    if (text[0] == '-' || text[0] == '+') {
        int64_t seconds;
        if (duration_parse(text + 1, &seconds, NULL)) return bad_time(text, d);
        out->us = now.us + (text[0] == '-' ? -1 : 1) * seconds * 1000000;
        return ERR_OK;
    }
    struct tm parts = {.tm_isdst = -1};
    const char *at = text;
    int64_t fraction = 0, offset_s = 0;
    bool has_zone = false;
    if (!take_number(&at, 4, &parts.tm_year) || !take_char(&at, '-') || !take_number(&at, 2, &parts.tm_mon) ||
        !take_char(&at, '-') || !take_number(&at, 2, &parts.tm_mday))
        return bad_time(text, d);
    if ((*at == 'T' || *at == ' ') && at++ &&
        (!take_clock(&at, &parts, &fraction) || !take_zone(&at, &has_zone, &offset_s)))
        return bad_time(text, d);
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    int day = parts.tm_mday;
    if (*at || !in_range(&parts)) return bad_time(text, d);
    time_t seconds = has_zone ? timegm(&parts) : mktime(&parts);
    if (parts.tm_mday != day) return bad_time(text, d); /* 30 February */
    out->us = ((int64_t)seconds - offset_s) * 1000000 + fraction;
    return ERR_OK;
}
