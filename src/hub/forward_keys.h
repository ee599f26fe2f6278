/* forward_keys.h: the hub's half of the key tree, which only ever reaches forward (docs/keys.md).
 *
 * In memory, a stream's keys begin at the slot that is being recorded; what lies before it is wiped. On disk,
 * all streams' keys lie in one file that begins at a boundary AHEAD of what is being recorded: nothing is
 * sealed in a slot that any copy on disk opens. The file is replaced every FORWARD_PERIOD_S, and the old
 * one's bytes are overwritten (as well as the disk under it allows), before the slots from its boundary on
 * are used. So:
 *   - who takes the disk opens nothing that was recorded before;
 *   - after a crash nothing can be recorded until the boundary is reached: a gap of at most FORWARD_LEAD_S
 * seconds. After an orderly end the boundary is the next second.
 *
 * File: magic "CRDF" | version 1 | boundary (4) | count (4) | { camera (16) | epoch (4) | length (4) | time
 * key set } * | SHA-256 of all before it (32). A file that does not verify is as good as none: the streams
 * get new epochs.
 *
 * The clock: a slot never goes back within an epoch. Back by up to FORWARD_HOLD_S: the slot is held until the
 * clock has caught up. Back by more, or forward by more than FORWARD_JUMP_S against the steady clock: the
 * stream needs a new epoch (ERR_CONFLICT), so that a wrong clock that is set right again never leaves the hub
 * without keys.
 *
 * Threads: one, that of the recording loop; the writing is done by the disk thread. */
#ifndef CARDEA_HUB_FORWARD_KEYS_H
#define CARDEA_HUB_FORWARD_KEYS_H

#include "base/clock.h"
#include "crypto/timekey.h"
#include "format/segment.h"
#include "hub/disk_thread.h"

#define FORWARD_PERIOD_S 4
#define FORWARD_LEAD_S                                                                                       \
    6 /* the boundary's distance when it is written: a period, and time for a slow disk                      \
       */
#define FORWARD_HOLD_S 5
#define FORWARD_JUMP_S 3600
#define FORWARD_STREAMS_MAX 512

struct forward_keys;

/* Loads the file, if there is one. Streams whose keys could not be read are simply not there. ERR_IO,
 * ERR_NO_MEMORY. */
err forward_keys_open(const char *path, struct disk_thread *disk, struct forward_keys **out,
                      struct diag *d) CHECKED;
/* Writes the file with the next second as its boundary, waits for that, and wipes. */
void forward_keys_close(struct forward_keys *k);

/* Makes a fresh root for the stream, keeps what lies from `now` on, and appends the root, sealed to the
 * household (info "cardea/1 root", aad = camera || epoch), to *sealed_root. Replaces the epoch before. The
 * caller makes *sealed_root durable BEFORE it seals anything in this epoch. ERR_LIMIT: too many streams. */
err forward_keys_begin(struct forward_keys *k, const uint8_t camera[CAMERA_ID_BYTES], uint32_t epoch,
                       const uint8_t household_box[32], struct wall_us now, struct blob *sealed_root) CHECKED;
void forward_keys_forget(struct forward_keys *k, const uint8_t camera[CAMERA_ID_BYTES]);

/* The slot for something that happened at `at` and is sealed now; what lies before it is wiped. `keys` and
 * `epoch` are what to seal with, borrowed until the next call on k. ERR_NOT_FOUND  the stream has no epoch:
 * begin one ERR_CONFLICT   the clock went where this epoch cannot follow: begin a new one ERR_BUSY       not
 * yet: after a crash, until the boundary; or the disk is slow */
struct forward_slot {
    uint32_t slot, epoch;
    const struct timekey_set *keys;
};
err forward_keys_slot(struct forward_keys *k, const uint8_t camera[CAMERA_ID_BYTES], struct wall_us at,
                      struct wall_us now, struct forward_slot *out) CHECKED;

/* The stream's epoch in force. ERR_NOT_FOUND. */
err forward_keys_epoch(const struct forward_keys *k, const uint8_t camera[CAMERA_ID_BYTES],
                       uint32_t *out) CHECKED;

/* To be called about once a second: drops what has passed, writes the file when it is time, and watches the
 * clock. */
void forward_keys_tick(struct forward_keys *k, struct wall_us now, struct steady_us steady);

/* False for an hour after the clock jumped forward by more than FORWARD_JUMP_S, or while it says a year
 * before 2024. */
bool forward_keys_clock_ok(const struct forward_keys *k);

/* The last write of the file failed; d says why. Recording halts when it is not mended in FORWARD_LEAD_S. */
bool forward_keys_failing(struct forward_keys *k, struct diag *d);

#endif
