/* commands.h: the tables of commands, in the order in which help lists them. Each ends with a NULL name. */
#ifndef CARDEA_CLI_COMMANDS_H
#define CARDEA_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct command commands_home[];      /* demo home hub vault */
extern const struct command commands_household[]; /* init recover status doctor */
extern const struct command commands_account[];   /* account … */
extern const struct command commands_camera[];    /* camera … live */
extern const struct command commands_model[];     /* model … */
extern const struct command commands_see[];       /* see zone … mask … face … */
extern const struct command commands_rule[];      /* rule … */
extern const struct command commands_footage[];   /* export verify timeline events delete */
extern const struct command commands_notify[];    /* notify doorbell */
extern const struct command commands_share[];     /* share */
extern const struct command commands_member[];    /* member … join */
extern const struct command commands_mark[];      /* support mark */
extern const struct command commands_trust[];     /* grants log */
extern const struct command commands_web[];       /* web verify */
extern const struct command commands_support[];   /* support … of an owner */
extern const struct command commands_desk[];      /* support … of an agent */
extern const struct command commands_staff[];     /* staff … */
extern const struct command commands_store[];     /* fsck backup restore bench */

#endif
