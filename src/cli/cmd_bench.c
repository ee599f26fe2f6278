/* cmd_bench.c: the benchmarks are programs of their own (bench/), so that nothing of them is in what people
 * run. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/programs.h"

static const char *const benches[] = {"record", "seal", "live", "timeline", "detect"};

static int become(const char *name, int argc, char **argv) {
    char program[64], path[PATH_TEXT_BYTES];
    struct diag d = {{0}};
    snprintf(program, sizeof program, "%s_bench", name);
    if (program_find_bench(program, path, &d)) return cli_fail(&d);
    char **full = calloc((size_t)argc + 2, sizeof *full);
    if (!full) return cli_fail_text("out of memory");
    full[0] = path;
    for (int i = 0; i < argc; i++) full[i + 1] = argv[i];
    execv(path, full);
    free(full);
    return cli_fail_text("cannot start %s: %s", path, strerror(errno));
}

int run_bench(int argc, char **argv) {
    struct diag d = {{0}};
    for (size_t i = 0; argc > 0 && i < sizeof benches / sizeof *benches; i++)
        if (strcmp(argv[0], benches[i]) == 0) return become(benches[i], argc - 1, argv + 1);
    (void)diag_fail(&d, ERR_INVALID, argc > 0 ? "there is no such benchmark" : "which one?");
    return cli_usage("bench", &d);
}
