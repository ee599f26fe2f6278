/* make_log.c: entries of the access log, its keys, and proofs with cosignatures. */
#include <stdio.h>
#include <string.h>

#include "make.h"
#include "tlog/cosignature.h"
#include "tlog/log_entry.h"
#include "tlog/log_proof.h"

#define TIME_US INT64_C(1700000000000000)

static json_t *facts_json(const struct log_entry *e) {
    json_t *facts = json_object();
    for (size_t i = 0; i < e->fact_count; i++)
        json_object_set_new(facts, e->facts[i].name, json_integer((json_int_t)e->facts[i].value));
    return facts;
}

static void entry_case(json_t *cases, const char *name, const char *error, struct bytes raw) {
    struct log_entry e;
    struct diag d;
    err failed = log_entry_decode(raw, &e, &d);
    if ((failed == ERR_OK) != (error == NULL)) {
        fprintf(stderr, "%s: %s\n", name, failed ? d.text : "read");
        MUST(ERR_CONFLICT);
    }
    json_t *one = json_pack("{s:s, s:s, s:o}", "name", name, "what", "entry", "entry", make_hex(raw));
    if (!failed) {
        json_object_set_new(one, "version", json_integer(e.version));
        json_object_set_new(one, "time", json_integer(e.time.us));
        json_object_set_new(one, "kind", json_string(e.kind));
        json_object_set_new(one, "tag", e.tagged ? make_hex(BYTES_OF(e.tag)) : json_null());
        json_object_set_new(one, "actor", e.acted ? make_hex(BYTES_OF(e.actor)) : json_null());
        json_object_set_new(one, "facts", facts_json(&e));
        json_object_set_new(one, "details", make_hex(e.details));
    }
    make_case(cases, error, one);
}

static void encoded_case(json_t *cases, const char *name, const struct log_entry *e) {
    AUTO(blob_clear) struct blob raw = {0};
    MUST(log_entry_encode(e, &raw));
    entry_case(cases, name, NULL, blob_bytes(&raw));
}

static struct log_entry staff_use(void) {
    struct log_entry e = {.time = {TIME_US},
                          .kind = "grant.use",
                          .tagged = true,
                          .acted = true,
                          .fact_count = 4,
                          .facts = {{"cameras", 2}, {"live", 1}, {"minutes", 1440}, {"ticket", 1}},
                          .details = bytes_text("sealed")};
    make_bytes("log tag", e.tag, sizeof e.tag);
    make_bytes("log actor", e.actor, sizeof e.actor);
    return e;
}

/* Bytes that the encoder would not write. */
static void entry_refusals(json_t *cases) {
    static const struct {
        const char *name;
        const char *hex;
        const char *error;
    } odd[] = {
        {"an empty map is not an array", "a0", "invalid"},
        {"six items", "86020061616af6f6a0", "invalid"},
        {"version 0", "8700006161f6f6a040", "invalid"},
        {"version 3", "8703006161f6f6a040", "unsupported"},
        {"a time in more bytes than it needs", "8702180161 61f6f6a040", "invalid"},
        {"a kind with a capital", "8702006141f6f6a040", "invalid"},
        {"an empty kind", "87020060f6f6a040", "invalid"},
        {"a tag of 31 bytes",
         "870200616158 1f00000000000000000000000000000000000000000000000000000000000000f6a040", "invalid"},
        {"an actor of 15 bytes", "8702006161f64f000000000000000000000000000000a040", "invalid"},
        {"facts out of order", "8702006161f6f6a2616200616100 40", "invalid"},
        {"a fact twice", "8702006161f6f6a261610061610040", "invalid"},
        {"a negative fact", "8702006161f6f6a161612040", "invalid"},
        {"details as text", "8702006161f6f6a060", "invalid"},
        {"an array without an end", "9f02006161f6f6a040ff", "invalid"},
        {"bytes after the end", "8702006161f6f6a04000", "invalid"},
        {"cut short", "8702006161f6f6a041", "invalid"},
        {"version 1 with a short length", "85011b00060a24181e40006961646d696e2e616374f6790000", "invalid"},
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char hex[256];
        uint8_t raw[128];
        size_t n = 0;
        for (const char *c = odd[i].hex; *c; c++)
            if (*c != ' ') hex[n++] = *c;
        hex[n] = 0;
        MUST(hex_decode(hex, (struct buffer){raw, n / 2}));
        entry_case(cases, odd[i].name, odd[i].error, BYTES(raw, n / 2));
    }
}

static void keys_case(json_t *cases, uint64_t n) {
    struct sign_key household, grantee;
    uint8_t log_key[LOG_KEY_BYTES], tag[LOG_TAG_BYTES], actor[LOG_ACTOR_BYTES], staff[LOG_ACTOR_BYTES];
    char name[48];
    make_sign_key("household sign", &household);
    make_sign_key("grantee sign", &grantee);
    log_key_derive(household.seed, log_key);
    log_tag(log_key, n, tag);
    log_actor_private(log_key, grantee.public_key, actor);
    log_actor_staff(grantee.public_key, staff);
    snprintf(name, sizeof name, "tag of entry %llu", (unsigned long long)n);
    make_case(cases, NULL,
              json_pack("{s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "name", name, "what", "keys", "seed",
                        make_hex(BYTES_OF(household.seed)), "log_key", make_hex(BYTES_OF(log_key)), "n",
                        (json_int_t)n, "tag", make_hex(BYTES_OF(tag)), "sign",
                        make_hex(BYTES_OF(grantee.public_key)), "actor", make_hex(BYTES_OF(actor)), "staff",
                        make_hex(BYTES_OF(staff))));
}

/* Which opening a use is of: what was posted, and the fact that its entry has. */
static void opening_case(json_t *cases) {
    struct log_entry e = staff_use();
    uint8_t nonce[LOG_OPENING_NONCE_BYTES], signature[SIGNATURE_BYTES];
    AUTO(blob_clear) struct blob raw = {0};
    make_bytes("log nonce", nonce, sizeof nonce);
    make_bytes("log signature", signature, sizeof signature);
    uint64_t opening = log_opening_fact(nonce, signature);
    e.fact_count = 1;
    e.facts[0] = (struct log_fact){LOG_OPENING_FACT, opening};
    MUST(log_entry_encode(&e, &raw));
    make_case(cases, NULL,
              json_pack("{s:s, s:s, s:o, s:o, s:I, s:o}", "name", "a use that is bound to its opening",
                        "what", "opening", "nonce", make_hex(BYTES_OF(nonce)), "signature",
                        make_hex(BYTES_OF(signature)), "opening", (json_int_t)opening, "entry",
                        make_hex(blob_bytes(&raw))));
}

/* A household's entry as a vault makes it: details in a box to the household, whose aad is the tag. */
static void details_case(json_t *cases) {
    static const char details[] = "{\"grant\":\"00\",\"purpose\":\"support\"}";
    struct sign_key household;
    struct box_key box;
    uint8_t log_key[LOG_KEY_BYTES], ephemeral[BOX_SECRET_BYTES];
    AUTO(blob_clear) struct blob sealed = {0};
    AUTO(blob_clear) struct blob raw = {0};
    struct log_entry e = staff_use();
    make_sign_key("household sign", &household);
    make_box_key("household box", &box);
    make_bytes("log ephemeral", ephemeral, sizeof ephemeral);
    log_key_derive(household.seed, log_key);
    log_tag(log_key, 7, e.tag);
    MUST(box_seal_with(box.public_key, ephemeral, LOG_BOX_INFO, BYTES_OF(e.tag), bytes_text(details),
                       &sealed));
    e.details = blob_bytes(&sealed);
    MUST(log_entry_encode(&e, &raw));
    make_case(cases, NULL,
              json_pack("{s:s, s:s, s:o, s:o, s:i, s:o, s:s}", "name", "details that the household opens",
                        "what", "details", "household_secret", make_hex(BYTES_OF(box.secret)), "log_key",
                        make_hex(BYTES_OF(log_key)), "n", 7, "entry", make_hex(blob_bytes(&raw)), "plain",
                        details));
}

static void make_entries(const char *folder) {
    json_t *cases = json_array();
    struct log_entry act = {
        .time = {TIME_US}, .kind = "admin.act", .details = bytes_text("{\"act\":\"restore\"}")};
    struct log_entry small = {.time = {23}, .kind = "a"};
    struct log_entry full = staff_use(), early = {.time = {65536}, .kind = "live.begin", .tagged = true};
    static const uint8_t old[] = {0x85, 0x01, 0x1b, 0,   0x06, 0x0a, 0x24, 0x18, 0x1e, 0x40, 0,   0x79,
                                  0,    9,    'a',  'd', 'm',  'i',  'n',  '.',  'a',  'c',  't', 0xf6,
                                  0x79, 0,    7,    'r', 'e',  's',  't',  'o',  'r',  'e'};
    uint8_t long_details[300];
    make_bytes("log details", long_details, sizeof long_details);
    encoded_case(cases, "an agent's use", &full);
    encoded_case(cases, "an act of no household", &act);
    encoded_case(cases, "the smallest heads", &small);
    early.details = BYTES_OF(long_details);
    encoded_case(cases, "a tag, no actor, longer details", &early);
    entry_case(cases, "version 1", NULL, BYTES_OF(old));
    entry_refusals(cases);
    keys_case(cases, 0);
    keys_case(cases, UINT64_C(4294967296));
    details_case(cases);
    opening_case(cases);
    make_file(folder, "log_entry.json", "Entries of the access log, and the keys of a household's.",
              "docs/trust.md, \"The access log\"; RFC 8949 section 4.2.1", cases);
}

/* --- proofs --- */

#define LEAVES 7
struct log_scene {
    struct sign_key log, hub, other;
    struct blob leaves[LEAVES];
    uint8_t hashes[LEAVES][HASH_BYTES];
    struct checkpoint checkpoint;
    struct blob text;
};

static err scene_subtree(void *context, unsigned height, uint64_t index, uint8_t out[HASH_BYTES]) {
    const struct log_scene *s = context;
    uint8_t left[HASH_BYTES], right[HASH_BYTES];
    if (height == 0) {
        memcpy(out, s->hashes[index], HASH_BYTES);
        return ERR_OK;
    }
    err e = scene_subtree(context, height - 1, 2 * index, left);
    if (!e) e = scene_subtree(context, height - 1, 2 * index + 1, right);
    if (!e) tlog_node_hash(left, right, out);
    return e;
}

static void scene_make(struct log_scene *s) {
    struct tlog_tree tree = {0};
    *s = (struct log_scene){.checkpoint = {.origin = "cardea-vault/vectors"}};
    make_sign_key("log", &s->log);
    make_sign_key("hub sign", &s->hub);
    make_sign_key("stranger", &s->other);
    for (size_t i = 0; i < LEAVES; i++) {
        struct log_entry e = staff_use();
        e.time.us += (int64_t)i;
        MUST(log_entry_encode(&e, &s->leaves[i]));
        MUST(tlog_leaf_hash(blob_bytes(&s->leaves[i]), s->hashes[i]));
        MUST(tlog_tree_append(&tree, s->hashes[i], NULL, NULL));
    }
    s->checkpoint.size = LEAVES;
    tlog_tree_root(&tree, s->checkpoint.root);
    MUST(checkpoint_sign(&s->checkpoint, &s->log, &s->text));
}

struct proof_case {
    const char *name, *error;
    const struct sign_key *log;
    const struct blob *text, *leaf;
    uint64_t index;
    const struct sign_key *witness; /* NULL: none is wanted */
    size_t drop;                    /* hashes left out of the proof */
    bool alter;
};

static void proof_case(json_t *cases, struct log_scene *s, const struct proof_case *p) {
    uint8_t proof[TLOG_PROOF_MAX + 1][HASH_BYTES], witness[1][SIGN_PUBLIC_BYTES];
    size_t count;
    struct checkpoint out;
    struct diag d;
    json_t *list = json_array(), *witnesses = json_array();
    MUST(tlog_prove_inclusion(p->index, LEAVES, scene_subtree, s, proof, &count));
    count -= p->drop;
    if (p->alter) proof[0][0] ^= 1;
    for (size_t i = 0; i < count; i++) json_array_append_new(list, make_hex(BYTES(proof[i], HASH_BYTES)));
    if (p->witness) {
        memcpy(witness[0], p->witness->public_key, SIGN_PUBLIC_BYTES);
        json_array_append_new(witnesses, make_hex(BYTES_OF(witness[0])));
    }
    err e = log_proof_check(p->log->public_key, (const char *)p->text->data, p->text->len, p->index,
                            blob_bytes(p->leaf), (const uint8_t(*)[HASH_BYTES])proof, count,
                            (const uint8_t(*)[SIGN_PUBLIC_BYTES])witness, p->witness ? 1 : 0, &out, &d);
    if ((e == ERR_OK) != (p->error == NULL)) {
        fprintf(stderr, "%s: %s\n", p->name, e ? d.text : "passed");
        MUST(ERR_CONFLICT);
    }
    json_t *one = json_pack("{s:s, s:o, s:s#, s:I, s:o, s:o, s:o}", "name", p->name, "log_key",
                            make_hex(BYTES_OF(p->log->public_key)), "checkpoint", (const char *)p->text->data,
                            (int)p->text->len, "index", (json_int_t)p->index, "leaf",
                            make_hex(blob_bytes(p->leaf)), "proof", list, "witnesses", witnesses);
    if (!e) {
        json_object_set_new(one, "size", json_integer((json_int_t)out.size));
        json_object_set_new(one, "root", make_hex(BYTES_OF(out.root)));
    }
    make_case(cases, p->error, one);
}

static void cosign(const struct log_scene *s, const struct sign_key *hub, struct blob *text) {
    char name[COSIGNER_NAME_BYTES];
    cosigner_name(hub->public_key, name);
    MUST(cosignature_sign(blob_bytes(&s->text), name, hub, SLOT, text));
}

static void make_proofs(const char *folder) {
    json_t *cases = json_array();
    struct log_scene s;
    AUTO(blob_clear) struct blob cosigned = {0};
    AUTO(blob_clear) struct blob strange = {0};
    AUTO(blob_clear) struct blob forged = {0};
    scene_make(&s);
    MUST(blob_append(&cosigned, blob_bytes(&s.text)));
    cosign(&s, &s.hub, &cosigned);
    MUST(blob_append(&strange, blob_bytes(&s.text)));
    cosign(&s, &s.other, &strange);
    MUST(blob_append(&forged, blob_bytes(&cosigned)));
    /* The cosignature's last bytes, in base64 before "==" or the newline: one bit of the signature. */
    forged.data[forged.len - 12] = forged.data[forged.len - 12] == 'A' ? 'B' : 'A';
    const struct proof_case list[] = {
        {"the first entry", NULL, &s.log, &s.text, &s.leaves[0], 0, NULL, 0, false},
        {"the last entry", NULL, &s.log, &s.text, &s.leaves[6], 6, NULL, 0, false},
        {"with a hub's cosignature", NULL, &s.log, &cosigned, &s.leaves[3], 3, &s.hub, 0, false},
        {"a cosignature that nobody asked for", NULL, &s.log, &strange, &s.leaves[3], 3, NULL, 0, false},
        {"no cosignature", "not_found", &s.log, &s.text, &s.leaves[3], 3, &s.hub, 0, false},
        {"another hub's cosignature", "not_found", &s.log, &strange, &s.leaves[3], 3, &s.hub, 0, false},
        {"a forged cosignature", "not_found", &s.log, &forged, &s.leaves[3], 3, &s.hub, 0, false},
        {"another log's key", "forged", &s.other, &s.text, &s.leaves[3], 3, NULL, 0, false},
        {"another entry", "forged", &s.log, &s.text, &s.leaves[4], 3, NULL, 0, false},
        {"a proof with another hash", "forged", &s.log, &s.text, &s.leaves[3], 3, NULL, 0, true},
        {"a proof that is too short", "invalid", &s.log, &s.text, &s.leaves[3], 3, NULL, 1, false},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) proof_case(cases, &s, &list[i]);
    make_file(folder, "log_proof.json", "Proofs that an entry is in the log, with and without witnesses.",
              "docs/trust.md, \"Opening\"; RFC 9162; c2sp.org/tlog-checkpoint, tlog-cosignature, signed-note",
              cases);
    for (size_t i = 0; i < LEAVES; i++) blob_clear(&s.leaves[i]);
    blob_clear(&s.text);
}

void make_log(const char *folder) {
    make_entries(folder);
    make_proofs(folder);
}
