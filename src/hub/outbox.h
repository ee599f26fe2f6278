/* outbox.h: small things for the vault (objects, events, settings) that wait on disk until it has taken them.
 *
 * One file each, DIR/<16 hex digits, ascending>: a line of JSON that says what it is, then the payload, which
 * is sealed or public. They leave in order. Bounded: when full, the oldest event is dropped, never an object.
 * Threads: any. */
#ifndef CARDEA_HUB_OUTBOX_H
#define CARDEA_HUB_OUTBOX_H

#include "base/json.h"
#include "hub/disk_thread.h"

#define OUTBOX_MAX 20000
#define OUTBOX_PAYLOAD_MAX_BYTES (256u << 10)

struct outbox;
typedef void outbox_changed_fn(void *context);

err outbox_open(const char *folder, struct disk_thread *disk, struct outbox **out, struct diag *d) CHECKED;
void outbox_close(struct outbox *o);
void outbox_on_change(struct outbox *o, outbox_changed_fn *fn, void *context);

/* Durable on return. Heads:
 *   {"kind":"object","key":text,"create":bool}   signed when it is sent; create: version 1, else the next
 *   {"kind":"event","camera":hex,"day":n}
 *   {"kind":"retention","camera":hex,"days":n}
 * An object that is not created replaces one with the same key that still waits. */
err outbox_add(struct outbox *o, json_t *head, struct bytes payload, struct diag *d) CHECKED;
/* The same on the disk thread, for what need not be durable at once. Takes `head`. */
void outbox_add_later(struct outbox *o, json_t *head, struct bytes payload);

struct outbox_entry {
    uint64_t number;
    json_t *head;
    struct blob payload;
};
void outbox_entry_clear(struct outbox_entry *e);
/* The oldest. ERR_NOT_FOUND: empty. */
err outbox_peek(struct outbox *o, struct outbox_entry *out) CHECKED;
void outbox_remove(struct outbox *o, uint64_t number);
/* A camera was removed: nothing about it is sent any more. */
void outbox_forget(struct outbox *o, const char *camera_hex);
size_t outbox_count(struct outbox *o);

#endif
