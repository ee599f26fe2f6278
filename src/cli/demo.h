/* demo.h: `cardea demo`, and what it shares with `cardea home`. */
#ifndef CARDEA_CLI_DEMO_H
#define CARDEA_CLI_DEMO_H

#include "cli/cli.h"
#include "cli/home.h"

int run_demo(struct cli *cli, const struct args *args);

/* A descriptor on which SIGINT, SIGTERM, SIGHUP and SIGCHLD arrive from now on; -1: errno says why. */
int signals_open(void);
/* Waits for one; true when it asks to stop. */
bool signals_wait(int fd, int timeout_ms);
/* Tends the home until a signal asks to stop. */
int home_run(struct home *h, int signals);

#endif
