/* hub_offline.c: while the vault cannot be reached, DIR/offline.json says so to `cardea status` on this
 * machine, which else asks by way of the vault:
 * {"vault":url,"since":time,"message":text,"spool_bytes":n,"hub":pid}. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "hub/hub.h"

#define AGAIN_US 10000000 /* what is in it may be that old */

static err write_note(const struct hub *h, const char *path, const struct link_state *link) {
    struct spool_state spool;
    struct diag d = {{0}};
    char since[WALL_TEXT_BYTES];
    spool_state(h->spool, &spool);
    wall_format(link->down_since, since);
    AUTO(json_release)
    json_t *note =
        json_pack("{s:s,s:s,s:s,s:I,s:I}", "vault", h->vault, "since", since, "message", link->message,
                  "spool_bytes", (json_int_t)spool.bytes, "hub", (json_int_t)getpid());
    char *text = note ? json_dumps(note, JSON_COMPACT) : NULL;
    if (!text) return ERR_NO_MEMORY;
    err e = file_replace(path, bytes_text(text), 0600, &d);
    free(text);
    return e;
}

void hub_offline_tick(struct hub *h, bool ending) {
    struct link_state link;
    char path[PATH_TEXT_BYTES];
    link_state(h->link, &link);
    bool down = link.down_since.us != 0 && !ending;
    if (path_join(path, h->data, "offline.json")) return;
    if (!down) {
        if (h->offline_known && !h->offline_noted) return;
        unlink(path);
        h->offline_known = true;
        h->offline_noted = false;
        return;
    }
    if (h->offline_noted && steady_now().us < h->offline_at.us + AGAIN_US) return;
    /* On a full disk there is no note: recording is what matters then, and `doctor` tells of the disk. */
    h->offline_noted = true;
    h->offline_at = steady_now();
    (void)!write_note(h, path, &link);
}
