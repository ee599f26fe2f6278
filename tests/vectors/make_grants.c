/* make_grants.c: grants. */
#include "make.h"

void make_grants(const char *folder) { (void)folder; }
