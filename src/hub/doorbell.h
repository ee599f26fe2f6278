/* doorbell.h: buttons that press by an HTTP request to the vault (docs/protocol.md, "Doorbells").
 *
 * A doorbell has a random token of its own, shown once; DIR/doorbells.json (0600) holds its hash and its
 * camera. Who presses is known to the hub alone. Threads: the recording loop. */
#ifndef CARDEA_HUB_DOORBELL_H
#define CARDEA_HUB_DOORBELL_H

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "hub/link.h"

#define DOORBELLS_MAX LINK_RINGS_MAX
#define DOORBELL_AGAIN_US 2000000 /* a button that is held, or bounces, rings once */

struct doorbell {
    uint8_t ring[LINK_RING_BYTES], camera[16];
    struct wall_us added;
    struct steady_us rang;
};

struct doorbells {
    char path[PATH_TEXT_BYTES];
    struct doorbell list[DOORBELLS_MAX];
    size_t count;
};

/* ERR_INVALID: the file is not ours. */
err doorbells_load(const char *data, struct doorbells *out, struct diag *d) CHECKED;

/* doorbell.add {"camera"} → {"camera","path"}: the one of that camera is replaced. doorbell.remove
 * {"camera"}. doorbell.list → {"doorbells":[{"camera","added"}]}. *changed: tell the link. */
err doorbells_command(struct doorbells *b, const char *verb, json_t *args, json_t **result, bool *changed,
                      struct diag *d) CHECKED;
/* The camera is gone. True when it had one. */
bool doorbells_forget(struct doorbells *b, const uint8_t camera[16]);
/* Whose button was it? False: nobody's, or it rang a moment ago. */
bool doorbells_press(struct doorbells *b, const uint8_t ring[LINK_RING_BYTES], struct steady_us now,
                     uint8_t camera[16]);
void doorbells_tell(const struct doorbells *b, struct link *l);

#endif
