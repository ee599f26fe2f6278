/* rtp_sound.h: sound in RTP: AAC (RFC 3640 mode AAC-hbr; RFC 6416 LATM), Opus (RFC 7587), G.711 (RFC 3551).
 * Threads: no shared state. */
#ifndef CARDEA_MEDIA_RTP_SOUND_H
#define CARDEA_MEDIA_RTP_SOUND_H

#include "media/rtp_unit.h"

#define RTP_SOUND_UNIT_MAX_BYTES (16u << 10) /* AAC of 8 channels needs 6 KiB */
#define RTP_SOUND_UNITS_MAX 64               /* in one packet */

enum rtp_sound_form { RTP_SOUND_PLAIN, RTP_SOUND_AAC, RTP_SOUND_LATM };

struct rtp_sound {
    struct rtp_unit_sink sink;
    enum rtp_sound_form form;
    uint8_t size_bits, index_bits, index_delta_bits; /* AAC-hbr: of the AU headers */
    uint16_t unit_ticks;                             /* AAC: duration of an access unit */
    uint64_t damaged_packets;

    struct blob partial; /* an access unit that spans packets */
    uint32_t partial_timestamp;
    size_t partial_want; /* AAC: its announced size */
};

void rtp_sound_init(struct rtp_sound *s, enum rtp_sound_form form, struct rtp_unit_sink sink);
void rtp_sound_clear(struct rtp_sound *s);
err rtp_sound_packet(struct rtp_sound *s, const struct rtp_packet *p, bool gap, struct diag *d) CHECKED;

/* What an AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1) says. */
struct aac_config {
    uint32_t sample_hz;
    uint8_t channels; /* 0: by a program config element, taken as 2 */
    uint8_t object_type;
    uint16_t unit_samples;
};
err aac_config_parse(struct bytes config, struct aac_config *out) CHECKED;
/* The two bytes of an AAC-LC config, for cameras that announce none. ERR_UNSUPPORTED: no standard rate. */
err aac_config_make(uint32_t sample_hz, uint8_t channels, uint8_t out[2]) CHECKED;
/* Takes the AudioSpecificConfig out of a StreamMuxConfig (section 1.7.3.1) that has one program, one layer
 * and one sub-frame. */
err latm_config_parse(struct bytes mux, uint8_t out[64], size_t *out_len) CHECKED;

#endif
