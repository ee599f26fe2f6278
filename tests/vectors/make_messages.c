/* make_messages.c: envelopes, household objects, commands, replies, pairing. */
#include "make.h"

void make_messages(const char *folder) { (void)folder; }
