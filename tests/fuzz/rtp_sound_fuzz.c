/* The first byte chooses the form, the next three the sizes of AAC's headers. */
#include <stdlib.h>

#include "media/rtp_sound.h"
#include "packets.h"

static err unit(void *context, const struct rtp_unit *u, struct diag *d) {
    (void)context, (void)d;
    if (u->data.len == 0 || u->data.len > RTP_SOUND_UNIT_MAX_BYTES) abort();
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) return 0;
    struct aac_config aac;
    uint8_t config[64];
    size_t len;
    (void)!aac_config_parse(BYTES(data, size), &aac);
    if (!latm_config_parse(BYTES(data, size), config, &len) && aac_config_parse(BYTES(config, len), &aac))
        abort();
    struct rtp_sound s;
    rtp_sound_init(&s, (enum rtp_sound_form)(data[0] % 3), (struct rtp_unit_sink){NULL, unit});
    s.size_bits = data[1] % 16 + 1;
    s.index_bits = data[2] % 17;
    s.index_delta_bits = data[3] % 17;
    struct rtp_source source = {.clock_hz = 48000};
    struct reader r = reader_of(BYTES(data + 4, size - 4));
    struct bytes raw;
    struct diag d;
    while (packet_next(&r, &raw)) {
        struct rtp_packet p;
        uint32_t missing;
        if (rtp_parse(raw, &p)) continue;
        enum rtp_order order = rtp_source_take(&source, &p, (struct steady_us){0}, &missing);
        if (order != RTP_REFUSED && rtp_sound_packet(&s, &p, order == RTP_AFTER_GAP, &d)) abort();
    }
    rtp_sound_clear(&s);
    return 0;
}
