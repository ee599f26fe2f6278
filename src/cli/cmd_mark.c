/* cmd_mark.c: whose screen was this? */
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "mark/hidden_mark.h"

#define FILE_MAX ((size_t)64 << 20)
#define EPOCH_S 1767225600LL /* 2026-01-01T00:00:00Z */
#define MINUTES_AROUND (1LL << 24)

/* The counter starts anew every 32 years; it is the last one that is not ahead of now. */
static int64_t time_s(uint32_t minute, int64_t now_s) {
    int64_t minutes = minute, now = (now_s - EPOCH_S) / 60 + 1;
    while (minutes + MINUTES_AROUND <= now) minutes += MINUTES_AROUND;
    return EPOCH_S + minutes * 60;
}

static err read_mark(const struct args *args, struct mark_reading *out, struct diag *d) {
    const char *path = args->positional[0], *frame = args_value(args, "frame");
    AUTO(blob_clear) struct blob file = {0};
    AUTO(mark_picture_clear) struct mark_picture picture = {0};
    err e = file_read(path, FILE_MAX, &file, d);
    if (!e) e = mark_picture_read(blob_bytes(&file), &picture, d);
    if (e) {
        diag_prefix(d, "%s", path);
        return e;
    }
    double at[4];
    int used = 0;
    if (frame &&
        (sscanf(frame, "%lf,%lf,%lf,%lf%n", &at[0], &at[1], &at[2], &at[3], &used) != 4 || frame[used]))
        return diag_fail(d, ERR_INVALID, "--frame is X,Y,WIDTH,HEIGHT in pixels of the picture");
    e = frame ? hidden_mark_read_frame(&picture, at[0], at[1], at[2], at[3], out)
              : hidden_mark_find(&picture, out);
    if (e == ERR_NOT_FOUND)
        return diag_fail(
            d, e,
            "%s: no mark is found; where the frame's border was cut off, say where the whole frame would "
            "lie: --frame X,Y,WIDTH,HEIGHT",
            path);
    if (e == ERR_INVALID)
        return diag_fail(d, e, "%s: a frame of %d x %d pixels or more is needed to read a mark", path,
                         MARK_READ_WIDTH_MIN, MARK_READ_HEIGHT_MIN);
    return e ? diag_fail(d, e, "%s: no memory to read it", path) : ERR_OK;
}

static int run_mark(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    struct mark_reading r;
    if (read_mark(args, &r, &d)) return cli_fail(&d);
    char when[WALL_TEXT_BYTES];
    wall_format((struct wall_us){time_s(r.mark.minute, wall_now().us / 1000000) * 1000000}, when);
    if (cli->json)
        printf("{\"key\": \"%08x\", \"minute\": \"%s\", \"frame\": [%.0f, %.0f, %.0f, %.0f], \"agreement\": "
               "%.3f}\n",
               r.mark.key, when, r.x, r.y, r.width, r.height, r.agreement);
    else
        printf("shown to the viewer whose key begins with %08x, in the minute of %s\n"
               "(the frame is at %.0f, %.0f, %.0f x %.0f; %.0f %% of the mark agrees)\n",
               r.mark.key, when, r.x, r.y, r.width, r.height, 100 * r.agreement);
    return STATUS_DONE;
}

static const struct option_spec mark_options[] = {{"frame", 0, true, false}, {0}};

const struct command commands_mark[] = {
    {.name = "support mark",
     .summary = "Whose screen is this a picture of?",
     .usage = "PICTURE.jpg|.png [--frame X,Y,WIDTH,HEIGHT] [--json]",
     .help =
         "Reads the hidden mark that the support portal puts into each frame: the first 8 hex digits of the\n"
         "viewer's key, as `cardea staff list` and the public log show them, and the minute. It survives\n"
         "screenshots at half the size and JPEG at quality 70. A frame is found by its border; of a picture\n"
         "that was cropped, --frame says where the whole frame would lie.\n",
     .options = mark_options,
     .least = 1,
     .most = 1,
     .run = run_mark},
    {0},
};
