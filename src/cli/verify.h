#ifndef CARDEA_CLI_VERIFY_H
#define CARDEA_CLI_VERIFY_H

#include "cli/cli.h"

/* Of a household's public key, short enough to compare by eye: eight bytes of SHA-256 in hex. */
void household_fingerprint(const uint8_t key[32], char out[17]);

int run_verify(struct cli *cli, const struct args *args);

#endif
