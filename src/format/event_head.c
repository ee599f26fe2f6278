#include "format/event.h"
#include "format/padme.h"

err event_head_decode(struct bytes raw, struct event_head *out, struct diag *d) {
    bool picture = raw.len >= 4 && memcmp(raw.data, "CRDP", 4) == 0;
    if (!picture && (raw.len < 4 || memcmp(raw.data, "CRDV", 4) != 0))
        return diag_fail(d, ERR_INVALID, "event: the magic is not CRDV or CRDP");
    if (raw.len < 5 || raw.data[4] != 1) return diag_fail(d, ERR_INVALID, "event: this version is not known");
    if (raw.len < 6 || raw.data[5] != SUITE_1)
        return diag_fail(d, ERR_INVALID, "event: this suite is not known");
    if (raw.len < EVENT_HEAD_BYTES + 4 + 16)
        return diag_fail(d, ERR_INVALID, "event: the length is too small");
    unsigned most = picture ? EVENT_PICTURE_MAX_BYTES : EVENT_DATA_MAX_BYTES;
    if (raw.len > EVENT_HEAD_BYTES + padded_size(most) + 16)
        return diag_fail(d, ERR_LIMIT, "event: it holds more than %u bytes", most);
    out->kind = picture ? EVENT_KIND_PICTURE : EVENT_KIND_EVENT;
    memcpy(out->camera, raw.data + 6, CAMERA_ID_BYTES);
    out->epoch = be32_get(raw.data + 22);
    out->slot = be32_get(raw.data + 26);
    memcpy(out->id, raw.data + 30, EVENT_ID_BYTES);
    memcpy(out->commitment, raw.data + 46, COMMITMENT_BYTES);
    return ERR_OK;
}
