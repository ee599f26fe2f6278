#include "cli/cli.h"

err cli_range(const struct args *args, struct wall_us from, struct wall_us to, struct wall_us *out_from,
              struct wall_us *out_to, struct diag *d) {
    struct wall_us now = wall_now();
    const char *text[2] = {args_value(args, "from"), args_value(args, "to")};
    struct wall_us *times[2] = {&from, &to};
    static const char *const names[2] = {"--from", "--to"};
    for (int i = 0; i < 2; i++) {
        err e = text[i] ? wall_parse(text[i], now, times[i], d) : ERR_OK;
        if (!e) continue;
        diag_prefix(d, "%s", names[i]);
        return e;
    }
    if (from.us >= to.us) return diag_fail(d, ERR_INVALID, "--from is not before --to");
    if (from.us < 0) return diag_fail(d, ERR_INVALID, "--from is before 1970");
    *out_from = from;
    *out_to = to;
    return ERR_OK;
}
