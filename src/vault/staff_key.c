/* The provider's staff key: a file that may appear or change while the vault runs. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "vault/staff.h"

#define SETTING "staff.key" /* the last one that was logged */

static uint64_t mark_of(const struct stat *info) {
    return (uint64_t)info->st_mtim.tv_sec * 1000000007u ^ (uint64_t)info->st_mtim.tv_nsec * 131u ^
           (uint64_t)info->st_ino << 20 ^ (uint64_t)info->st_size;
}

/* Unless it is the one that was logged last: that is the case at each start. */
static err log_key(struct vault *v, struct bytes envelope, const struct staff_key *key, struct diag *d) {
    AUTO(blob_clear) struct blob last = {0};
    uint8_t actor[STAFF_ACTOR_BYTES];
    struct store_key sign;
    err e = v->index->ops->setting_get(v->index, SETTING, &last, d);
    if (e && e != ERR_NOT_FOUND) return e;
    if (!e && bytes_equal(blob_bytes(&last), envelope)) return ERR_OK;
    memcpy(sign.bytes, key->staff, sizeof sign.bytes);
    staff_actor(&sign, actor);
    e = staff_log(v, "staff.key", actor, NULL, json_pack("{s:o}", "key", json_base64(envelope)), d);
    return e ? e : v->index->ops->setting_put(v->index, SETTING, envelope, d);
}

static err take_key(struct vault *v, struct blob *envelope, struct diag *d) {
    struct staff_desk *s = v->staff;
    struct staff_key key;
    err e = staff_key_read(blob_bytes(envelope), &key, d);
    if (!e) e = log_key(v, blob_bytes(envelope), &key, d);
    if (e) return e;
    pthread_mutex_lock(&s->lock);
    struct blob old = s->envelope;
    s->envelope = *envelope;
    s->key = key;
    s->known = true;
    pthread_mutex_unlock(&s->lock);
    *envelope = old;
    log_info("the support desk is %s", key.name);
    return ERR_OK;
}

err staff_key_refresh(struct vault *v, struct diag *d) {
    struct staff_desk *s = v->staff;
    AUTO(blob_clear) struct blob envelope = {0};
    struct stat info;
    if (!s->path || stat(s->path, &info) || mark_of(&info) == s->file_mark) return ERR_OK;
    s->file_mark = mark_of(&info); /* a bad file is complained of once */
    err e = file_read(s->path, STAFF_KEY_MAX_BYTES, &envelope, d);
    if (!e) e = take_key(v, &envelope, d);
    if (e && e != ERR_INVALID && e != ERR_FORGED && e != ERR_LIMIT) s->file_mark = 0; /* tried again */
    if (e) diag_prefix(d, "the staff key in %s is not taken", s->path);
    return e;
}

err staff_key_now(struct vault *v, struct staff_key *out, struct diag *d) {
    struct staff_desk *s = v->staff;
    pthread_mutex_lock(&s->lock);
    bool known = s->known;
    if (known) *out = s->key;
    pthread_mutex_unlock(&s->lock);
    return known ? ERR_OK : diag_fail(d, ERR_NOT_FOUND, "this vault has no support desk");
}

json_t *staff_key_json(struct vault *v) {
    struct staff_desk *s = v->staff;
    pthread_mutex_lock(&s->lock);
    json_t *value = s->known ? json_base64(blob_bytes(&s->envelope)) : NULL;
    pthread_mutex_unlock(&s->lock);
    return value;
}

err staff_new(struct vault *v, const char *path, struct diag *d) {
    struct staff_desk *s = calloc(1, sizeof *s);
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "no memory for the support desk");
    s->path = path;
    pthread_mutex_init(&s->lock, NULL);
    limiter_init(&s->refusals, STAFF_REFUSALS_SINGLY, 3600, 0);
    v->staff = s;
    return ERR_OK;
}

void staff_free(struct vault *v) {
    struct staff_desk *s = v->staff;
    if (!s) return;
    blob_clear(&s->envelope);
    staff_watch_free(s);
    limiter_clear(&s->refusals);
    pthread_mutex_destroy(&s->lock);
    free(s);
    v->staff = NULL;
}
