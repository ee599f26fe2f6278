/* A file DIR/alerts/<number, 16 hex digits>:
 *
 *     magic "CRDQ" | version 2 (1) | channels n (1) | key (2) | queued µs (8) | packet µs (8) | { channel id
 * (8) } * n | length (4) | box | SHA-256 of all before (32) | { state (1) } * n
 *
 * The box (crypto/file_box.h) holds length (4) | JSON | length (4) | JPEG | length (4) | small JPEG under a
 * key of its own: the 32 bytes at place `key` of DIR/alerts.keys, ALERT_QUEUE_MAX of them, zeros where there
 * is none. A removed file's blocks stay on a disk for long; its key is overwritten where it lies, before the
 * file goes. So who takes the disk reads what waits just then, and no alert that is over.
 *
 * A file appears whole (written beside, synced, renamed). From then on only the states change, one byte at a
 * time, each synced: a crash leaves the old state or the new one, and an alert whose hand-over was not noted
 * is handed over again under the same id. When no state is `waiting` the file is removed; one that a crash
 * left is removed at the next start. */
#include "hub/alert_queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/file_box.h"
#include "crypto/hash.h"

#define MAGIC "CRDQ"
#define VERSION 2
#define BOX_NAME "alert" /* what the box is sealed for */
#define HEAD_BYTES 24
#define ID_CHARS (NOTIFY_CHANNEL_ID_BYTES - 1)
#define NAME_CHARS 16
#define JSON_MAX_BYTES 16384
#define BOX_MAX_BYTES                                                                                        \
    (FILE_BOX_OVERHEAD_BYTES + 12 + JSON_MAX_BYTES + ALERT_JPEG_MAX_BYTES + ALERT_JPEG_SMALL_MAX_BYTES)
#define FILE_MAX_BYTES (HEAD_BYTES + 4 + NOTIFY_CHANNELS_MAX * (ID_CHARS + 1) + BOX_MAX_BYTES + HASH_BYTES)

enum state { STATE_WAITING = 0, STATE_TAKEN = 1, STATE_GIVEN_UP = 2 };

struct slot {
    char channel[NOTIFY_CHANNEL_ID_BYTES];
    uint8_t state;
    uint32_t refused; /* how often, in this run */
};

struct entry {
    uint64_t number;
    uint8_t id[ALERT_ID_BYTES];
    struct steady_us until;
    size_t bytes; /* of the file */
    uint16_t key; /* its place in the keys' file */
    struct slot slots[NOTIFY_CHANNELS_MAX];
    size_t slot_count;
    struct alert_message *held; /* when the disk has refused it */
};

struct dropped {
    char channel[NOTIFY_CHANNEL_ID_BYTES];
    uint64_t count;
};

struct alert_queue {
    char folder[PATH_TEXT_BYTES - 64];
    struct entry *list[ALERT_QUEUE_MAX]; /* ascending */
    size_t count, bytes;
    uint64_t next;
    uint8_t seen[ALERT_SEEN_MAX][ALERT_ID_BYTES];
    size_t seen_count, seen_at;
    struct dropped dropped[NOTIFY_CHANNELS_MAX];
    int keys_fd;
    uint8_t keys[ALERT_QUEUE_MAX][FILE_BOX_KEY_BYTES]; /* zeros: a free place */
};

/* --- Messages --- */

void alert_message_clear(struct alert_message *m) {
    json_release(&m->json);
    blob_clear(&m->jpeg);
    blob_clear(&m->jpeg_small);
}

/* At most max bytes (ALERT_TEXT_MAX_BYTES or less), cut between characters, in one line; NULL: not UTF-8, or
 * no memory. */
static json_t *cut_text(const char *text, size_t max) {
    char line[ALERT_TEXT_MAX_BYTES + 1];
    size_t len = text ? strlen(text) : 0;
    if (len > max) {
        len = max;
        while (len && ((unsigned char)text[len] & 0xc0) == 0x80) len--;
    }
    for (size_t i = 0; i < len; i++)
        line[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    return json_stringn(line, len);
}

err alert_message_make(const struct alert *a, struct alert_message *out, struct diag *d) {
    struct alert_message m = {.queued = wall_now(), .packet = a->packet};
    json_t *zones = json_array();
    for (size_t i = 0; i < a->zone_count && i < ALERT_ZONES_MAX; i++)
        json_array_append_new(zones, cut_text(a->zones[i], NOTIFY_NAME_MAX_BYTES));
    m.json = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:o,s:o}", "id", json_hex(BYTES_OF(a->id)), "event",
                       json_hex(BYTES_OF(a->event)), "camera", json_hex(BYTES_OF(a->camera)), "camera_name",
                       cut_text(a->camera_name, NOTIFY_NAME_MAX_BYTES), "label", cut_text(a->label, 32),
                       "title", cut_text(a->title, ALERT_TEXT_MAX_BYTES), "text",
                       cut_text(a->text, ALERT_TEXT_MAX_BYTES), "at", (json_int_t)a->at.us, "rule",
                       cut_text(a->rule, NOTIFY_NAME_MAX_BYTES), "zones", zones);
    err e = m.json ? ERR_OK : ERR_INVALID;
    if (!e && a->person && json_object_set_new(m.json, "person", cut_text(a->person, NOTIFY_NAME_MAX_BYTES)))
        e = ERR_INVALID;
    if (e) {
        alert_message_clear(&m);
        return diag_fail(d, e, "a text of the alert is not UTF-8");
    }
    if (a->jpeg.len <= ALERT_JPEG_MAX_BYTES) e = blob_append(&m.jpeg, a->jpeg);
    if (!e && a->jpeg_small.len <= ALERT_JPEG_SMALL_MAX_BYTES) e = blob_append(&m.jpeg_small, a->jpeg_small);
    if (e) {
        alert_message_clear(&m);
        return diag_fail(d, e, "out of memory");
    }
    *out = m;
    return ERR_OK;
}

const char *alert_text(const struct alert_message *m, const char *name) {
    const char *text = json_string_value(json_object_get(m->json, name));
    return text ? text : "";
}

/* --- Files --- */

static void entry_path(const struct alert_queue *q, uint64_t number, char out[PATH_TEXT_BYTES]) {
    snprintf(out, PATH_TEXT_BYTES, "%s/%016llx", q->folder, (unsigned long long)number);
}

static err append_part(struct blob *file, struct bytes part) {
    err e = blob_append_be32(file, (uint32_t)part.len);
    return e ? e : blob_append(file, part);
}

/* What nobody else is to read. */
static err encode_box(const uint8_t key[FILE_BOX_KEY_BYTES], const struct alert_message *m,
                      struct blob *box) {
    AUTO(blob_clear) struct blob plain = {0};
    char *text = json_dumps(m->json, JSON_COMPACT);
    err e = text ? append_part(&plain, bytes_text(text)) : ERR_NO_MEMORY;
    if (!e) e = append_part(&plain, blob_bytes(&m->jpeg));
    if (!e) e = append_part(&plain, blob_bytes(&m->jpeg_small));
    free(text);
    return e ? e : file_box_seal(key, BOX_NAME, blob_bytes(&plain), box);
}

static err encode(const struct entry *entry, const uint8_t key[FILE_BOX_KEY_BYTES],
                  const struct alert_message *m, struct blob *file) {
    uint8_t head[] = {'C', 'R', 'D', 'Q', VERSION, (uint8_t)entry->slot_count, 0, 0};
    AUTO(blob_clear) struct blob box = {0};
    be16_put(head + 6, entry->key);
    err e = encode_box(key, m, &box);
    if (!e) e = blob_append(file, BYTES_OF(head));
    if (!e) e = blob_append_be64(file, (uint64_t)m->queued.us);
    if (!e) e = blob_append_be64(file, (uint64_t)m->packet.us);
    for (size_t i = 0; i < entry->slot_count && !e; i++)
        e = blob_append(file, BYTES(entry->slots[i].channel, ID_CHARS));
    if (!e) e = append_part(file, blob_bytes(&box));
    uint8_t hash[HASH_BYTES];
    if (!e) hash_sha256(blob_bytes(file), hash);
    if (!e) e = blob_append(file, BYTES_OF(hash));
    for (size_t i = 0; i < entry->slot_count && !e; i++) e = blob_append_u8(file, entry->slots[i].state);
    return e;
}

static bool take_part(struct reader *r, size_t max, struct bytes *out) {
    uint32_t len;
    return reader_be32(r, &len) && len <= max && reader_take(r, len, out);
}

static err decode_states(struct reader *r, struct bytes hashed, struct entry *entry) {
    uint8_t hash[HASH_BYTES], stored[HASH_BYTES];
    hash_sha256(hashed, hash);
    if (!reader_copy(r, stored, sizeof stored) || memcmp(hash, stored, sizeof hash) != 0) return ERR_INVALID;
    for (size_t i = 0; i < entry->slot_count; i++)
        if (!reader_u8(r, &entry->slots[i].state) || entry->slots[i].state > STATE_GIVEN_UP)
            return ERR_INVALID;
    return reader_left(r) ? ERR_INVALID : ERR_OK;
}

static err decode_box(const uint8_t key[FILE_BOX_KEY_BYTES], struct bytes box, struct alert_message *m) {
    AUTO(blob_clear) struct blob plain = {0};
    struct bytes json, jpeg, small;
    if (file_box_open(key, BOX_NAME, box, &plain)) return ERR_INVALID;
    struct reader r = reader_of(blob_bytes(&plain));
    if (!take_part(&r, JSON_MAX_BYTES, &json) || !take_part(&r, ALERT_JPEG_MAX_BYTES, &jpeg) ||
        !take_part(&r, ALERT_JPEG_SMALL_MAX_BYTES, &small) || reader_left(&r))
        return ERR_INVALID;
    err e = json_parse(json, &m->json, NULL);
    if (!e) e = blob_append(&m->jpeg, jpeg);
    return e ? e : blob_append(&m->jpeg_small, small);
}

/* `keys`: all of them; the file names its own. */
static err decode(struct bytes file, const uint8_t (*keys)[FILE_BOX_KEY_BYTES], struct entry *entry,
                  struct alert_message *m) {
    struct reader r = reader_of(file);
    uint8_t head[8];
    uint64_t queued, packet;
    struct bytes box;
    if (!reader_copy(&r, head, sizeof head) || memcmp(head, MAGIC, 4) != 0 || head[4] != VERSION ||
        head[5] > NOTIFY_CHANNELS_MAX || !reader_be64(&r, &queued) || !reader_be64(&r, &packet))
        return ERR_INVALID;
    entry->slot_count = head[5];
    entry->key = be16_get(head + 6);
    if (entry->key >= ALERT_QUEUE_MAX) return ERR_INVALID;
    for (size_t i = 0; i < entry->slot_count; i++) {
        if (!reader_copy(&r, entry->slots[i].channel, ID_CHARS)) return ERR_INVALID;
        entry->slots[i].channel[ID_CHARS] = 0;
    }
    if (!take_part(&r, BOX_MAX_BYTES, &box)) return ERR_INVALID;
    err e = decode_states(&r, BYTES(file.data, (size_t)(r.at - file.data)), entry);
    if (!e) e = decode_box(keys[entry->key], box, m);
    if (!e && hex_decode(alert_text(m, "id"), (struct buffer){entry->id, sizeof entry->id})) e = ERR_INVALID;
    m->queued.us = (int64_t)queued;
    m->packet.us = (int64_t)packet;
    entry->bytes = file.len;
    if (e) alert_message_clear(m);
    return e;
}

err alert_queue_decode(struct bytes file, struct alert_message *out) {
    static const uint8_t zeros[ALERT_QUEUE_MAX][FILE_BOX_KEY_BYTES];
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) return ERR_NO_MEMORY;
    err e = decode(file, zeros, entry, out);
    free(entry);
    return e;
}

static err read_file(const struct alert_queue *q, uint64_t number, struct entry *entry,
                     struct alert_message *m) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob file = {0};
    entry_path(q, number, path);
    err e = file_read(path, FILE_MAX_BYTES, &file, NULL);
    return e ? e : decode(blob_bytes(&file), q->keys, entry, m);
}

/* --- Keys --- */

static bool free_key(const struct alert_queue *q, size_t place) {
    static const uint8_t zeros[FILE_BOX_KEY_BYTES];
    return memcmp(q->keys[place], zeros, sizeof zeros) == 0;
}

/* Where it lies: a copy elsewhere would leave the old key on the disk. */
static err write_key(const struct alert_queue *q, size_t place) {
    off_t at = (off_t)(place * FILE_BOX_KEY_BYTES);
    ssize_t n = pwrite(q->keys_fd, q->keys[place], FILE_BOX_KEY_BYTES, at);
    return n != FILE_BOX_KEY_BYTES || fdatasync(q->keys_fd) ? ERR_IO : ERR_OK;
}

static err take_key(struct alert_queue *q, struct entry *entry) {
    size_t place = 0;
    while (place < ALERT_QUEUE_MAX && !free_key(q, place)) place++;
    if (place == ALERT_QUEUE_MAX) return ERR_LIMIT;
    random_bytes(q->keys[place], FILE_BOX_KEY_BYTES);
    entry->key = (uint16_t)place;
    return write_key(q, place);
}

static void drop_key(struct alert_queue *q, size_t place) {
    wipe(q->keys[place], FILE_BOX_KEY_BYTES);
    if (write_key(q, place)) log_warning("the key of an alert that is over is still on the disk");
}

/* A crash may leave a key whose file is gone, or was never there. */
static void drop_other_keys(struct alert_queue *q) {
    bool used[ALERT_QUEUE_MAX] = {false};
    for (size_t i = 0; i < q->count; i++) used[q->list[i]->key] = true;
    for (size_t i = 0; i < ALERT_QUEUE_MAX; i++)
        if (!used[i] && !free_key(q, i)) drop_key(q, i);
}

static err load_keys(struct alert_queue *q, struct diag *d) {
    char path[PATH_TEXT_BYTES];
    struct stat s;
    snprintf(path, sizeof path, "%s.keys", q->folder);
    q->keys_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (q->keys_fd < 0 || fstat(q->keys_fd, &s) || pread(q->keys_fd, q->keys, sizeof q->keys, 0) < 0)
        return diag_fail(d, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    /* All of its room at once, so that a full disk cannot keep a key from being overwritten. */
    if (s.st_size < (off_t)sizeof q->keys &&
        (pwrite(q->keys_fd, q->keys, sizeof q->keys, 0) != (ssize_t)sizeof q->keys || fsync(q->keys_fd)))
        log_warning("no room for %s: alerts are kept in memory alone", path);
    return ERR_OK;
}

/* One byte, durable. A disk that refuses is no reason to stop: at worst the alert comes again after a crash,
 * under the same id. */
static void write_state(const struct alert_queue *q, const struct entry *entry, size_t slot) {
    char path[PATH_TEXT_BYTES];
    entry_path(q, entry->number, path);
    AUTO(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
    off_t at = (off_t)(entry->bytes - entry->slot_count + slot);
    if (fd < 0 || pwrite(fd, &entry->slots[slot].state, 1, at) != 1 || fdatasync(fd))
        log_warning("what became of an alert could not be noted in %s: %s", path, strerror(errno));
}

/* --- The list --- */

static struct entry *find(const struct alert_queue *q, uint64_t number) {
    for (size_t i = 0; i < q->count; i++)
        if (q->list[i]->number == number) return q->list[i];
    return NULL;
}

static bool any_waiting(const struct entry *entry) {
    for (size_t i = 0; i < entry->slot_count; i++)
        if (entry->slots[i].state == STATE_WAITING) return true;
    return false;
}

static void free_entry(struct entry *entry) {
    if (!entry) return;
    if (entry->held) alert_message_clear(entry->held);
    free(entry->held);
    free(entry);
}

static void remove_entry(struct alert_queue *q, struct entry *entry) {
    char path[PATH_TEXT_BYTES];
    size_t i = 0;
    while (i < q->count && q->list[i] != entry) i++;
    if (!entry->held) {
        drop_key(q, entry->key);
        entry_path(q, entry->number, path);
        if (unlink(path) && errno != ENOENT) log_warning("cannot remove %s: %s", path, strerror(errno));
    }
    memcpy(q->seen[q->seen_at], entry->id, ALERT_ID_BYTES);
    q->seen_at = (q->seen_at + 1) % ALERT_SEEN_MAX;
    if (q->seen_count < ALERT_SEEN_MAX) q->seen_count++;
    memmove(&q->list[i], &q->list[i + 1], (q->count - i - 1) * sizeof(struct entry *));
    q->count--;
    q->bytes -= entry->bytes;
    free_entry(entry);
}

static void insert(struct alert_queue *q, struct entry *entry) {
    size_t i = q->count++;
    while (i && q->list[i - 1]->number > entry->number) {
        q->list[i] = q->list[i - 1];
        i--;
    }
    q->list[i] = entry;
    q->bytes += entry->bytes;
}

static void count_dropped(struct alert_queue *q, const char *channel) {
    struct dropped *room = NULL;
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) {
        struct dropped *one = &q->dropped[i];
        if (strcmp(one->channel, channel) == 0) {
            one->count++;
            return;
        }
        if (!one->channel[0] && !room) room = one;
    }
    if (!room) return;
    snprintf(room->channel, sizeof room->channel, "%s", channel);
    room->count = 1;
}

static void give_up(struct alert_queue *q, struct entry *entry) {
    for (size_t i = 0; i < entry->slot_count; i++)
        if (entry->slots[i].state == STATE_WAITING) count_dropped(q, entry->slots[i].channel);
    remove_entry(q, entry);
}

static void make_room(struct alert_queue *q, size_t bytes) {
    if (q->count < ALERT_QUEUE_MAX && q->bytes + bytes <= ALERT_QUEUE_MAX_BYTES) return;
    log_warning("too many alerts wait for their channels: the oldest is dropped");
    while (q->count && (q->count >= ALERT_QUEUE_MAX || q->bytes + bytes > ALERT_QUEUE_MAX_BYTES))
        give_up(q, q->list[0]);
}

/* --- Opening --- */

/* Steady time judges within one run, so that a clock which is set does not age alerts; wall time only tells
 * how long the hub was off. */
static void set_until(struct entry *entry, struct wall_us queued) {
    int64_t age = wall_now().us - queued.us, life = INT64_C(1000000) * ALERT_LIFE_S;
    if (age < 0) age = 0;
    if (age > life) age = life;
    entry->until.us = steady_now().us + life - age;
}

static err load_one(struct alert_queue *q, const char *name) {
    uint8_t raw[NAME_CHARS / 2];
    char path[PATH_TEXT_BYTES];
    if (path_join(path, q->folder, name)) return ERR_OK;
    if (strlen(name) != NAME_CHARS || hex_decode(name, (struct buffer){raw, sizeof raw})) {
        unlink(path); /* an unfinished one */
        return ERR_OK;
    }
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) return ERR_NO_MEMORY;
    AUTO(alert_message_clear) struct alert_message m = {0};
    entry->number = be64_get(raw);
    if (entry->number >= q->next) q->next = entry->number + 1;
    err e = read_file(q, entry->number, entry, &m);
    if (e || !any_waiting(entry) || q->count == ALERT_QUEUE_MAX) {
        if (e && e != ERR_NO_MEMORY)
            log_warning("an alert that waited is not readable, and is dropped: %s", path);
        if (e != ERR_NO_MEMORY) unlink(path);
        free(entry);
        return e == ERR_NO_MEMORY ? e : ERR_OK;
    }
    set_until(entry, m.queued);
    insert(q, entry);
    return ERR_OK;
}

err alert_queue_open(const char *folder, struct alert_queue **out, struct diag *d) {
    if (strlen(folder) >= sizeof(*out)->folder) return diag_fail(d, ERR_LIMIT, "the path is too long");
    err e = folder_make(folder, d);
    if (e) return e;
    struct alert_queue *q = calloc(1, sizeof *q);
    if (!q) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    memcpy(q->folder, folder, strlen(folder) + 1);
    e = load_keys(q, d);
    DIR *names = e ? NULL : opendir(folder);
    if (!e && !names) e = diag_fail(d, ERR_IO, "cannot read %s: %s", folder, strerror(errno));
    for (struct dirent *one; !e && (one = readdir(names));)
        if (one->d_name[0] != '.') e = load_one(q, one->d_name);
    if (names) closedir(names);
    if (!e) drop_other_keys(q);
    if (e) {
        alert_queue_close(q);
        return e == ERR_NO_MEMORY ? diag_fail(d, e, "out of memory") : e;
    }
    *out = q;
    return ERR_OK;
}

void alert_queue_close(struct alert_queue *q) {
    if (!q) return;
    for (size_t i = 0; i < q->count; i++) free_entry(q->list[i]);
    fd_close(&q->keys_fd);
    wipe(q, sizeof *q);
    free(q);
}

/* --- Use --- */

static bool known(const struct alert_queue *q, const uint8_t id[ALERT_ID_BYTES]) {
    for (size_t i = 0; i < q->count; i++)
        if (memcmp(q->list[i]->id, id, ALERT_ID_BYTES) == 0) return true;
    for (size_t i = 0; i < q->seen_count; i++)
        if (memcmp(q->seen[i], id, ALERT_ID_BYTES) == 0) return true;
    return false;
}

/* The key is there before the file is. */
static err write_file(struct alert_queue *q, struct entry *entry, const struct alert_message *m,
                      struct diag *why) {
    char path[PATH_TEXT_BYTES];
    AUTO(blob_clear) struct blob file = {0};
    err e = take_key(q, entry);
    if (e == ERR_LIMIT) return diag_fail(why, e, "too many alerts wait");
    if (e) e = diag_fail(why, e, "cannot write its key: %s", strerror(errno));
    if (!e) e = encode(entry, q->keys[entry->key], m, &file);
    if (!e) entry->bytes = file.len;
    entry_path(q, entry->number, path);
    if (!e) e = file_replace(path, blob_bytes(&file), 0600, why);
    if (!e) return ERR_OK;
    unlink(path);
    drop_key(q, entry->key);
    return e;
}

/* Where the disk refuses, keeps the message itself. */
static err keep(struct alert_queue *q, struct entry *entry, struct alert_message *m, struct diag *d) {
    struct diag why = {{0}};
    entry->bytes = FILE_MAX_BYTES - BOX_MAX_BYTES + m->jpeg.len + m->jpeg_small.len; /* about */
    make_room(q, entry->bytes);
    err e = write_file(q, entry, m, &why);
    if (!e) {
        alert_message_clear(m);
        return ERR_OK;
    }
    if (e == ERR_NO_MEMORY) return diag_fail(d, e, "out of memory");
    log_warning("an alert is kept in memory alone: %s", why.text);
    entry->held = malloc(sizeof *entry->held);
    if (!entry->held) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    *entry->held = *m;
    *m = (struct alert_message){0};
    return ERR_OK;
}

err alert_queue_add(struct alert_queue *q, struct alert_message *m,
                    const char (*channels)[NOTIFY_CHANNEL_ID_BYTES], size_t count, struct diag *d) {
    uint8_t id[ALERT_ID_BYTES];
    if (count > NOTIFY_CHANNELS_MAX || hex_decode(alert_text(m, "id"), (struct buffer){id, sizeof id}))
        return diag_fail(d, ERR_INVALID, "the alert has no id");
    if (known(q, id)) return diag_fail(d, ERR_EXISTS, "that alert is known");
    if (count == 0) {
        alert_message_clear(m);
        return ERR_OK;
    }
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry) return diag_fail(d, ERR_NO_MEMORY, "out of memory");
    entry->number = q->next++;
    memcpy(entry->id, id, sizeof id);
    entry->slot_count = count;
    for (size_t i = 0; i < count; i++)
        snprintf(entry->slots[i].channel, sizeof entry->slots[i].channel, "%s", channels[i]);
    set_until(entry, m->queued);
    err e = keep(q, entry, m, d);
    if (e)
        free_entry(entry);
    else
        insert(q, entry);
    return e;
}

static struct slot *slot_of(struct entry *entry, const char *channel) {
    for (size_t i = 0; i < entry->slot_count; i++)
        if (strcmp(entry->slots[i].channel, channel) == 0) return &entry->slots[i];
    return NULL;
}

err alert_queue_next(struct alert_queue *q, const char *channel, uint64_t *out) {
    const struct slot *best = NULL;
    for (size_t i = 0; i < q->count; i++) {
        const struct slot *slot = slot_of(q->list[i], channel);
        if (!slot || slot->state != STATE_WAITING || (best && slot->refused >= best->refused)) continue;
        best = slot;
        *out = q->list[i]->number;
    }
    return best ? ERR_OK : ERR_NOT_FOUND;
}

void alert_queue_refused(struct alert_queue *q, uint64_t number, const char *channel) {
    struct entry *entry = find(q, number);
    struct slot *slot = entry ? slot_of(entry, channel) : NULL;
    if (slot) slot->refused++;
}

static err copy_held(const struct alert_message *held, struct alert_message *out) {
    *out = (struct alert_message){
        .queued = held->queued, .packet = held->packet, .json = json_incref(held->json)};
    err e = blob_append(&out->jpeg, blob_bytes(&held->jpeg));
    if (!e) e = blob_append(&out->jpeg_small, blob_bytes(&held->jpeg_small));
    if (e) alert_message_clear(out);
    return e;
}

err alert_queue_load(struct alert_queue *q, uint64_t number, struct alert_message *out) {
    struct entry *entry = find(q, number), *unused;
    if (!entry) return ERR_NOT_FOUND;
    if (entry->held) return copy_held(entry->held, out);
    unused = calloc(1, sizeof *unused);
    if (!unused) return ERR_NO_MEMORY;
    struct alert_message m = {0};
    err e = read_file(q, number, unused, &m);
    free(unused);
    if (!e) {
        *out = m;
        return ERR_OK;
    }
    if (e == ERR_NO_MEMORY) return e;
    log_warning("an alert on the disk is damaged, and is dropped");
    give_up(q, entry);
    return ERR_NOT_FOUND;
}

static void settle(struct alert_queue *q, struct entry *entry, struct slot *slot, bool taken) {
    slot->state = taken ? STATE_TAKEN : STATE_GIVEN_UP;
    if (!taken) count_dropped(q, slot->channel);
    if (!any_waiting(entry))
        remove_entry(q, entry);
    else if (!entry->held)
        write_state(q, entry, (size_t)(slot - entry->slots));
}

void alert_queue_settle(struct alert_queue *q, uint64_t number, const char *channel, bool taken) {
    struct entry *entry = find(q, number);
    struct slot *slot = entry ? slot_of(entry, channel) : NULL;
    if (slot && slot->state == STATE_WAITING) settle(q, entry, slot, taken);
}

void alert_queue_forget(struct alert_queue *q, const char *channel) {
    for (size_t i = q->count; i-- > 0;) {
        struct slot *slot = slot_of(q->list[i], channel);
        if (slot && slot->state == STATE_WAITING) settle(q, q->list[i], slot, false);
    }
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++)
        if (strcmp(q->dropped[i].channel, channel) == 0) q->dropped[i] = (struct dropped){0};
}

void alert_queue_expire(struct alert_queue *q, struct steady_us now) {
    for (size_t i = q->count; i-- > 0;)
        if (now.us >= q->list[i]->until.us) give_up(q, q->list[i]);
}

size_t alert_queue_waiting(const struct alert_queue *q, const char *channel) {
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++) {
        const struct slot *slot = slot_of(q->list[i], channel);
        if (slot && slot->state == STATE_WAITING) n++;
    }
    return n;
}

uint64_t alert_queue_dropped(const struct alert_queue *q, const char *channel) {
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++)
        if (strcmp(q->dropped[i].channel, channel) == 0) return q->dropped[i].count;
    return 0;
}

size_t alert_queue_count(const struct alert_queue *q) {
    return q->count;
}
