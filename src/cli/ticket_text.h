/* ticket_text.h: a ticket as text, and words from the command line; for owners and agents alike. */
#ifndef CARDEA_CLI_TICKET_TEXT_H
#define CARDEA_CLI_TICKET_TEXT_H

#include "cli/cli.h"
#include "client/tickets.h"

/* Prints all that was said. */
void ticket_print(const struct ticket *t);
/* The first line of what the owner wrote. */
void ticket_subject(const struct ticket *t, char out[80]);
json_t *ticket_json(const struct ticket *t); /* for --json; returned */
/* "porch, yard; live for 5 min" */
void ticket_request_text(const struct ticket_request *r, char out[400]);
void ticket_health_print(FILE *out, const json_t *health);
/* The text itself, or with "-" standard input. *out is replaced; with a terminating zero. */
err ticket_words_read(const char *given, struct blob *out, struct diag *d) CHECKED;

#endif
