#include "cli/demo.h"

int run_demo(struct cli *cli, const struct args *args) { return cli_fail_text("the demo is being built"); }
