/* make_crypto.c: time keys, boxes, signatures, HKDF. */
#include <string.h>

#include "crypto/hash.h"
#include "crypto/seal.h"
#include "make.h"

static void leaf_case(json_t *cases, const char *name, const struct timekey_set *set, uint32_t slot) {
    uint8_t leaf[TIMEKEY_BYTES], id[SEGMENT_ID_BYTES], key[3][32];
    err e = timekey_leaf(set, slot, leaf);
    json_t *one = json_pack("{s:s, s:s, s:o, s:I}", "name", name, "op", "leaf", "set", make_set(set), "slot",
                            (json_int_t)slot);
    if (e) {
        make_case(cases, "not_found", one);
        return;
    }
    make_bytes("segment id", id, sizeof id);
    timekey_segment_key(leaf, id, key[0]);
    timekey_segment_commitment(leaf, id, key[1]);
    timekey_event_key(leaf, id, key[2]);
    json_object_set_new(one, "expected", make_hex(BYTES_OF(leaf)));
    json_object_set_new(one, "id", make_hex(BYTES_OF(id)));
    json_object_set_new(one, "segment_key", make_hex(BYTES_OF(key[0])));
    json_object_set_new(one, "segment_commitment", make_hex(BYTES_OF(key[1])));
    json_object_set_new(one, "event_key", make_hex(BYTES_OF(key[2])));
    make_case(cases, NULL, one);
}

/* Covers, intersections and removals are one kind of case: a set, a range, a set. */
static void range_case(json_t *cases, const char *name, const char *op, const struct timekey_set *set,
                       uint64_t begin, uint64_t end) {
    AUTO(timekey_set_clear) struct timekey_set out = {0};
    err e = ERR_OK;
    if (strcmp(op, "cover") == 0) {
        e = timekey_cover(set, begin, end, &out);
    } else if (strcmp(op, "intersect") == 0) {
        e = timekey_intersect(set, begin, end, &out);
    } else {
        MUST(timekey_set_copy(set, &out));
        e = timekey_remove(&out, begin, end);
    }
    json_t *one = json_pack("{s:s, s:s, s:o, s:I, s:I}", "name", name, "op", op, "set", make_set(set),
                            "begin", (json_int_t)begin, "end", (json_int_t)end);
    if (!e) json_object_set_new(one, "expected", make_set(&out));
    make_case(cases, e == ERR_NOT_FOUND ? "not_found" : e ? "invalid" : NULL, one);
}

static void decode_case(json_t *cases, const char *name, const char *names, struct bytes raw) {
    AUTO(timekey_set_clear) struct timekey_set set = {0};
    struct diag d = {0};
    err e = timekey_decode(raw, &set, &d);
    json_t *one = json_pack("{s:s, s:s, s:o}", "name", name, "op", "decode", "raw", make_hex(raw));
    if (e) {
        if (e != ERR_INVALID || !names || !strstr(d.text, names)) MUST(ERR_CONFLICT);
        json_object_set_new(one, "names", json_string(names));
        make_case(cases, "invalid", one);
        return;
    }
    json_t *nodes = json_array();
    for (size_t i = 0; i < set.count; i++)
        json_array_append_new(nodes, json_pack("{s:i, s:I, s:o}", "depth", set.nodes[i].depth, "first",
                                               (json_int_t)set.nodes[i].first, "key",
                                               make_hex(BYTES_OF(set.nodes[i].key))));
    json_object_set_new(one, "expected", nodes);
    make_case(cases, NULL, one);
}

static void decode_cases(json_t *cases, const struct timekey_set *cover) {
    AUTO(blob_clear) struct blob raw = {0};
    MUST(timekey_encode(cover, &raw));
    decode_case(cases, "decode: a cover", NULL, blob_bytes(&raw));
    const uint8_t empty[] = {'C', 'R', 'D', 'T', 1, 1, 0, 0, 0, 0};
    decode_case(cases, "decode: an empty set", NULL, BYTES_OF(empty));
    static const struct {
        const char *name, *names;
        size_t at;
        uint8_t value;
    } changes[] = {{"decode: another magic", "magic", 0, 'X'},
                   {"decode: version 2", "version", 4, 2},
                   {"decode: suite 2", "suite", 5, 2},
                   {"decode: one node too many", "count", 9, 200},
                   {"decode: a depth of 33", "depth", 10, 33},
                   {"decode: a first slot below its depth", "first", 14, 1},
                   {"decode: the second node before the first", "order", 10 + 37 + 1, 0}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint8_t before = raw.data[changes[i].at];
        raw.data[changes[i].at] = changes[i].value;
        if (changes[i].at == 10 + 37 + 1) memset(raw.data + 10 + 37 + 1, 0, 4);
        decode_case(cases, changes[i].name, changes[i].names, blob_bytes(&raw));
        raw.data[changes[i].at] = before;
    }
    raw.len -= 1;
    raw.data[10 + 37 + 1] = 0x65;
    decode_case(cases, "decode: cut short", "count", blob_bytes(&raw));
}

static void make_timekey(const char *folder) {
    json_t *cases = json_array();
    AUTO(timekey_set_clear) struct timekey_set root = {0};
    AUTO(timekey_set_clear) struct timekey_set cover = {0};
    AUTO(timekey_set_clear) struct timekey_set holes = {0};
    make_root("timekey root", &root);
    leaf_case(cases, "leaf: the first slot", &root, 0);
    leaf_case(cases, "leaf: the last slot", &root, UINT32_MAX);
    leaf_case(cases, "leaf: a slot of 2023", &root, SLOT);
    leaf_case(cases, "leaf: its neighbour", &root, SLOT + 1);
    MUST(timekey_cover(&root, SLOT + 1, SLOT + 300, &cover));
    leaf_case(cases, "leaf: the first of a cover", &cover, SLOT + 1);
    leaf_case(cases, "leaf: the last of a cover", &cover, SLOT + 299);
    leaf_case(cases, "leaf: one before a cover", &cover, SLOT);
    leaf_case(cases, "leaf: one after a cover", &cover, SLOT + 300);
    range_case(cases, "cover: one slot", "cover", &root, SLOT, SLOT + 1);
    range_case(cases, "cover: five minutes", "cover", &root, SLOT + 1, SLOT + 301);
    range_case(cases, "cover: everything", "cover", &root, 0, TIMEKEY_SLOT_END);
    range_case(cases, "cover: all but the ends, 62 nodes", "cover", &root, 1, TIMEKEY_SLOT_END - 1);
    range_case(cases, "cover: from now on", "cover", &root, SLOT, TIMEKEY_SLOT_END);
    range_case(cases, "cover: within a cover", "cover", &cover, SLOT + 10, SLOT + 20);
    range_case(cases, "cover: one slot more than there is", "cover", &cover, SLOT + 290, SLOT + 301);
    range_case(cases, "cover: nothing", "cover", &root, SLOT, SLOT);
    range_case(cases, "cover: past the end of time", "cover", &root, SLOT, TIMEKEY_SLOT_END + 1);
    range_case(cases, "remove: an hour in the middle", "remove", &root, SLOT, SLOT + 3600);
    range_case(cases, "remove: the past", "remove", &root, 0, SLOT);
    range_case(cases, "remove: what is not there", "remove", &cover, SLOT + 1000, SLOT + 2000);
    MUST(timekey_set_copy(&cover, &holes));
    MUST(timekey_remove(&holes, SLOT + 100, SLOT + 120));
    range_case(cases, "intersect: over a hole", "intersect", &holes, SLOT + 90, SLOT + 130);
    range_case(cases, "intersect: nothing in common", "intersect", &holes, SLOT + 100, SLOT + 120);
    range_case(cases, "cover: over a hole", "cover", &holes, SLOT + 90, SLOT + 130);
    decode_cases(cases, &cover);
    make_file(
        folder, "timekey.json",
        "Time keys: leaf of a slot and the keys under it, covers, intersections, removals (shredding, and "
        "going forward), the bytes of a set. Sets are in their encoded form, in hex.",
        "docs/formats.md, \"Time key set\"", cases);
}

static void box_case(json_t *cases, const char *name, const struct box_key *key, const char *ephemeral_label,
                     const char *info, struct bytes aad, struct bytes plain) {
    AUTO(blob_clear) struct blob sealed = {0};
    uint8_t ephemeral[BOX_SECRET_BYTES];
    make_bytes(ephemeral_label, ephemeral, sizeof ephemeral);
    MUST(box_seal_with(key->public_key, ephemeral, info, aad, plain, &sealed));
    make_case(cases, NULL,
              json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "name", name, "recipient_secret",
                        make_hex(BYTES_OF(key->secret)), "recipient_public",
                        make_hex(BYTES_OF(key->public_key)), "ephemeral", make_hex(BYTES_OF(ephemeral)),
                        "info", info, "aad", make_hex(aad), "plain", make_hex(plain), "sealed",
                        make_hex(blob_bytes(&sealed))));
}

static void box_refused(json_t *cases, const char *name, const char *error, const struct box_key *key,
                        const char *info, struct bytes aad, struct bytes sealed) {
    make_case(cases, error,
              json_pack("{s:s, s:o, s:s, s:o, s:o}", "name", name, "recipient_secret",
                        make_hex(BYTES_OF(key->secret)), "info", info, "aad", make_hex(aad), "sealed",
                        make_hex(sealed)));
}

/* RFC 9180 prints no vector for this suite; these are the figures that implementations of it share
 * (BoringSSL's tests, aead_id 2), for which the recipient's secret is not published. `sealed` starts with the
 * ephemeral's public key. */
static void box_rfc(json_t *cases) {
    make_case(
        cases, NULL,
        json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name",
            "RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode, sealing",
            "recipient_public", "ac66bae9ffa270cf4a89ed9f274e30c0456babae2572aaaf002ff0d8884ab018",
            "ephemeral", "28e212563a8b6f068af7ff17400ff1baf23612b7a738bbaf5dfb321b2b5b431a", "info",
            "Ode on a Grecian Urn", "aad", "436f756e742d30", "plain",
            "4265617574792069732074727574682c20747275746820626561757479", "sealed",
            "8e806d41aecfcece96a6b47f1e488a3ac6e48090d9b634355c705dd34311d900"
            "23ded2d5d90ea89d975dac4792b297240f194952d7421aacbff0474100052b6bb8aa58d18ef6c42b6960e2e28f"));
}

static void make_box(const char *folder) {
    json_t *cases = json_array();
    struct box_key key, other;
    const struct bytes none = {0};
    const uint8_t zero[32] = {0};
    make_box_key("box recipient", &key);
    make_box_key("box stranger", &other);
    box_rfc(cases);
    box_case(cases, "a household's box", &key, "box ephemeral 1", "cardea/1 household", none,
             bytes_text("{}"));
    box_case(cases, "with additional data", &key, "box ephemeral 2", "cardea/1 profile", bytes_text("aad"),
             bytes_text("the plaintext"));
    box_case(cases, "empty plaintext", &key, "box ephemeral 3", "cardea/1 grant", none, none);

    AUTO(blob_clear) struct blob sealed = {0};
    uint8_t ephemeral[BOX_SECRET_BYTES];
    make_bytes("box ephemeral 4", ephemeral, sizeof ephemeral);
    MUST(box_seal_with(key.public_key, ephemeral, "cardea/1 root", bytes_text("aad"), bytes_text("plain"),
                       &sealed));
    struct bytes whole = blob_bytes(&sealed), aad = bytes_text("aad");
    box_refused(cases, "addressed to somebody else", "forged", &other, "cardea/1 root", aad, whole);
    box_refused(cases, "another info", "forged", &key, "cardea/1 grant", aad, whole);
    box_refused(cases, "other additional data", "forged", &key, "cardea/1 root", bytes_text("aae"), whole);
    box_refused(cases, "shorter than a box can be", "invalid", &key, "cardea/1 root", aad,
                BYTES(whole.data, BOX_OVERHEAD_BYTES - 1));
    box_refused(cases, "its end is missing", "forged", &key, "cardea/1 root", aad,
                BYTES(whole.data, whole.len - 1));
    sealed.data[BOX_ENC_BYTES] ^= 1;
    box_refused(cases, "a flipped bit in the ciphertext", "forged", &key, "cardea/1 root", aad, whole);
    sealed.data[BOX_ENC_BYTES] ^= 1;
    sealed.data[0] ^= 1;
    box_refused(cases, "a flipped bit in the encapsulated key", "forged", &key, "cardea/1 root", aad, whole);
    memcpy(sealed.data, zero, sizeof zero);
    box_refused(cases, "an encapsulated key of small order", "forged", &key, "cardea/1 root", aad, whole);
    make_case(cases, "invalid",
              json_pack("{s:s, s:o, s:s, s:s, s:s}", "name", "sealing to a key of small order",
                        "recipient_public", make_hex(BYTES_OF(zero)), "info", "cardea/1 root", "aad", "",
                        "plain", ""));
    make_file(
        folder, "box.json",
        "HPKE single shot, enc || ciphertext || tag. A case with \"ephemeral\" is sealed with it and gives "
        "\"sealed\"; a case with \"recipient_secret\" opens \"sealed\" to \"plain\" or the error.",
        "RFC 9180 section 6.1; the first case's figures from BoringSSL's test vectors (kem_id 32, kdf_id 1, "
        "aead_id 2, mode 0)",
        cases);
}

static void sign_case(json_t *cases, const char *name, const char *error, const char *domain,
                      struct bytes message, struct bytes public_key, struct bytes signature) {
    make_case(cases, error,
              json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", name, "domain", domain, "message",
                        make_hex(message), "public", make_hex(public_key), "signature", make_hex(signature)));
}

static void sign_rfc(json_t *cases) {
    static const struct {
        const char *name, *seed, *public_key, *message, *signature;
    } rfc[] = {
        {"RFC 8032 section 7.1, TEST 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25"
         "bf5f0595b"
         "be24655141438e7a100b"},
        {"RFC 8032 section 7.1, TEST 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387"
         "b2eaeb430"
         "2aeeb00d291612bb0c00"},
        {"RFC 8032 section 7.1, TEST 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7"
         "c15e9716e"
         "d28dc027beceea1ec40a"},
    };
    for (size_t i = 0; i < sizeof rfc / sizeof *rfc; i++)
        make_case(cases, NULL,
                  json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", rfc[i].name, "seed", rfc[i].seed, "raw",
                            rfc[i].message, "public", rfc[i].public_key, "signature", rfc[i].signature));
}

static void make_sign(const char *folder) {
    json_t *cases = json_array();
    struct sign_key key, other;
    uint8_t signature[SIGNATURE_BYTES];
    make_sign_key("sign key", &key);
    make_sign_key("sign stranger", &other);
    struct bytes message = bytes_text("a statement"), public_key = BYTES_OF(key.public_key);
    sign_message(&key, "cardea/1 object", message, signature);
    sign_rfc(cases);
    make_case(cases, NULL,
              json_pack("{s:s, s:o, s:s, s:o, s:o, s:o}", "name", "domain and message", "seed",
                        make_hex(BYTES_OF(key.seed)), "domain", "cardea/1 object", "message",
                        make_hex(message), "public", make_hex(public_key), "signature",
                        make_hex(BYTES_OF(signature))));
    sign_case(cases, "another domain", "forged", "cardea/1 grant", message, public_key, BYTES_OF(signature));
    sign_case(cases, "the domain's end moved", "forged", "cardea/1 objec", message, public_key,
              BYTES_OF(signature));
    sign_case(cases, "another message", "forged", "cardea/1 object", bytes_text("a Statement"), public_key,
              BYTES_OF(signature));
    sign_case(cases, "another key", "forged", "cardea/1 object", message, BYTES_OF(other.public_key),
              BYTES_OF(signature));
    signature[40] ^= 1;
    sign_case(cases, "a flipped bit", "forged", "cardea/1 object", message, public_key, BYTES_OF(signature));
    /* Under the neutral element, R = S·B fits every message: here S = 0 and R the neutral element. */
    uint8_t neutral[SIGN_PUBLIC_BYTES] = {1}, universal[SIGNATURE_BYTES] = {1};
    sign_case(cases, "a key of small order under which the signature fits everything", "forged",
              "cardea/1 object", message, BYTES_OF(neutral), BYTES_OF(universal));
    neutral[31] = 0x80;
    sign_case(cases, "the same key with its sign bit", "forged", "cardea/1 object", message,
              BYTES_OF(neutral), BYTES_OF(universal));
    make_file(folder, "sign.json",
              "Ed25519. \"raw\" is signed as it is; \"domain\" and \"message\" as domain || 0x00 || message. "
              "A case "
              "with \"seed\" gives \"public\" and \"signature\".",
              "RFC 8032 section 7.1; docs/formats.md, \"Signed\"", cases);
}

static void make_hkdf(const char *folder) {
    static const struct {
        const char *name, *secret, *salt, *info, *prk, *okm;
    } rfc[] = {
        {"RFC 5869 test case 1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
         "f0f1f2f3f4f5f6f7f8f9", "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
         "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
        {"RFC 5869 test case 2",
         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303"
         "13233343536"
         "3738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
         "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909"
         "19293949596"
         "9798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
         "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e"
         "1e2e3e4e5e6"
         "e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
         "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
         "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3"
         "275600c2f09"
         "b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"},
        {"RFC 5869 test case 3", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
         "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
         "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
    };
    json_t *cases = json_array();
    for (size_t i = 0; i < sizeof rfc / sizeof *rfc; i++)
        make_case(cases, NULL,
                  json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", rfc[i].name, "secret", rfc[i].secret,
                            "salt", rfc[i].salt, "info", rfc[i].info, "prk", rfc[i].prk, "okm", rfc[i].okm));
    make_file(folder, "hkdf.json", "HKDF-SHA256: extract to \"prk\", expand to \"okm\".",
              "RFC 5869 appendix A", cases);
}

void make_crypto(const char *folder) {
    make_timekey(folder);
    make_box(folder);
    make_sign(folder);
    make_hkdf(folder);
}
