/* learn.h: teaches a net the crops, and says how well it knows others. */
#ifndef CARDEA_LABS_LEARN_H
#define CARDEA_LABS_LEARN_H

#include <stdio.h>

#include "labs/crops.h"
#include "labs/net.h"

struct learn_plan {
    uint64_t seed;
    int steps;
    int without; /* enum crop_place whose pixels are left out, or -1 */
};

/* A net that learnt all crops but those with pixels of plan->without; returned. */
err learn_net(const struct crop_set *crops, const struct learn_plan *plan, struct net **out,
              struct diag *d) CHECKED;

/* How crops of a place were classified: [what it is][what was said]. Those that were pasted do not count. */
struct learn_figures {
    unsigned said[CLASSIFIER_CLASSES][CLASSIFIER_CLASSES];
    unsigned person_right, person_of, nothing_right, nothing_of; /* where only these two are asked for */
};
void learn_test(const struct classifier *c, const struct crop_set *crops, int place, struct learn_figures *out);
void learn_print(FILE *to, const char *title, const struct learn_figures *f);

#endif
