#include "media/file_source.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswresample/swresample.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "media/sound.h"
#include "media/video_encoder.h"

#define READ_BYTES (64 << 10)
#define FORMATS "mov,mp4,m4a,matroska,webm,avi,mpegts,mpeg,flv,h264,hevc,m4v,mjpeg,asf,ogg,ivf"
#define PROBE_BYTES "5000000"
#define AHEAD_US                                                                                             \
    2000000 /* a packet that is due later than this is a jump in the file's clock, and due at once */
#define TIMES_MAX_US INT64_C(1000000000000000) /* some thirty years */
#define LONGER_SOUND_US 1000000
#define BEHIND_US 1000000  /* after a stop of more than this, the clock is set anew instead of rushing */
#define PACKETS_AT_ONCE 64 /* before the caller's loop has its turn again */

struct file_track {
    int stream; /* -1: none */
    bool copy;
    int64_t last_dts;         /* in the track's clock */
    int64_t first_us, end_us; /* of this loop, in the file's own time */
    bool seen;                /* in this loop */
    bool started;
    AVCodecContext *decoder;
};

struct file_source {
    int fd;
    int64_t position, size;
    const struct media_sink *sink;
    AVFormatContext *format;
    AVIOContext *io;
    AVPacket *packet; /* read ahead; waits until it is due */
    AVFrame *frame;
    bool waiting, produced;
    struct file_track video, audio;
    struct media_track tracks[MEDIA_TRACKS_MAX];
    struct blob configs[MEDIA_TRACKS_MAX];
    size_t track_count;
    bool announced, picture_known;
    struct video_encoder *encoder;
    struct sound *sound;
    struct SwrContext *resampler;
    struct steady_us origin; /* when media time 0 was due */
    struct steady_us now;    /* of this call */
    int64_t zero_us;         /* the file's time that is 0 in ours: its first packet's, in every loop */
    bool has_zero;
    int64_t loop_us, due_us;
};

/* --- Reading --- */

static int read_at(void *context, uint8_t *out, int len) {
    struct file_source *s = context;
    ssize_t n = pread(s->fd, out, (size_t)len, s->position);
    if (n < 0) return AVERROR(errno);
    if (n == 0) return AVERROR_EOF;
    s->position += n;
    return (int)n;
}

static int64_t seek_to(void *context, int64_t offset, int whence) {
    struct file_source *s = context;
    if (whence & AVSEEK_SIZE) return s->size;
    int64_t base = (whence & 3) == SEEK_CUR ? s->position : (whence & 3) == SEEK_END ? s->size : 0;
    if (offset > INT64_MAX - base || base + offset < 0) return AVERROR(EINVAL);
    return s->position = base + offset;
}

static void close_io(AVIOContext **io) {
    if (!*io) return;
    av_freep(&(*io)->buffer);
    avio_context_free(io);
}

void file_source_free(struct file_source *s) {
    if (!s) return;
    avcodec_free_context(&s->video.decoder);
    avcodec_free_context(&s->audio.decoder);
    video_encoder_free(s->encoder);
    sound_free(s->sound);
    swr_free(&s->resampler);
    av_packet_free(&s->packet);
    av_frame_free(&s->frame);
    avformat_close_input(&s->format);
    close_io(&s->io);
    for (size_t i = 0; i < MEDIA_TRACKS_MAX; i++) blob_clear(&s->configs[i]);
    fd_close(&s->fd);
    free(s);
}

static void file_source_release(struct file_source **s) {
    file_source_free(*s);
}

static err open_format(struct file_source *s, struct diag *d) {
    uint8_t *buffer = av_malloc(READ_BYTES);
    s->io = buffer ? avio_alloc_context(buffer, READ_BYTES, 0, s, read_at, NULL, seek_to) : NULL;
    if (!s->io) {
        av_free(buffer);
        return ERR_NO_MEMORY;
    }
    s->format = avformat_alloc_context();
    s->packet = av_packet_alloc();
    s->frame = av_frame_alloc();
    if (!s->format || !s->packet || !s->frame) return ERR_NO_MEMORY;
    s->format->pb = s->io;
    s->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    AVDictionary *options = NULL;
    av_dict_set(&options, "format_whitelist", FORMATS, 0);
    av_dict_set(&options, "protocol_whitelist", "none", 0); /* a file that names others gets none of them */
    av_dict_set(&options, "probesize", PROBE_BYTES, 0);
    int failed = avformat_open_input(&s->format, NULL, NULL, &options);
    av_dict_free(&options);
    if (failed) return diag_fail(d, ERR_UNSUPPORTED, "the file is in no video format that can be read");
    if (s->format->nb_streams > 64) return diag_fail(d, ERR_LIMIT, "the file has more than 64 streams");
    if (avformat_find_stream_info(s->format, NULL) < 0)
        return diag_fail(d, ERR_INVALID, "the file's streams cannot be read");
    return ERR_OK;
}

/* --- Tracks --- */

static err open_decoder(struct file_source *s, struct file_track *t, struct diag *d) {
    const AVCodecParameters *p = s->format->streams[t->stream]->codecpar;
    const AVCodec *codec = avcodec_find_decoder(p->codec_id);
    if (!codec) return diag_fail(d, ERR_UNSUPPORTED, "no decoder for %s", avcodec_get_name(p->codec_id));
    t->decoder = avcodec_alloc_context3(codec);
    if (!t->decoder) return ERR_NO_MEMORY;
    t->decoder->thread_count = 1;
    if (avcodec_parameters_to_context(t->decoder, p) < 0 || avcodec_open2(t->decoder, codec, NULL) < 0)
        return diag_fail(d, ERR_UNSUPPORTED, "the decoder for %s does not take this file", codec->name);
    return ERR_OK;
}

static err set_config(struct file_source *s, size_t index, const AVCodecParameters *p) {
    s->configs[index].len = 0;
    err e = blob_append(&s->configs[index], BYTES(p->extradata, (size_t)p->extradata_size));
    s->tracks[index].config = blob_bytes(&s->configs[index]);
    return e;
}

/* Copied are avcC and hvcC with lengths of four bytes; other forms are rare enough to be transcoded. */
static bool video_is_copied(const AVCodecParameters *p) {
    if (!p->extradata || p->extradata_size < 7 || p->extradata[0] != 1) return false;
    if (p->codec_id == AV_CODEC_ID_H264) return (p->extradata[4] & 3) == 3;
    return p->codec_id == AV_CODEC_ID_HEVC && p->extradata_size >= 23 && (p->extradata[21] & 3) == 3;
}

static err choose_video(struct file_source *s, struct diag *d) {
    s->video.stream = av_find_best_stream(s->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (s->video.stream < 0) return diag_fail(d, ERR_UNSUPPORTED, "the file holds no video");
    AVStream *stream = s->format->streams[s->video.stream];
    const AVCodecParameters *p = stream->codecpar;
    s->video.copy = video_is_copied(p);
    struct media_track *t = &s->tracks[0];
    t->codec = s->video.copy && p->codec_id == AV_CODEC_ID_HEVC ? MEDIA_CODEC_H265 : MEDIA_CODEC_H264;
    t->clock_hz = 90000;
    s->track_count = 1;
    if (!s->video.copy) {
        err e = open_decoder(s, &s->video, d);
        return e ? e : video_encoder_new(s->sink, 0, av_q2d(stream->avg_frame_rate), &s->encoder, d);
    }
    if (p->width <= 0 || p->height <= 0 || p->width > MEDIA_WIDTH_MAX || p->height > MEDIA_HEIGHT_MAX)
        return diag_fail(d, ERR_LIMIT, "the file says its picture is %d x %d", p->width, p->height);
    t->width = (uint16_t)p->width;
    t->height = (uint16_t)p->height;
    s->picture_known = true;
    return set_config(s, 0, p);
}

static err sound_packet(void *context, int64_t pts, uint32_t duration, struct bytes data, struct diag *d);

static err open_sound(struct file_source *s, struct diag *d) {
    err e = open_decoder(s, &s->audio, d);
    if (e) return e;
    struct media_track *t = &s->tracks[1];
    t->codec = MEDIA_CODEC_OPUS;
    t->clock_hz = SOUND_OUT_HZ;
    t->channels = s->audio.decoder->ch_layout.nb_channels > 1 ? 2 : 1;
    AVChannelLayout out;
    av_channel_layout_default(&out, t->channels);
    if (swr_alloc_set_opts2(&s->resampler, &out, AV_SAMPLE_FMT_S16, SOUND_OUT_HZ,
                            &s->audio.decoder->ch_layout, s->audio.decoder->sample_fmt,
                            s->audio.decoder->sample_rate, 0, NULL) < 0 ||
        swr_init(s->resampler) < 0)
        return diag_fail(d, ERR_UNSUPPORTED, "the file's sound cannot be resampled");
    const struct sound_sink sink = {s, sound_packet};
    return sound_new(SOUND_OUT_HZ, t->channels, &sink, &s->sound, d);
}

/* Sound that cannot be had is left out: a camera without sound is better than none. */
static void choose_audio(struct file_source *s) {
    s->audio.stream = av_find_best_stream(s->format, AVMEDIA_TYPE_AUDIO, -1, s->video.stream, NULL, 0);
    if (s->audio.stream < 0) return;
    const AVCodecParameters *p = s->format->streams[s->audio.stream]->codecpar;
    struct media_track *t = &s->tracks[1];
    int channels = p->ch_layout.nb_channels;
    if (channels < 1 || channels > 8 || p->sample_rate < 4000 || p->sample_rate > 96000) {
        s->audio.stream = -1;
        return;
    }
    t->channels = (uint8_t)channels;
    t->clock_hz = (uint32_t)p->sample_rate;
    err e = ERR_OK;
    if (p->codec_id == AV_CODEC_ID_AAC && p->extradata_size >= 2) {
        t->codec = MEDIA_CODEC_AAC;
        s->audio.copy = true;
        e = set_config(s, 1, p);
    } else if (p->codec_id == AV_CODEC_ID_OPUS && channels <= 2) {
        t->codec = MEDIA_CODEC_OPUS;
        t->clock_hz = SOUND_OUT_HZ;
        s->audio.copy = true;
    } else {
        e = open_sound(s, NULL);
    }
    if (e)
        s->audio.stream = -1;
    else
        s->track_count = 2;
}

/* Once the picture's track is known, which for a transcoded one is with the first frame. */
static err announce(struct file_source *s, struct diag *d) {
    s->announced = true;
    return s->sink->tracks(s->sink->context, s->tracks, s->track_count, d);
}

static err encoded_track(void *context, const struct media_track *video, struct diag *d) {
    struct file_source *s = context;
    s->configs[0].len = 0;
    err e = blob_append(&s->configs[0], video->config);
    if (e) return e;
    s->tracks[0] = *video;
    s->tracks[0].config = blob_bytes(&s->configs[0]);
    s->picture_known = true;
    return announce(s, d);
}

err file_source_new(int fd, bool audio, const struct media_sink *sink, struct file_source **out,
                    struct diag *d) {
    AUTO(file_source_release) struct file_source *s = calloc(1, sizeof *s);
    if (!s) {
        close(fd);
        return diag_fail(d, ERR_NO_MEMORY, "no memory for a file");
    }
    s->fd = fd;
    s->sink = sink;
    s->video.stream = s->audio.stream = -1;
    s->size = lseek(fd, 0, SEEK_END); /* the sandbox knows no fstat */
    if (s->size <= 0) return diag_fail(d, ERR_UNSUPPORTED, "that is no regular file, or an empty one");
    err e = open_format(s, d);
    if (!e) e = choose_video(s, d);
    if (e) return e;
    if (audio) choose_audio(s);
    for (unsigned i = 0; i < s->format->nb_streams; i++)
        if ((int)i != s->video.stream && (int)i != s->audio.stream)
            s->format->streams[i]->discard = AVDISCARD_ALL;
    s->origin = steady_now();
    *out = s;
    s = NULL;
    return ERR_OK;
}

/* --- Time --- */

static int64_t packet_us(const struct file_source *s, int64_t ts) {
    return av_rescale_q(ts, s->format->streams[s->packet->stream_index]->time_base, AV_TIME_BASE_Q);
}

/* Media time of the packet in one line through all loops, in the track's clock. */
static int64_t line_ticks(const struct file_source *s, int64_t ts, uint32_t hz) {
    return av_rescale(packet_us(s, ts) - s->zero_us + s->loop_us, hz, 1000000);
}

/* Packets without time stamps (raw streams, some AVI) follow the one before. */
static void complete_times(struct file_source *s) {
    AVPacket *p = s->packet;
    const struct file_track *t = p->stream_index == s->video.stream ? &s->video : &s->audio;
    if (p->dts == AV_NOPTS_VALUE) p->dts = p->pts;
    if (p->dts == AV_NOPTS_VALUE)
        p->dts = av_rescale_q(t->end_us, AV_TIME_BASE_Q, s->format->streams[p->stream_index]->time_base);
    if (p->pts == AV_NOPTS_VALUE) p->pts = p->dts;
    int64_t pts_us = packet_us(s, p->pts), dts_us = packet_us(s, p->dts);
    if (pts_us < -TIMES_MAX_US || pts_us > TIMES_MAX_US) pts_us = INT64_MAX / 2; /* neither sum overflows */
    if (pts_us - AHEAD_US * 5 > dts_us || pts_us + AHEAD_US * 5 < dts_us) p->pts = p->dts;
}

/* The picture's own length, so that no frame is late where the loop closes; sound that goes on for much
 * longer is played out. */
static int64_t loop_length(const struct file_source *s) {
    const struct file_track *v = &s->video, *a = &s->audio;
    int64_t length = v->end_us - v->first_us;
    if (a->seen && a->end_us - v->end_us > LONGER_SOUND_US) length = a->end_us - v->first_us;
    return length;
}

static err rewind_file(struct file_source *s, struct diag *d) {
    if (!s->produced) return diag_fail(d, ERR_INVALID, "the file holds no picture that can be read");
    s->produced = false;
    s->loop_us += loop_length(s);
    int64_t start = s->format->start_time == AV_NOPTS_VALUE ? 0 : s->format->start_time;
    if (avformat_seek_file(s->format, -1, INT64_MIN, start, start, AVSEEK_FLAG_BACKWARD) < 0 &&
        av_seek_frame(s->format, -1, 0, AVSEEK_FLAG_BYTE) < 0)
        return diag_fail(d, ERR_UNSUPPORTED, "the file cannot be played again from its start");
    s->video.seen = s->audio.seen = false;
    if (s->video.decoder) avcodec_flush_buffers(s->video.decoder);
    if (s->audio.decoder) avcodec_flush_buffers(s->audio.decoder);
    return ERR_OK;
}

static err read_packet(struct file_source *s, struct diag *d) {
    av_packet_unref(s->packet);
    int failed = av_read_frame(s->format, s->packet);
    if (failed == AVERROR(ENOMEM)) return ERR_NO_MEMORY;
    if (failed) return rewind_file(s, d); /* the end, or a place that cannot be read: from the start again */
    AVPacket *p = s->packet;
    if (p->stream_index != s->video.stream && p->stream_index != s->audio.stream) return ERR_OK;
    complete_times(s);
    int64_t dts_us = packet_us(s, p->dts), length_us = p->duration > 0 ? packet_us(s, p->duration) : 0;
    if (dts_us < -TIMES_MAX_US || dts_us > TIMES_MAX_US || length_us > AHEAD_US)
        return diag_fail(d, ERR_INVALID, "the file's time stamps are out of range");
    struct file_track *t = p->stream_index == s->video.stream ? &s->video : &s->audio;
    if (t == &s->video && length_us == 0)
        length_us = (int64_t)(1e6 / (av_q2d(s->format->streams[p->stream_index]->avg_frame_rate) + 1e-3));
    if (length_us > AHEAD_US) length_us = AHEAD_US;
    if (!t->seen) t->first_us = t->end_us = dts_us;
    t->seen = true;
    if (dts_us + length_us > t->end_us) t->end_us = dts_us + length_us;
    if (!s->has_zero) s->zero_us = dts_us;
    s->has_zero = true;
    s->due_us = s->origin.us + dts_us - s->zero_us + s->loop_us;
    s->waiting = true;
    return ERR_OK;
}

/* --- Handing on --- */

static err hand_on(struct file_source *s, uint8_t index, struct file_track *t, bool key, int64_t pts,
                   int64_t dts, struct bytes data, struct diag *d) {
    if (t->started && dts <= t->last_dts) {
        if (index == 1) return ERR_OK; /* the end of one loop's sound lies over the start of the next */
        pts += t->last_dts + 1 - dts;
        dts = t->last_dts + 1;
    }
    t->last_dts = dts;
    t->started = true;
    const struct media_sample sample = {
        .track = index, .key = key, .pts_ticks = pts, .dts_ticks = dts, .arrived = s->now, .data = data};
    return s->sink->sample(s->sink->context, &sample, d);
}

static err sound_packet(void *context, int64_t pts, uint32_t duration, struct bytes data, struct diag *d) {
    (void)duration;
    struct file_source *s = context;
    return s->announced ? hand_on(s, 1, &s->audio, true, pts, pts, data, d) : ERR_OK;
}

static err copy_packet(struct file_source *s, uint8_t index, struct file_track *t, struct diag *d) {
    const AVPacket *p = s->packet;
    if (p->size <= 0 || p->size > (int)MEDIA_SAMPLE_MAX_BYTES) return ERR_OK;
    if (!s->announced && s->picture_known) {
        err e = announce(s, d);
        if (e) return e;
    }
    if (!s->announced) return ERR_OK;
    uint32_t hz = s->tracks[index].clock_hz;
    return hand_on(s, index, t, index == 1 || (p->flags & AV_PKT_FLAG_KEY) != 0, line_ticks(s, p->pts, hz),
                   line_ticks(s, p->dts, hz), BYTES(p->data, (size_t)p->size), d);
}

static err encode_picture(struct file_source *s, struct diag *d) {
    const AVFrame *f = s->frame;
    int64_t ts = f->best_effort_timestamp == AV_NOPTS_VALUE ? s->packet->pts : f->best_effort_timestamp;
    int64_t pts = line_ticks(s, ts, 90000);
    if (s->video.started && pts <= s->video.last_dts) pts = s->video.last_dts + 1;
    s->video.last_dts = pts;
    s->video.started = true;
    const struct video_encoder_tracks tracks = {s, encoded_track};
    return video_encoder_frame(s->encoder, s->frame, pts, s->now, &tracks, d);
}

static err encode_sound(struct file_source *s, struct diag *d) {
    int16_t pcm[2 * 8192];
    uint8_t *out = (uint8_t *)pcm;
    int n = swr_convert(s->resampler, &out, 8192, (const uint8_t **)s->frame->extended_data,
                        s->frame->nb_samples);
    if (n <= 0) return ERR_OK;
    int64_t ts =
        s->frame->best_effort_timestamp == AV_NOPTS_VALUE ? s->packet->pts : s->frame->best_effort_timestamp;
    return sound_feed(s->sound, line_ticks(s, ts, SOUND_OUT_HZ), pcm, (size_t)n, d);
}

/* What a decoder refuses is skipped: damage in a file costs that picture. */
static err transcode(struct file_source *s, struct file_track *t, struct diag *d) {
    if (avcodec_send_packet(t->decoder, s->packet) < 0) return ERR_OK;
    while (avcodec_receive_frame(t->decoder, s->frame) >= 0) {
        err e = t == &s->video ? encode_picture(s, d) : encode_sound(s, d);
        av_frame_unref(s->frame);
        if (e) return e;
    }
    return ERR_OK;
}

struct steady_us file_source_deadline(const struct file_source *s) {
    return s->waiting ? (struct steady_us){s->due_us} : (struct steady_us){0};
}

/* True when the packet's time has come. Keeps the clock after jumps of the file's or stops of ours. */
static bool is_due(struct file_source *s, struct steady_us now) {
    if (s->due_us > now.us + AHEAD_US || s->due_us < now.us - BEHIND_US) {
        s->origin.us += now.us - s->due_us;
        s->due_us = now.us;
    }
    return s->due_us <= now.us;
}

err file_source_ready(struct file_source *s, struct steady_us now, struct diag *d) {
    s->now = now;
    for (int i = 0; i < PACKETS_AT_ONCE; i++) {
        err e = s->waiting ? ERR_OK : read_packet(s, d);
        if (e) return e;
        if (!s->waiting) continue;
        if (!is_due(s, now)) return ERR_OK;
        s->waiting = false;
        bool video = s->packet->stream_index == s->video.stream;
        struct file_track *t = video ? &s->video : &s->audio;
        s->produced |= video;
        e = t->copy ? copy_packet(s, video ? 0 : 1, t, d) : transcode(s, t, d);
        if (e) return e;
    }
    return ERR_OK;
}
