/* Health figures for a ticket: what a hub says of itself and its cameras, without what it says of the home.
 */
#include <ctype.h>
#include <stdio.h>

#include "client/internal.h"
#include "client/tickets.h"

static bool has_dots_and_digits(const char *word, size_t len) {
    size_t dots = 0, digits = 0, others = 0;
    for (size_t i = 0; i < len; i++) {
        dots += word[i] == '.';
        digits += isdigit((unsigned char)word[i]) != 0;
        others += !isdigit((unsigned char)word[i]) && word[i] != '.' && word[i] != ':';
    }
    return dots == 3 && digits >= 4 && others == 0;
}

static size_t count_of(const char *word, size_t len, char c) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) n += word[i] == c;
    return n;
}

/* Would this word tell where something is? Better a word too many than one too few: a host's name has a dot
 * between letters, an IPv6 address two colons, a URL "://", what has a password in it an at sign. */
static bool tells_where(const char *word, size_t len) {
    while (len && strchr(".,:;)]'\"", word[len - 1])) len--;
    while (len && strchr("([<'\"", word[0])) word++, len--;
    if (len == 0) return false;
    if (memmem(word, len, "://", 3) || memchr(word, '@', len)) return true;
    if (has_dots_and_digits(word, len) || count_of(word, len, ':') >= 2) return true;
    const char *dot = memchr(word, '.', len);
    for (; dot; dot = memchr(dot + 1, '.', len - (size_t)(dot + 1 - word)))
        if (dot > word && dot + 1 < word + len && isalpha((unsigned char)dot[1]) &&
            isalnum((unsigned char)dot[-1]))
            return true;
    const char *colon = memchr(word, ':', len); /* host:port */
    return colon && colon + 1 < word + len && isdigit((unsigned char)colon[1]);
}

void ticket_scrub(const char *message, char out[TICKET_ERROR_BYTES]) {
    size_t used = 0;
    while (*message) {
        size_t space = strspn(message, " \t\r\n"), word = strcspn(message + space, " \t\r\n");
        const char *text = message + space;
        size_t len = word;
        if (word && tells_where(text, word)) text = "[address]", len = 9;
        if (used + (space ? 1 : 0) + len >= TICKET_ERROR_BYTES) break;
        if (space && used) out[used++] = ' ';
        memcpy(out + used, text, len);
        used += len;
        message += space + word;
    }
    out[used] = 0;
    text_mend(out);
}

static void copy_numbers(const json_t *from, const char *const *names, json_t *to) {
    for (; *names; names++) {
        json_t *value = json_object_get(from, *names);
        if (json_is_number(value) && json_number_value(value) >= 0) json_object_set(to, *names, value);
    }
}

static void copy_words(const json_t *from, const char *const *names, json_t *to) {
    for (; *names; names++) {
        const char *text = client_text((json_t *)from, *names);
        if (*text && strlen(text) <= 64) json_object_set_new(to, *names, json_string(text));
    }
}

static json_t *camera_health(json_t *cam) {
    static const char *const numbers[] = {"kbit_s", "lost", "restarts", "width", "height", NULL};
    static const char *const words[] = {"state", "codec", NULL};
    char error[TICKET_ERROR_BYTES];
    json_t *one = json_pack("{s:s}", "name", client_text(cam, "name"));
    if (!one) return NULL;
    copy_words(cam, words, one);
    double fps = json_number_value(json_object_get(cam, "fps"));
    if (fps > 0) json_object_set_new(one, "fps", json_integer((json_int_t)(fps + 0.5)));
    copy_numbers(cam, numbers, one);
    ticket_scrub(client_text(cam, "message"), error);
    if (*error) json_object_set_new(one, "error", json_string(error));
    return one;
}

err ticket_health_of(const json_t *status, const char *vault_version, json_t **out, struct diag *d) {
    static const char *const numbers[] = {"uptime_s", "spool_bytes", "waiting", NULL};
    static const char *const words[] = {"version", "state", NULL};
    json_t *cameras = json_array(), *hub = json_object(), *cam;
    size_t i;
    json_array_foreach(json_object_get(status, "cameras"), i, cam) {
        /* A substream has no name of its own: the camera's says enough. */
        if (*client_text(cam, "name") && strcmp(client_text(cam, "kind"), "sub") != 0 &&
            json_array_size(cameras) < TICKET_CAMERAS_MAX)
            json_array_append_new(cameras, camera_health(cam));
    }
    copy_words(json_object_get(status, "hub"), words, hub);
    copy_numbers(json_object_get(status, "hub"), numbers, hub);
    AUTO(json_release)
    json_t *health = json_pack("{s:o, s:o, s:s}", "cameras", cameras, "hub", hub, "vault", vault_version);
    if (!health) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    err e = ticket_health_check(health, d);
    if (e) return e;
    *out = json_incref(health);
    return ERR_OK;
}
