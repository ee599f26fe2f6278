#include "format/succession.h"

#include "crypto/verify.h"
#include "format/envelope.h"
#include "format/json_bytes.h"

static err decode(struct bytes text, struct succession *out, uint8_t proof[SIGNATURE_BYTES], struct diag *d) {
    AUTO(json_release) json_t *value = NULL;
    AUTO(blob_clear) struct blob sign = {0}, box = {0}, proven = {0};
    int64_t version = 0, n = 0, time = 0;
    const struct json_field fields[] = {
        JSON_VERSION(&version),
        JSON_ID("household", SUCCESSION_HOUSEHOLD_BYTES, out->household),
        {"n", JSON_KIND_INT, true, 1, SUCCESSIONS_MAX, &n, NULL},
        JSON_FIXED("sign", SIGN_PUBLIC_BYTES, &sign),
        JSON_FIXED("box", SUCCESSION_BOX_BYTES, &box),
        {"time", JSON_KIND_INT, true, 0, UINT32_MAX, &time, NULL},
        JSON_FIXED("proof", SIGNATURE_BYTES, &proven),
    };
    err e = json_parse(text, &value, d);
    if (!e) e = JSON_READ(value, fields, d);
    if (e) return e;
    out->n = (uint32_t)n;
    out->time = (uint64_t)time;
    memcpy(out->sign, sign.data, sign.len);
    memcpy(out->box, box.data, box.len);
    memcpy(proof, proven.data, proven.len);
    return ERR_OK;
}

err succession_read(struct bytes raw, struct succession *out, struct diag *d) {
    struct envelope envelope;
    struct succession found = {0};
    uint8_t proof[SIGNATURE_BYTES], message[SUCCESSION_PROOF_BYTES];
    if (raw.len > SUCCESSION_MAX_BYTES)
        return diag_fail(d, ERR_LIMIT, "succession: larger than %d bytes", SUCCESSION_MAX_BYTES);
    err e = envelope_verify(raw, SUCCESSION_DOMAIN, &envelope, d);
    if (!e) e = decode(envelope.message, &found, proof, d);
    if (e) {
        diag_prefix(d, "succession");
        return e;
    }
    memcpy(found.former, envelope.signer, sizeof found.former);
    succession_proof_message(&found, message);
    if (verify_message(found.sign, SUCCESSOR_DOMAIN, BYTES_OF(message), proof))
        return diag_fail(d, ERR_FORGED, "succession: the new key does not say that it succeeds");
    *out = found;
    return ERR_OK;
}

/* ---- the chain ---- */

const struct succession *succession_chain_last(const struct succession_chain *chain) {
    return chain->count ? &chain->links[chain->count - 1].statement : NULL;
}

err succession_chain_add(struct succession_chain *chain, struct bytes raw, struct diag *d) {
    const struct succession *last = succession_chain_last(chain);
    struct succession next;
    err e = succession_read(raw, &next, d);
    if (e) return e;
    if (chain->count == SUCCESSIONS_MAX)
        return diag_fail(d, ERR_LIMIT, "succession: a household has at most %d", SUCCESSIONS_MAX);
    if (next.n != chain->count + 1)
        return diag_fail(d, ERR_FORGED, "succession: it is number %u where %zu should follow", next.n,
                         chain->count + 1);
    if (last && memcmp(last->household, next.household, sizeof next.household) != 0)
        return diag_fail(d, ERR_FORGED, "succession: it is of another household than the one before it");
    if (last && memcmp(last->sign, next.former, sizeof next.former) != 0)
        return diag_fail(d, ERR_FORGED, "succession: it is not by the key that the one before it names");
    struct succession_link *link = &chain->links[chain->count++];
    link->statement = next;
    link->len = raw.len;
    memcpy(link->raw, raw.data, raw.len);
    return ERR_OK;
}

err succession_chain_parse(json_t *list, struct succession_chain *out, struct diag *d) {
    json_t *one;
    size_t i;
    *out = (struct succession_chain){0};
    if (!list) return ERR_OK;
    if (!json_is_array(list) || json_array_size(list) > SUCCESSIONS_MAX)
        return diag_fail(d, ERR_INVALID, "\"succession\" must be a list of at most %d statements",
                         SUCCESSIONS_MAX);
    json_array_foreach(list, i, one) {
        AUTO(blob_clear) struct blob raw = {0};
        err e = json_is_string(one) && json_string_length(one) <= BASE64_CHARS(SUCCESSION_MAX_BYTES) &&
                        !base64_decode(json_string_value(one), json_string_length(one), &raw)
                    ? ERR_OK
                    : diag_fail(d, ERR_INVALID, "\"succession\" holds what is no statement");
        if (!e) e = succession_chain_add(out, blob_bytes(&raw), d);
        if (e) {
            *out = (struct succession_chain){0};
            return e;
        }
    }
    return ERR_OK;
}

json_t *succession_chain_json(const struct succession_chain *chain) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < chain->count; i++) {
        const struct succession_link *link = &chain->links[i];
        if (json_array_append_new(list, json_base64(BYTES(link->raw, link->len))) == 0) continue;
        json_decref(list);
        list = NULL;
    }
    return list;
}

/* The number of statements after which `sign` is the household's key; -1: it never is. */
static int place_of(const struct succession_chain *chain, const uint8_t sign[SIGN_PUBLIC_BYTES]) {
    for (size_t i = 0; i < chain->count; i++)
        if (memcmp(chain->links[i].statement.former, sign, SIGN_PUBLIC_BYTES) == 0) return (int)i;
    const struct succession *last = succession_chain_last(chain);
    return last && memcmp(last->sign, sign, SIGN_PUBLIC_BYTES) == 0 ? (int)chain->count : -1;
}

bool succession_chain_has(const struct succession_chain *chain, const uint8_t sign[SIGN_PUBLIC_BYTES]) {
    return place_of(chain, sign) >= 0;
}

err succession_chain_leads(const struct succession_chain *chain,
                           const uint8_t household[SUCCESSION_HOUSEHOLD_BYTES],
                           const uint8_t known[SIGN_PUBLIC_BYTES], const uint8_t to[SIGN_PUBLIC_BYTES],
                           struct diag *d) {
    if (memcmp(known, to, SIGN_PUBLIC_BYTES) == 0) return ERR_OK;
    const struct succession *last = succession_chain_last(chain);
    if (last && household && memcmp(last->household, household, SUCCESSION_HOUSEHOLD_BYTES) != 0)
        return diag_fail(d, ERR_FORGED, "succession: it is of another household");
    int from = place_of(chain, known), end = place_of(chain, to);
    if (from >= 0 && end > from) return ERR_OK;
    return diag_fail(d, ERR_FORGED,
                     "succession: it does not lead from the household's key that is known to this one");
}
