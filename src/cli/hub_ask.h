/* hub_ask.h: asks the household's hub, and shows what it says; for commands that do little else. */
#ifndef CARDEA_CLI_HUB_ASK_H
#define CARDEA_CLI_HUB_ASK_H

#include "cli/session.h"

/* `args` (NULL: none) is taken. *result may be NULL. */
err hub_ask(struct session *s, const char *verb, json_t *args, json_t **result, struct diag *d) CHECKED;
/* What the household looks for, as see.get says. */
err hub_ask_seeing(struct session *s, json_t **out, struct diag *d) CHECKED;

int cli_print_json(json_t *value);                        /* borrowed; the exit status */
const char *json_text(const json_t *o, const char *name); /* "" when it is no text */
/* The member of the list whose `name` is the text, or whose id begins with it; NULL. */
json_t *json_named(const json_t *list, const char *text);

#endif
