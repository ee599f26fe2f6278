/* box = size (4) | type (4) | contents. Sizes are patched when a box ends. */
#include "media/fmp4.h"

#include <stdio.h>

/* Collects the first error, so that boxes read as a list of their fields. */
struct writer {
    struct blob *out;
    err e;
};

static void u8(struct writer *w, unsigned v) {
    if (!w->e) w->e = blob_append_u8(w->out, (uint8_t)v);
}
static void u16(struct writer *w, unsigned v) {
    u8(w, v >> 8 & 255);
    u8(w, v & 255);
}
static void u32(struct writer *w, uint32_t v) {
    if (!w->e) w->e = blob_append_be32(w->out, v);
}
static void u64(struct writer *w, uint64_t v) {
    if (!w->e) w->e = blob_append_be64(w->out, v);
}
static void raw(struct writer *w, struct bytes b) {
    if (!w->e) w->e = blob_append(w->out, b);
}
static void text(struct writer *w, const char *s) {
    raw(w, bytes_text(s));
}
static void zeros(struct writer *w, unsigned n) {
    while (n--) u8(w, 0);
}

static size_t box(struct writer *w, const char *type) {
    size_t at = w->out->len;
    u32(w, 0);
    text(w, type);
    return at;
}
static size_t full_box(struct writer *w, const char *type, unsigned version, uint32_t flags) {
    size_t at = box(w, type);
    u32(w, (uint32_t)version << 24 | flags);
    return at;
}
static void end(struct writer *w, size_t at) {
    if (!w->e) be32_put(w->out->data + at, (uint32_t)(w->out->len - at));
}

static bool is_video(const struct media_track *t) {
    return t->codec == MEDIA_CODEC_H264 || t->codec == MEDIA_CODEC_H265;
}

/* --- Codec names --- */

static uint32_t reverse_bits(uint32_t v) {
    uint32_t out = 0;
    for (unsigned i = 0; i < 32; i++) out |= (v >> i & 1) << (31 - i);
    return out;
}

/* ISO/IEC 14496-15 annex E.3: profile, compatibility (reversed), tier and level, constraint bytes without
 * trailing zeros. */
static err hevc_text(struct bytes c, char out[FMP4_CODEC_TEXT_BYTES], struct diag *d) {
    if (c.len < 23 || c.data[0] != 1)
        return diag_fail(d, ERR_INVALID, "the camera's H.265 configuration is malformed");
    static const char *const spaces[] = {"", "A", "B", "C"};
    int n = snprintf(out, FMP4_CODEC_TEXT_BYTES, "hvc1.%s%u.%X.%c%u", spaces[c.data[1] >> 6], c.data[1] & 31u,
                     (unsigned)reverse_bits(be32_get(c.data + 2)), c.data[1] & 32 ? 'H' : 'L', c.data[12]);
    size_t last = 6;
    while (last && c.data[6 + last - 1] == 0) last--;
    for (size_t i = 0; i < last; i++)
        n += snprintf(out + n, FMP4_CODEC_TEXT_BYTES - (size_t)n, ".%X", c.data[6 + i]);
    return ERR_OK;
}

static err aac_text(struct bytes c, char out[FMP4_CODEC_TEXT_BYTES], struct diag *d) {
    if (c.len < 2) return diag_fail(d, ERR_INVALID, "the camera's AAC configuration is malformed");
    unsigned type = c.data[0] >> 3;
    if (type == 31) type = 32 + ((c.data[0] & 7u) << 3 | c.data[1] >> 5);
    if (type == 0) return diag_fail(d, ERR_INVALID, "the camera's AAC configuration names no object type");
    snprintf(out, FMP4_CODEC_TEXT_BYTES, "mp4a.40.%u", type);
    return ERR_OK;
}

err fmp4_codec_text(const struct media_track *t, char out[FMP4_CODEC_TEXT_BYTES], struct diag *d) {
    if (t->config.len > FMP4_CONFIG_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT,
                         "the camera's codec configuration has %zu bytes, at most %u are allowed",
                         t->config.len, FMP4_CONFIG_MAX_BYTES);
    switch (t->codec) {
        case MEDIA_CODEC_H264:
            if (t->config.len < 7 || t->config.data[0] != 1)
                return diag_fail(d, ERR_INVALID, "the camera's H.264 configuration is malformed");
            snprintf(out, FMP4_CODEC_TEXT_BYTES, "avc1.%02x%02x%02x", t->config.data[1], t->config.data[2],
                     t->config.data[3]);
            return ERR_OK;
        case MEDIA_CODEC_H265: return hevc_text(t->config, out, d);
        case MEDIA_CODEC_AAC: return aac_text(t->config, out, d);
        case MEDIA_CODEC_OPUS: snprintf(out, FMP4_CODEC_TEXT_BYTES, "opus"); return ERR_OK;
        default:
            return diag_fail(d, ERR_UNSUPPORTED, "this sound has to be transcoded before it goes into MP4");
    }
}

/* --- moov --- */

static void matrix(struct writer *w) {
    static const uint32_t unity[9] = {0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000};
    for (size_t i = 0; i < 9; i++) u32(w, unity[i]);
}

static void write_mvhd(struct writer *w, size_t tracks) {
    size_t at = full_box(w, "mvhd", 0, 0);
    u32(w, 0); /* created, modified: not told */
    u32(w, 0);
    u32(w, 1000); /* time scale */
    u32(w, 0);    /* duration: unknown */
    u32(w, 0x10000);
    u16(w, 0x100);
    zeros(w, 10);
    matrix(w);
    zeros(w, 24);
    u32(w, (uint32_t)tracks + 1);
    end(w, at);
}

static void write_tkhd(struct writer *w, const struct media_track *t, uint32_t id) {
    size_t at = full_box(w, "tkhd", 0, 3); /* enabled, in the movie */
    u32(w, 0);
    u32(w, 0);
    u32(w, id);
    u32(w, 0);
    u32(w, 0); /* duration */
    zeros(w, 8);
    u16(w, 0);                       /* layer */
    u16(w, 0);                       /* alternate group */
    u16(w, is_video(t) ? 0 : 0x100); /* volume */
    u16(w, 0);
    matrix(w);
    u32(w, (uint32_t)t->width << 16);
    u32(w, (uint32_t)t->height << 16);
    end(w, at);
}

static void write_visual_entry(struct writer *w, const struct media_track *t) {
    bool avc = t->codec == MEDIA_CODEC_H264;
    size_t at = box(w, avc ? "avc1" : "hvc1");
    zeros(w, 6);
    u16(w, 1); /* data reference */
    zeros(w, 16);
    u16(w, t->width);
    u16(w, t->height);
    u32(w, 0x480000); /* 72 dpi */
    u32(w, 0x480000);
    u32(w, 0);
    u16(w, 1); /* frames in a sample */
    zeros(w, 32);
    u16(w, 24);
    u16(w, 0xffff);
    size_t config = box(w, avc ? "avcC" : "hvcC");
    raw(w, t->config);
    end(w, config);
    end(w, at);
}

/* A descriptor of ISO/IEC 14496-1 with a one-byte length: the config is at most some tens of bytes. */
static void descriptor(struct writer *w, unsigned tag, size_t len) {
    u8(w, tag);
    u8(w, (unsigned)len);
}

static void write_esds(struct writer *w, struct bytes config) {
    size_t at = full_box(w, "esds", 0, 0);
    descriptor(w, 3, 3 + 2 + 13 + 2 + config.len + 2 + 1);
    u16(w, 1);
    u8(w, 0);
    descriptor(w, 4, 13 + 2 + config.len);
    u8(w, 0x40); /* ISO/IEC 14496-3 */
    u8(w, 0x15); /* audio stream */
    zeros(w, 3);
    u32(w, 0);
    u32(w, 0);
    descriptor(w, 5, config.len);
    raw(w, config);
    descriptor(w, 6, 1);
    u8(w, 2);
    end(w, at);
}

static void write_dops(struct writer *w, const struct media_track *t) {
    size_t at = box(w, "dOps");
    u8(w, 0);
    u8(w, t->channels);
    u16(w, 0); /* pre-skip: the stream was running before we listened */
    u32(w, 48000);
    u16(w, 0);
    u8(w, 0);
    end(w, at);
}

static void write_audio_entry(struct writer *w, const struct media_track *t) {
    size_t at = box(w, t->codec == MEDIA_CODEC_AAC ? "mp4a" : "Opus");
    zeros(w, 6);
    u16(w, 1);
    zeros(w, 8);
    u16(w, t->channels);
    u16(w, 16);
    u32(w, 0);
    u32(w, t->clock_hz < 65536 ? t->clock_hz << 16 : 0);
    if (t->codec == MEDIA_CODEC_AAC)
        write_esds(w, t->config);
    else
        write_dops(w, t);
    end(w, at);
}

/* Sample tables are empty: all samples are in fragments. */
static void write_stbl(struct writer *w, const struct media_track *t) {
    size_t stbl = box(w, "stbl"), stsd = full_box(w, "stsd", 0, 0);
    u32(w, 1);
    if (is_video(t))
        write_visual_entry(w, t);
    else
        write_audio_entry(w, t);
    end(w, stsd);
    static const char *const empty[] = {"stts", "stsc", "stco"};
    for (size_t i = 0; i < 3; i++) {
        size_t at = full_box(w, empty[i], 0, 0);
        u32(w, 0);
        end(w, at);
    }
    size_t stsz = full_box(w, "stsz", 0, 0);
    u64(w, 0);
    end(w, stsz);
    end(w, stbl);
}

static void write_minf(struct writer *w, const struct media_track *t) {
    size_t minf = box(w, "minf");
    size_t head = full_box(w, is_video(t) ? "vmhd" : "smhd", 0, is_video(t) ? 1 : 0);
    zeros(w, is_video(t) ? 8 : 4);
    end(w, head);
    size_t dinf = box(w, "dinf"), dref = full_box(w, "dref", 0, 0);
    u32(w, 1);
    end(w, full_box(w, "url ", 0, 1)); /* in this file */
    end(w, dref);
    end(w, dinf);
    write_stbl(w, t);
    end(w, minf);
}

static void write_mdia(struct writer *w, const struct media_track *t) {
    size_t mdia = box(w, "mdia"), mdhd = full_box(w, "mdhd", 0, 0);
    u32(w, 0);
    u32(w, 0);
    u32(w, t->clock_hz);
    u32(w, 0);
    u16(w, 0x55c4); /* language: und */
    u16(w, 0);
    end(w, mdhd);
    size_t hdlr = full_box(w, "hdlr", 0, 0);
    u32(w, 0);
    text(w, is_video(t) ? "vide" : "soun");
    zeros(w, 12);
    text(w, is_video(t) ? "video" : "sound");
    u8(w, 0);
    end(w, hdlr);
    write_minf(w, t);
    end(w, mdia);
}

static void write_moov(struct writer *w, const struct media_track *tracks, size_t count) {
    size_t moov = box(w, "moov");
    write_mvhd(w, count);
    for (size_t i = 0; i < count; i++) {
        size_t trak = box(w, "trak");
        write_tkhd(w, &tracks[i], (uint32_t)i + 1);
        write_mdia(w, &tracks[i]);
        end(w, trak);
    }
    size_t mvex = box(w, "mvex");
    for (size_t i = 0; i < count; i++) {
        size_t trex = full_box(w, "trex", 0, 0);
        u32(w, (uint32_t)i + 1);
        u32(w, 1);
        u32(w, 0);
        u32(w, 0);
        u32(w, 0);
        end(w, trex);
    }
    end(w, mvex);
    end(w, moov);
}

static err check_track(const struct media_track *t, struct diag *d) {
    char codec[FMP4_CODEC_TEXT_BYTES];
    err e = fmp4_codec_text(t, codec, d);
    if (e) return e;
    if (is_video(t)) {
        if (t->width == 0 || t->height == 0 || t->width > MEDIA_WIDTH_MAX || t->height > MEDIA_HEIGHT_MAX)
            return diag_fail(d, ERR_LIMIT, "the camera says its picture is %u x %u", t->width, t->height);
        return ERR_OK;
    }
    if (t->clock_hz < 4000 || t->clock_hz > 192000 || t->channels < 1 || t->channels > 8)
        return diag_fail(d, ERR_LIMIT, "the camera says its sound has %u Hz and %u channels", t->clock_hz,
                         t->channels);
    if (t->codec == MEDIA_CODEC_OPUS && (t->channels > 2 || t->clock_hz != 48000))
        return diag_fail(d, ERR_UNSUPPORTED, "Opus with %u channels cannot be recorded", t->channels);
    if (t->codec == MEDIA_CODEC_AAC && t->config.len > 64)
        return diag_fail(d, ERR_LIMIT, "the camera's AAC configuration has %zu bytes", t->config.len);
    return ERR_OK;
}

err fmp4_init_append(struct blob *out, const struct media_track *tracks, size_t count, struct diag *d) {
    for (size_t i = 0; i < count; i++) {
        err e = check_track(&tracks[i], d);
        if (e) return e;
    }
    struct writer w = {out, ERR_OK};
    size_t start = out->len, ftyp = box(&w, "ftyp");
    text(&w, "iso6");
    u32(&w, 1);
    text(&w, "iso6iso5mp41");
    end(&w, ftyp);
    write_moov(&w, tracks, count);
    if (w.e) out->len = start;
    return w.e;
}

/* --- moof --- */

#define TFHD_BASE_IS_MOOF 0x020000u
#define TRUN_DATA_OFFSET 0x000001u
#define TRUN_DURATION 0x000100u
#define TRUN_SIZE 0x000200u
#define TRUN_FLAGS 0x000400u
#define TRUN_COMPOSITION 0x000800u
#define SAMPLE_KEY 0x02000000u     /* depends on no other */
#define SAMPLE_NOT_KEY 0x01010000u /* depends on others, no sync sample */

/* Returns where the data offset has to be patched in. */
static size_t write_trun(struct writer *w, const struct fmp4_sample *samples, size_t count) {
    bool composition = false;
    for (size_t i = 0; i < count; i++) composition |= samples[i].composition_offset != 0;
    size_t trun = full_box(w, "trun", 1,
                           TRUN_DATA_OFFSET | TRUN_DURATION | TRUN_SIZE | TRUN_FLAGS |
                               (composition ? TRUN_COMPOSITION : 0));
    u32(w, (uint32_t)count);
    size_t offset = w->out->len;
    u32(w, 0);
    for (size_t i = 0; i < count; i++) {
        u32(w, samples[i].duration);
        u32(w, samples[i].bytes);
        u32(w, samples[i].key ? SAMPLE_KEY : SAMPLE_NOT_KEY);
        if (composition) u32(w, (uint32_t)samples[i].composition_offset);
    }
    end(w, trun);
    return offset;
}

err fmp4_fragment_append(struct blob *out, uint32_t sequence, uint32_t track_id, uint64_t decode_time,
                         const struct fmp4_sample *samples, size_t count, struct bytes data) {
    if (count == 0 || count > FMP4_SAMPLES_MAX || data.len > UINT32_MAX - 8) return ERR_LIMIT;
    size_t start = out->len;
    err e = blob_reserve(out, start + 128 + 16 * count + data.len);
    if (e) return e;
    struct writer w = {out, ERR_OK};
    size_t moof = box(&w, "moof"), mfhd = full_box(&w, "mfhd", 0, 0);
    u32(&w, sequence);
    end(&w, mfhd);
    size_t traf = box(&w, "traf"), tfhd = full_box(&w, "tfhd", 0, TFHD_BASE_IS_MOOF);
    u32(&w, track_id);
    end(&w, tfhd);
    size_t tfdt = full_box(&w, "tfdt", 1, 0);
    u64(&w, decode_time);
    end(&w, tfdt);
    size_t offset = write_trun(&w, samples, count);
    end(&w, traf);
    end(&w, moof);
    if (!w.e) be32_put(out->data + offset, (uint32_t)(out->len - moof + 8));
    size_t mdat = box(&w, "mdat");
    raw(&w, data);
    end(&w, mdat);
    if (w.e) out->len = start;
    return w.e;
}

uint64_t fmp4_time(struct wall_us t, uint32_t clock_hz) {
    uint64_t us = t.us > 0 ? (uint64_t)t.us : 0;
    return us / 1000000 * clock_hz + us % 1000000 * clock_hz / 1000000;
}

void fmp4_pace_step(struct fmp4_pace *p, int64_t ticks, uint32_t clock_hz) {
    if (ticks <= 0 || ticks > (int64_t)clock_hz) return;
    size_t size = sizeof p->steps / sizeof *p->steps;
    p->steps[p->next] = (uint32_t)ticks;
    p->next = (unsigned)((p->next + 1) % size);
    if (p->count < size) p->count++;
}

uint32_t fmp4_pace_duration(const struct fmp4_pace *p, uint32_t clock_hz) {
    uint32_t longest = 0;
    for (unsigned i = 0; i < p->count; i++)
        if (p->steps[i] > longest) longest = p->steps[i];
    return longest ? longest : clock_hz / 10; /* the first frame: rather too long than too short */
}

int64_t fmp4_pace_mean(const struct fmp4_pace *p) {
    int64_t sum = 0;
    for (unsigned i = 0; i < p->count; i++) sum += p->steps[i];
    return p->count ? sum / p->count : 0;
}
