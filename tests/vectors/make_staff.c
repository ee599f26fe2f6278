/* make_staff.c: staff keys, certificates, revocations, and messages of tickets. */
#include <string.h>

#include "format/ticket.h"
#include "make.h"

/* --- staff --- */

static void staff_case(json_t *cases, const char *name, const char *error, const char *kind, struct bytes raw,
                       const struct sign_key *staff, json_t *expected) {
    make_case(cases, error,
              json_pack("{s:s, s:s, s:o, s:o, s:o*}", "name", name, "kind", kind, "staff",
                        make_hex(BYTES_OF(staff->public_key)), "raw", make_hex(raw), "expected", expected));
}

/* An envelope of text that the signing functions would not make. */
static void staff_odd(json_t *cases, const char *name, const char *error, const char *kind,
                      const char *domain, const char *text) {
    struct sign_key staff;
    make_sign_key("staff", &staff);
    AUTO(blob_clear) struct blob raw = {0};
    MUST(envelope_sign(&staff, domain, bytes_text(text), &raw));
    staff_case(cases, name, error, kind, blob_bytes(&raw), &staff, NULL);
}

static void key_cases(json_t *cases) {
    struct sign_key staff, other;
    struct box_key desk;
    make_sign_key("staff", &staff);
    make_sign_key("other staff", &other);
    make_box_key("desk", &desk);
    struct staff_key key = {.name = "Example Support ☂", .time = SLOT};
    memcpy(key.desk, desk.public_key, sizeof key.desk);
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob moved = {0};
    MUST(staff_key_sign(&key, &staff, &raw));
    char fingerprint[STAFF_FINGERPRINT_TEXT_BYTES];
    staff_fingerprint(staff.public_key, fingerprint);
    staff_case(cases, "a staff key", NULL, "key", blob_bytes(&raw), &staff,
               json_pack("{s:o, s:s, s:i, s:s}", "desk", make_hex(BYTES_OF(key.desk)), "name", key.name,
                         "time", (int)key.time, "fingerprint", fingerprint));
    /* Signed anew by another key, which does not make it that key's. */
    MUST(envelope_sign(&other, "cardea/1 staff key",
                       BYTES(raw.data + ENVELOPE_OVERHEAD_BYTES, raw.len - ENVELOPE_OVERHEAD_BYTES), &moved));
    staff_case(cases, "a key signed by another", "forged", "key", blob_bytes(&moved), &staff, NULL);
    staff_odd(cases, "a key without a name", "invalid", "key", "cardea/1 staff key",
              "{\"v\":1,\"staff\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"desk\":"
              "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"name\":\"\",\"time\":1}");
    staff_odd(cases, "a key with a field too many", "invalid", "key", "cardea/1 staff key",
              "{\"v\":1,\"staff\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"desk\":"
              "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"name\":\"a\",\"time\":1,\"x\":1}");
}

static void certificate_fill(struct staff_certificate *c) {
    struct sign_key sign;
    struct box_key box;
    make_sign_key("agent", &sign);
    make_box_key("agent", &box);
    *c = (struct staff_certificate){
        .number = 7, .name = "Ann", .roles = STAFF_AGENT, .from = SLOT, .expires = SLOT + 86400};
    memcpy(c->sign, sign.public_key, sizeof c->sign);
    memcpy(c->box, box.public_key, sizeof c->box);
}

static void certificate_good(json_t *cases, const char *name, const struct staff_certificate *c,
                             json_t *roles) {
    struct sign_key staff;
    make_sign_key("staff", &staff);
    AUTO(blob_clear) struct blob raw = {0};
    MUST(staff_certificate_sign(c, &staff, &raw, NULL));
    json_t *one =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:{s:i, s:s, s:o, s:o, s:o, s:i, s:i}}", "name", name, "kind",
                  "certificate", "staff", make_hex(BYTES_OF(staff.public_key)), "staff_seed",
                  make_hex(BYTES_OF(staff.seed)), "raw", make_hex(blob_bytes(&raw)), "expected", "number",
                  (int)c->number, "name", c->name, "roles", roles, "sign", make_hex(BYTES_OF(c->sign)), "box",
                  make_hex(BYTES_OF(c->box)), "from", (int)c->from, "expires", (int)c->expires);
    make_case(cases, NULL, one);
}

static void certificate_cases(json_t *cases) {
    static const char odd[] = "{\"v\":1,\"number\":%s,\"name\":\"a\",\"roles\":%s,\"sign\":"
                              "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"box\":"
                              "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"from\":%s,\"expires\":5}";
    static const struct {
        const char *name, *number, *roles, *from;
    } refusals[] = {{"an administrator who is an agent too", "1", "[\"administrator\",\"agent\"]", "1"},
                    {"no role", "1", "[]", "1"},
                    {"a role twice", "1", "[\"agent\",\"agent\"]", "1"},
                    {"a role that is not known", "1", "[\"root\"]", "1"},
                    {"number 0", "0", "[\"agent\"]", "1"},
                    {"an end that is not after the beginning", "1", "[\"agent\"]", "5"}};
    struct staff_certificate c;
    struct sign_key other;
    char text[512];
    certificate_fill(&c);
    certificate_good(cases, "an agent", &c, json_pack("[s]", "agent"));
    AUTO(blob_clear) struct blob forged = {0};
    struct sign_key staff;
    make_sign_key("staff", &staff);
    make_sign_key("other staff", &other);
    MUST(staff_certificate_sign(&c, &other, &forged, NULL));
    staff_case(cases, "of another staff key", "forged", "certificate", blob_bytes(&forged), &staff, NULL);
    c.roles = STAFF_OPERATOR | STAFF_MODERATOR;
    certificate_good(cases, "two roles", &c, json_pack("[s, s]", "operator", "moderator"));
    c.roles = STAFF_ADMINISTRATOR;
    certificate_good(cases, "an administrator", &c, json_pack("[s]", "administrator"));
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        snprintf(text, sizeof text, odd, refusals[i].number, refusals[i].roles, refusals[i].from);
        staff_odd(cases, refusals[i].name, "invalid", "certificate", "cardea/1 staff", text);
    }
}

static void revocation_cases(json_t *cases) {
    struct staff_certificate c;
    struct sign_key staff;
    make_sign_key("staff", &staff);
    certificate_fill(&c);
    struct staff_revocation r = {.number = c.number, .time = SLOT + 5};
    memcpy(r.sign, c.sign, sizeof r.sign);
    AUTO(blob_clear) struct blob raw = {0};
    AUTO(blob_clear) struct blob certificate = {0};
    MUST(staff_revocation_sign(&r, &staff, &raw));
    staff_case(cases, "a revocation", NULL, "revocation", blob_bytes(&raw), &staff,
               json_pack("{s:i, s:o, s:i}", "number", (int)r.number, "sign", make_hex(BYTES_OF(r.sign)),
                         "time", (int)r.time));
    MUST(staff_certificate_sign(&c, &staff, &certificate, NULL));
    staff_case(cases, "a certificate in place of a revocation", "forged", "revocation",
               blob_bytes(&certificate), &staff, NULL);
}

/* --- tickets --- */

struct hand {
    struct sign_key signer;
    struct box_key desk;
    uint8_t ephemeral[BOX_SECRET_BYTES], ticket[TICKET_ID_BYTES];
};

static void hand_of(const char *label, struct hand *h) {
    make_sign_key("household sign", &h->signer);
    make_box_key("desk", &h->desk);
    make_bytes(label, h->ephemeral, sizeof h->ephemeral);
    make_bytes("ticket", h->ticket, sizeof h->ticket);
}

static void ticket_case(json_t *cases, const char *name, const char *error, const struct hand *h,
                        struct bytes box, const char *text) {
    json_t *one =
        json_pack("{s:s, s:o, s:o, s:o}", "name", name, "desk_secret", make_hex(BYTES_OF(h->desk.secret)),
                  "ticket", make_hex(BYTES_OF(h->ticket)), "box", make_hex(box));
    if (!error) {
        json_object_set_new(one, "signer", make_hex(BYTES_OF(h->signer.public_key)));
        json_object_set_new(one, "text", json_string(text));
    }
    make_case(cases, error, one);
}

/* What ticket_message_seal signs, as a text that the page must make too. */
static void ticket_good(json_t *cases, const char *name, struct ticket_message *m) {
    struct hand h;
    hand_of(name, &h);
    memcpy(m->ticket, h.ticket, sizeof m->ticket);
    m->time = SLOT;
    AUTO(blob_clear) struct blob box = {0};
    AUTO(blob_clear) struct blob plain = {0};
    struct diag d = {0};
    if (ticket_message_seal_with(m, &h.signer, h.desk.public_key, h.ephemeral, &box, &d)) {
        fprintf(stderr, "%s: %s\n", name, d.text);
        exit(1);
    }
    MUST(box_open(&h.desk, "cardea/1 ticket", BYTES_OF(h.ticket), blob_bytes(&box), &plain));
    MUST(blob_append_u8(&plain, 0));
    ticket_case(cases, name, NULL, &h, blob_bytes(&box), (const char *)plain.data + ENVELOPE_OVERHEAD_BYTES);
}

static void ticket_odd(json_t *cases, const char *name, const char *error, const char *rest) {
    struct hand h;
    char text[1024], hex[33];
    hand_of(name, &h);
    AUTO(blob_clear) struct blob envelope = {0};
    AUTO(blob_clear) struct blob box = {0};
    hex_encode(BYTES_OF(h.ticket), hex);
    if (strcmp(name, "written in another ticket") == 0) hex[0] = hex[0] == '0' ? '1' : '0';
    snprintf(text, sizeof text, "{\"v\":1,\"ticket\":\"%s\",\"time\":1,%s}", hex, rest);
    MUST(envelope_sign(&h.signer, "cardea/1 ticket", bytes_text(text), &envelope));
    MUST(box_seal_with(h.desk.public_key, h.ephemeral, "cardea/1 ticket", BYTES_OF(h.ticket),
                       blob_bytes(&envelope), &box));
    ticket_case(cases, name, error, &h, blob_bytes(&box), NULL);
}

static void request_fill(struct ticket_request *r, json_t *cameras) {
    *r = (struct ticket_request){.cameras = cameras, .reason = "The picture freezes each evening"};
    make_bytes("request", r->id, sizeof r->id);
}

static void ticket_goods(json_t *cases) {
    AUTO(json_release) json_t *cameras = json_pack("[s, s]", "porch", "yard ☂");
    AUTO(json_release)
    json_t *health = json_pack(
        "{s:[{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:s}], s:{s:s, s:s, s:i, s:i, s:i}, s:s}",
        "cameras", "name", "porch", "state", "streaming", "fps", 25, "kbit_s", 2310, "lost", 12, "restarts",
        1, "width", 1920, "height", 1080, "codec", "h264", "error", "no answer from [address]", "hub",
        "version", "0.1.0", "state", "ok", "uptime_s", 86400, "spool_bytes", 0, "waiting", 0, "vault",
        "0.1.0");
    struct staff_certificate c;
    struct sign_key staff;
    struct box_key box;
    certificate_fill(&c);
    make_sign_key("staff", &staff);
    make_box_key("household", &box);
    struct ticket_message m = {
        .kind = TICKET_OPEN, .text = "Hello,\nthe \"porch\" is dark ☂", .has_household = true};
    make_bytes("household sign public", m.household_sign, sizeof m.household_sign);
    memcpy(m.household_box, box.public_key, sizeof m.household_box);
    ticket_good(cases, "a ticket is opened", &m);
    m = (struct ticket_message){.kind = TICKET_HEALTH, .health = health};
    ticket_good(cases, "health figures", &m);
    m = (struct ticket_message){.kind = TICKET_REQUEST, .has_request = true, .has_certificate = true};
    request_fill(&m.request, cameras);
    m.request.live_minutes = 5;
    MUST(staff_certificate_sign(&c, &staff, &m.certificate, NULL));
    ticket_good(cases, "a request for live minutes", &m);
    m.request.live_minutes = 0;
    m.request.from = SLOT;
    m.request.to = SLOT + 600;
    ticket_good(cases, "a request for a past range", &m);
    blob_clear(&m.certificate);
    m = (struct ticket_message){
        .kind = TICKET_ANSWER, .has_answers = true, .has_grant = true, .has_request = true};
    request_fill(&m.request, cameras);
    m.request.live_minutes = 3;
    make_bytes("request", m.answers, sizeof m.answers);
    make_bytes("grant id", m.grant, sizeof m.grant);
    ticket_good(cases, "a request is approved, narrowed", &m);
    m = (struct ticket_message){.kind = TICKET_REFUSE, .has_answers = true, .text = "Not the bedroom"};
    make_bytes("request", m.answers, sizeof m.answers);
    ticket_good(cases, "a request is refused", &m);
    m = (struct ticket_message){.kind = TICKET_CLOSE};
    ticket_good(cases, "a ticket is closed", &m);
}

static void ticket_odds(json_t *cases) {
    static const struct {
        const char *name, *rest;
    } invalid[] = {
        {"a kind that is not known", "\"kind\":\"shout\",\"text\":\"x\""},
        {"words without text", "\"kind\":\"words\""},
        {"words with health figures", "\"kind\":\"words\",\"text\":\"x\",\"health\":{\"cameras\":[]}"},
        {"an opening without the household's keys", "\"kind\":\"open\",\"text\":\"x\""},
        {"a request without a certificate", "\"kind\":\"request\",\"request\":{\"id\":\"0011223344556677\","
                                            "\"cameras\":[\"a\"],\"live_minutes\":1,"
                                            "\"reason\":\"\"}"},
        {"a request of no camera", "\"kind\":\"request\",\"certificate\":\"AAAA\",\"request\":{\"id\":"
                                   "\"0011223344556677\",\"cameras\":[],"
                                   "\"live_minutes\":1,\"reason\":\"\"}"},
        {"a request of nothing", "\"kind\":\"request\",\"certificate\":\"AAAA\",\"request\":{\"id\":"
                                 "\"0011223344556677\",\"cameras\":["
                                 "\"a\"],\"reason\":\"\"}"},
        {"a request that ends before it begins", "\"kind\":\"request\",\"certificate\":\"AAAA\",\"request\":{"
                                                 "\"id\":\"0011223344556677\",\"cameras\":["
                                                 "\"a\"],\"from\":9,\"to\":9,\"reason\":\"\"}"},
        {"an approval without its grant", "\"kind\":\"answer\",\"answers\":\"0011223344556677\""},
        {"a picture among the health figures",
         "\"kind\":\"health\",\"health\":{\"cameras\":[{\"name\":\"a\",\"picture\":\"AAAA\"}]}"},
        {"an address among the health figures",
         "\"kind\":\"health\",\"health\":{\"cameras\":[{\"name\":\"a\"}],\"address\":\"x\"}"},
        {"a camera without a name", "\"kind\":\"health\",\"health\":{\"cameras\":[{\"fps\":1}]}"},
        {"a field too many", "\"kind\":\"words\",\"text\":\"x\",\"account\":\"ann\""},
    };
    struct hand h, stranger;
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        ticket_odd(cases, invalid[i].name, "invalid", invalid[i].rest);
    ticket_odd(cases, "written in another ticket", "forged", "\"kind\":\"words\",\"text\":\"x\"");
    struct ticket_message m = {.kind = TICKET_WORDS, .text = "x"};
    AUTO(blob_clear) struct blob box = {0};
    hand_of("moved", &h);
    memcpy(m.ticket, h.ticket, sizeof m.ticket);
    MUST(ticket_message_seal_with(&m, &h.signer, h.desk.public_key, h.ephemeral, &box, NULL));
    stranger = h;
    stranger.ticket[0] ^= 1;
    ticket_case(cases, "delivered in another ticket", "forged", &stranger, blob_bytes(&box), NULL);
    box.data[box.len - 1] ^= 1;
    ticket_case(cases, "altered", "forged", &h, blob_bytes(&box), NULL);
}

void make_staff(const char *folder) {
    json_t *staff = json_array(), *tickets = json_array();
    key_cases(staff);
    certificate_cases(staff);
    revocation_cases(staff);
    make_file(folder, "staff.json",
              "Staff keys, certificates and revocations, as \"kind\" says, under \"staff\".",
              "docs/trust.md, \"The support desk\"", staff);
    ticket_goods(tickets);
    ticket_odds(tickets);
    make_file(folder, "ticket.json",
              "Messages of tickets, boxed to the desk. \"text\" is what is signed, byte for byte.",
              "docs/trust.md, \"The support desk\"", tickets);
}
