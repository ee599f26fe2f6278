/* home_private.h: between home.c and home_folder.c. */
#ifndef CARDEA_CLI_HOME_PRIVATE_H
#define CARDEA_CLI_HOME_PRIVATE_H

#include "cli/home.h"

err home_state_write(const char *data, const struct home_state *s, struct diag *d) CHECKED;

#endif
