#include "cli/hub_ask.h"

#include <string.h>
#include <strings.h>

#include "client/hub_command.h"

#define WAIT_S 25

err hub_ask(struct session *s, const char *verb, json_t *args, json_t **result, struct diag *d) {
    const struct hub_certificate *hub;
    err e = hub_choose(&s->client, &hub, d);
    if (!e) e = hub_command(&s->client, hub, verb, args, WAIT_S, result, d);
    json_decref(args);
    return e;
}

err hub_ask_seeing(struct session *s, json_t **out, struct diag *d) {
    return hub_ask(s, "see.get", NULL, out, d);
}

int cli_print_json(json_t *value) {
    if (!value || json_dumpf(value, stdout, JSON_INDENT(1))) return cli_fail_text("cannot write the answer");
    putchar('\n');
    return STATUS_DONE;
}

const char *json_text(const json_t *o, const char *name) {
    const char *text = json_string_value(json_object_get(o, name));
    return text ? text : "";
}

json_t *json_named(const json_t *list, const char *text) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i);
        if (strcasecmp(json_text(one, "name"), text) == 0) return one;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *one = json_array_get(list, i);
        if (strlen(text) >= 4 && strncmp(json_text(one, "id"), text, strlen(text)) == 0) return one;
    }
    return NULL;
}
