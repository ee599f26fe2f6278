/* succession_fuzz.c: statements by which a household's keys are succeeded. The input as a statement as it
 * arrives; as what a former key has signed, alone and behind a sound one; as the list that a request holds;
 * and as an owner's copy of the household's keys, sealed and signed by who may. */
#include <stdlib.h>

#include "format/household.h"
#include "format/object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct household_keys keys, next;
static struct box_key account;
static struct succession_chain chain;

static void prepare(void) {
    static const uint8_t secret[32] = {5}, other[32] = {6}, log_key[32] = {7};
    struct box_key box;
    struct sign_key sign;
    box_key_from_secret(secret, &keys.box);
    sign_key_from_seed(secret, &keys.sign);
    box_key_from_secret(other, &box);
    sign_key_from_seed(other, &sign);
    box_key_from_secret(other, &account);
    memcpy(keys.name, "Home", 5);
    if (household_keys_succeed_with(&keys, log_key, 1700000000, &box, &sign, &next, NULL)) abort();
}

/* Whatever it is, a chain that has it leads to its last key from each before, and back from none. */
static void check_chain(const struct succession_chain *c) {
    const struct succession *last = succession_chain_last(c);
    for (size_t i = 0; i < c->count; i++) {
        const struct succession *s = &c->links[i].statement;
        if (s->n != i + 1 || !succession_chain_has(c, s->former)) abort();
        if (memcmp(s->former, last->sign, sizeof s->former) == 0) continue;
        if (succession_chain_leads(c, NULL, s->former, last->sign, NULL)) abort();
        if (succession_chain_leads(c, NULL, last->sign, s->former, NULL) == ERR_OK) abort();
    }
}

static void try_statement(struct bytes raw) {
    struct succession s;
    struct diag d = {0};
    err e = succession_read(raw, &s, &d);
    if (e ? !d.text[0] : s.n == 0 || s.n > SUCCESSIONS_MAX) abort();
    for (int behind = 0; behind < 2; behind++) {
        chain = behind ? next.chain : (struct succession_chain){0};
        d.text[0] = 0;
        size_t before = chain.count;
        e = succession_chain_add(&chain, raw, &d);
        if (e ? !d.text[0] || chain.count != before : chain.count != before + 1) abort();
        check_chain(&chain);
    }
}

static void try_list(struct bytes text) {
    AUTO(json_release) json_t *value = NULL;
    struct diag d = {0};
    if (json_parse(text, &value, NULL)) return;
    err e = succession_chain_parse(json_object_get(value, "succession"), &chain, &d);
    if (e && (!d.text[0] || chain.count)) abort();
    check_chain(&chain);
}

/* The input as the JSON of an owner's copy. */
static void try_keys(struct bytes text) {
    static struct household_keys found;
    static const uint8_t ephemeral[32] = {8};
    AUTO(blob_clear) struct blob box = {0}, object = {0};
    struct diag d = {0};
    char key[HOUSEHOLD_KEY_TEXT_BYTES];
    household_keys_key(account.public_key, key);
    if (text.len > OBJECT_MAX_BYTES / 2) return;
    if (box_seal_with(account.public_key, ephemeral, "cardea/1 household", (struct bytes){0}, text, &box) ||
        object_sign(&next.sign, key, 2, blob_bytes(&box), &object))
        abort();
    err e = household_keys_open(&account, next.id, blob_bytes(&object), &found, &d);
    if (e ? !d.text[0] : found.chain.count > SUCCESSIONS_MAX) abort();
    if (!e) check_chain(&found.chain);
    household_keys_clear(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(blob_clear) struct blob by_first = {0}, by_next = {0};
    struct bytes in = BYTES(data, size);
    if (!next.chain.count) prepare();
    try_statement(in);
    try_list(in);
    try_keys(in);
    if (envelope_sign(&keys.sign, SUCCESSION_DOMAIN, in, &by_first) ||
        envelope_sign(&next.sign, SUCCESSION_DOMAIN, in, &by_next))
        abort();
    try_statement(blob_bytes(&by_first));
    try_statement(blob_bytes(&by_next));
    return 0;
}
