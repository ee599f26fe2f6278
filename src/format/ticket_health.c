#include "format/ticket.h"

#define WORD_MAX_BYTES 64
#define ERROR_MAX_BYTES 200

enum figure_kind { FIGURE_NUMBER, FIGURE_WORD, FIGURE_NAME, FIGURE_ERROR };
struct figure {
    const char *name;
    enum figure_kind kind;
};

static const struct figure camera_figures[] = {
    {"name", FIGURE_NAME},   {"state", FIGURE_WORD},      {"fps", FIGURE_NUMBER},   {"kbit_s", FIGURE_NUMBER},
    {"lost", FIGURE_NUMBER}, {"restarts", FIGURE_NUMBER}, {"width", FIGURE_NUMBER}, {"height", FIGURE_NUMBER},
    {"codec", FIGURE_WORD},  {"error", FIGURE_ERROR},     {NULL, FIGURE_WORD}};
static const struct figure hub_figures[] = {{"version", FIGURE_WORD},    {"state", FIGURE_WORD},
                                            {"uptime_s", FIGURE_NUMBER}, {"spool_bytes", FIGURE_NUMBER},
                                            {"waiting", FIGURE_NUMBER},  {NULL, FIGURE_WORD}};

static bool figure_fits(const json_t *value, enum figure_kind kind) {
    if (kind == FIGURE_NUMBER)
        return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) < 1e18;
    size_t max = kind == FIGURE_NAME    ? TICKET_CAMERA_NAME_MAX_BYTES
                 : kind == FIGURE_ERROR ? ERROR_MAX_BYTES
                                        : WORD_MAX_BYTES;
    return json_is_string(value) && json_string_length(value) <= max;
}

static err figures_check(const json_t *object, const struct figure *known, const char *where,
                         struct diag *d) {
    const char *name;
    json_t *value;
    if (!json_is_object(object)) return diag_fail(d, ERR_INVALID, "\"health\": %s must be an object", where);
    json_object_foreach((json_t *)object, name, value) {
        const struct figure *f = known;
        while (f->name && strcmp(f->name, name) != 0) f++;
        if (!f->name)
            return diag_fail(d, ERR_INVALID, "\"health\": \"%.40s\" is no figure of %s", name, where);
        if (!figure_fits(value, f->kind))
            return diag_fail(d, ERR_INVALID, "\"health\": \"%s\" of %s is not what it should be", name,
                             where);
    }
    return ERR_OK;
}

static err cameras_check(const json_t *cameras, struct diag *d) {
    if (!json_is_array(cameras) || json_array_size(cameras) > TICKET_CAMERAS_MAX)
        return diag_fail(d, ERR_INVALID, "\"health\": \"cameras\" must be a list of at most %d",
                         TICKET_CAMERAS_MAX);
    for (size_t i = 0; i < json_array_size(cameras); i++) {
        const json_t *one = json_array_get(cameras, i);
        err e = figures_check(one, camera_figures, "a camera", d);
        if (e) return e;
        if (json_string_length(json_object_get(one, "name")) == 0)
            return diag_fail(d, ERR_INVALID, "\"health\": a camera lacks its name");
    }
    return ERR_OK;
}

err ticket_health_check(const json_t *health, struct diag *d) {
    const char *name;
    json_t *value;
    if (!json_is_object(health) || !json_object_get(health, "cameras"))
        return diag_fail(d, ERR_INVALID, "\"health\" must hold \"cameras\"");
    json_object_foreach((json_t *)health, name, value) {
        err e = ERR_OK;
        if (strcmp(name, "cameras") == 0)
            e = cameras_check(value, d);
        else if (strcmp(name, "hub") == 0)
            e = figures_check(value, hub_figures, "the hub", d);
        else if (strcmp(name, "vault") != 0 || !figure_fits(value, FIGURE_WORD))
            e = diag_fail(d, ERR_INVALID, "\"health\": \"%.40s\" does not belong there", name);
        if (e) return e;
    }
    return ERR_OK;
}
