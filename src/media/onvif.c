#include "media/onvif.h"

#include <libxml/parser.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "media/onvif_internal.h"
#include "media/sdp.h"

/* --- Writing
 * ------------------------------------------------------------------------------------------------------ */

err onvif_text(struct blob *b, const char *s) {
    return blob_append(b, bytes_text(s));
}

err onvif_escaped(struct blob *b, const char *s) {
    err e = ERR_OK;
    for (; *s && !e; s++) {
        switch (*s) {
            case '<': e = onvif_text(b, "&lt;"); break;
            case '>': e = onvif_text(b, "&gt;"); break;
            case '&': e = onvif_text(b, "&amp;"); break;
            case '"': e = onvif_text(b, "&quot;"); break;
            default: e = blob_append_u8(b, (uint8_t)*s); break;
        }
    }
    return e;
}

static err base64_standard(struct bytes in, char out[64]) {
    if (in.len > 45) return ERR_LIMIT;
    EVP_EncodeBlock((uint8_t *)out, in.data, (int)in.len);
    return ERR_OK;
}

/* Base64 of SHA-1 of nonce, time and password (WS-Security UsernameToken Profile section 3.1). */
static err password_digest(const struct onvif_login *l, const char *created, char out[64]) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx) return ERR_NO_MEMORY;
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool ok = EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
              EVP_DigestUpdate(ctx, l->nonce, sizeof l->nonce) == 1 &&
              EVP_DigestUpdate(ctx, created, strlen(created)) == 1 &&
              EVP_DigestUpdate(ctx, l->password, strlen(l->password)) == 1 &&
              EVP_DigestFinal_ex(ctx, hash, &len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? base64_standard(BYTES(hash, len), out) : ERR_UNSUPPORTED;
}

static err security(const struct onvif_login *l, struct blob *b) {
    char created[WALL_TEXT_BYTES], nonce[64], digest[64];
    wall_format(l->camera_now, created);
    err e = password_digest(l, created, digest);
    if (!e) e = base64_standard(BYTES_OF(l->nonce), nonce);
    if (!e)
        e = onvif_text(b,
                       "<w:Security s:mustUnderstand=\"1\" xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/"
                       "oasis-200401-wss-wssecurity-secext-1.0.xsd\"><w:UsernameToken><w:Username>");
    if (!e) e = onvif_escaped(b, l->user);
    if (!e)
        e = onvif_text(b, "</w:Username><w:Password Type=\"http://docs.oasis-open.org/wss/2004/01/"
                          "oasis-200401-wss-username-token-profile-1.0#PasswordDigest\">");
    if (!e) e = onvif_text(b, digest);
    if (!e)
        e = onvif_text(b, "</w:Password><w:Nonce EncodingType=\"http://docs.oasis-open.org/wss/2004/01/"
                          "oasis-200401-wss-soap-message-security-1.0#Base64Binary\">");
    if (!e) e = onvif_text(b, nonce);
    if (!e)
        e = onvif_text(b, "</w:Nonce><c:Created xmlns:c=\"http://docs.oasis-open.org/wss/2004/01/"
                          "oasis-200401-wss-wssecurity-utility-1.0.xsd\">");
    if (!e) e = onvif_text(b, created);
    return e ? e : onvif_text(b, "</c:Created></w:UsernameToken></w:Security>");
}

err onvif_envelope(const struct onvif_login *l, struct bytes headers, const char *before,
                   const char *argument, const char *after, struct blob *b) {
    err e = onvif_text(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope "
                          "xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Header>");
    if (!e && l && l->user) e = security(l, b);
    if (!e) e = blob_append(b, headers);
    if (!e) e = onvif_text(b, "</s:Header><s:Body>");
    if (!e) e = onvif_text(b, before);
    if (!e) e = onvif_escaped(b, argument);
    if (!e) e = onvif_text(b, after);
    return e ? e : onvif_text(b, "</s:Body></s:Envelope>");
}

static err envelope(const struct onvif_login *l, const char *before, const char *argument, const char *after,
                    struct blob *b) {
    return onvif_envelope(l, BYTES(NULL, 0), before, argument, after, b);
}

err onvif_time_request(struct blob *out) {
    return envelope(NULL, "<GetSystemDateAndTime xmlns=\"http://www.onvif.org/ver10/device/wsdl\"/>", "", "",
                    out);
}

err onvif_service_request(const struct onvif_login *login, const char *service, struct blob *out) {
    return envelope(login, "<GetCapabilities xmlns=\"http://www.onvif.org/ver10/device/wsdl\"><Category>",
                    service, "</Category></GetCapabilities>", out);
}

err onvif_profiles_request(const struct onvif_login *login, struct blob *out) {
    return envelope(login, "<GetProfiles xmlns=\"http://www.onvif.org/ver10/media/wsdl\"/>", "", "", out);
}

err onvif_stream_request(const struct onvif_login *login, const char *profile, struct blob *out) {
    return envelope(
        login,
        "<GetStreamUri xmlns=\"http://www.onvif.org/ver10/media/wsdl\"><StreamSetup>"
        "<Stream xmlns=\"http://www.onvif.org/ver10/schema\">RTP-Unicast</Stream>"
        "<Transport xmlns=\"http://www.onvif.org/ver10/schema\"><Protocol>RTSP</Protocol></Transport>"
        "</StreamSetup><ProfileToken>",
        profile, "</ProfileToken></GetStreamUri>", out);
}

err onvif_probe_build(const uint8_t random[16], char out_id[ONVIF_PROBE_ID_BYTES], struct blob *out) {
    char hex[33];
    hex_encode(BYTES(random, 16), hex);
    snprintf(out_id, ONVIF_PROBE_ID_BYTES, "urn:uuid:%.8s-%.4s-4%.3s-8%.3s-%.12s", hex, hex + 8, hex + 13,
             hex + 17, hex + 20);
    err e = onvif_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope "
                            "xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" "
                            "xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\"><s:Header>"
                            "<a:Action "
                            "s:mustUnderstand=\"1\">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</"
                            "a:Action><a:MessageID>");
    if (!e) e = onvif_text(out, out_id);
    if (!e)
        e = onvif_text(
            out,
            "</a:MessageID><a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/"
            "anonymous"
            "</a:Address></a:ReplyTo><a:To "
            "s:mustUnderstand=\"1\">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
            "</s:Header><s:Body><d:Probe xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\">"
            "<d:Types xmlns:n=\"http://www.onvif.org/ver10/network/wsdl\">n:NetworkVideoTransmitter</d:Types>"
            "</d:Probe></s:Body></s:Envelope>");
    return e;
}

/* --- Reading
 * ------------------------------------------------------------------------------------------------------ */

void onvif_document_free(xmlDoc **doc) {
    if (*doc) xmlFreeDoc(*doc);
}

static void silent(void *context, const char *format, ...) {
    (void)context;
    (void)format;
}

void onvif_prepare(void) {
    xmlInitParser();
}

/* SOAP forbids document types (SOAP 1.2 section 5), and with them go entities and all that they can do. */
static err document_parse(struct bytes body, size_t limit, xmlDoc **out, struct diag *d) {
    if (body.len > limit)
        return diag_fail(d, ERR_LIMIT, "the camera's ONVIF answer is larger than %zu KiB", limit >> 10);
    if (memmem(body.data, body.len, "<!DOCTYPE", 9) || memmem(body.data, body.len, "<!ENTITY", 8))
        return diag_fail(d, ERR_INVALID, "the camera's ONVIF answer holds a document type");
    xmlParserCtxt *ctxt = xmlNewParserCtxt();
    if (!ctxt) return ERR_NO_MEMORY;
    xmlSetGenericErrorFunc(NULL, silent);
    *out = xmlCtxtReadMemory(
        ctxt, (const char *)body.data, (int)body.len, NULL, "UTF-8", /* whatever it claims: no converters */
        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOBLANKS | XML_PARSE_NOCDATA);
    xmlFreeParserCtxt(ctxt);
    if (*out && (*out)->intSubset) { /* by another encoding's way of writing it */
        xmlFreeDoc(*out);
        *out = NULL;
    }
    return *out ? ERR_OK : diag_fail(d, ERR_INVALID, "the camera's ONVIF answer is no XML");
}

/* The next element of that name after `at` in document order, within `root`. Names compare without namespace:
 * cameras agree on the names, and not on the versions of the namespaces. */
xmlNode *onvif_find_after(xmlNode *root, xmlNode *at, const char *name) {
    for (xmlNode *n = at; n;) {
        if (n != at && n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0) return n;
        if (n->children && n->type == XML_ELEMENT_NODE) {
            n = n->children;
            continue;
        }
        while (n && n != root && !n->next) n = n->parent;
        if (!n || n == root) return NULL;
        n = n->next;
    }
    return NULL;
}

xmlNode *onvif_find(xmlNode *root, const char *name) {
    return root ? onvif_find_after(root, root, name) : NULL;
}

/* The element's own text, trimmed. False when it is empty, too long, or holds control characters. */
bool onvif_content(const xmlNode *n, char *out, size_t cap) {
    const xmlNode *t = n ? n->children : NULL;
    if (!t || (t->type != XML_TEXT_NODE && t->type != XML_CDATA_SECTION_NODE) || !t->content) return false;
    struct bytes value = text_trim(bytes_text((const char *)t->content));
    if (value.len == 0 || value.len >= cap) return false;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        bool space = c == '\t' || c == '\r' || c == '\n';
        if (c == 127 || (c < ' ' && !space)) return false;
        out[i] = space ? ' ' : (char)c;
    }
    out[value.len] = 0;
    return true;
}

static bool number(const xmlNode *n, uint64_t max, uint32_t *out) {
    char value[24];
    uint64_t v;
    if (!onvif_content(n, value, sizeof value) || !text_number(bytes_text(value), max, &v)) return false;
    *out = (uint32_t)v;
    return true;
}

static void printable(char *s) {
    for (; *s; s++)
        if (*s < ' ' || *s > '~') *s = '?';
}

static err fault(xmlNode *body, struct diag *d) {
    xmlNode *f = onvif_find(body, "Fault");
    if (!f) return ERR_OK;
    char value[ONVIF_TEXT_BYTES] = "", reason[80] = "without a reason";
    bool denied = false;
    for (xmlNode *n = f; (n = onvif_find_after(f, n, "Value"));)
        if (onvif_content(n, value, sizeof value))
            denied |= strstr(value, "NotAuthorized") || strstr(value, "FailedAuthentication");
    (void)onvif_content(onvif_find(f, "Text"), reason, sizeof reason);
    printable(reason);
    if (denied) return diag_fail(d, ERR_DENIED, "the camera refused the ONVIF user name or password");
    return diag_fail(d, ERR_UNSUPPORTED, "the camera refuses over ONVIF: %s", reason);
}

/* Reads an answer down to the element that it must hold. */
err onvif_answer(struct bytes raw, const char *name, xmlDoc **doc, xmlNode **out, struct diag *d) {
    err e = document_parse(raw, ONVIF_REPLY_MAX_BYTES, doc, d);
    if (e) return e;
    xmlNode *body = onvif_find(xmlDocGetRootElement(*doc), "Body");
    e = body ? fault(body, d) : ERR_OK;
    if (e) return e;
    *out = onvif_find(body, name);
    return *out ? ERR_OK : diag_fail(d, ERR_INVALID, "the camera's ONVIF answer has no %s", name);
}

err onvif_time_parse(struct bytes body, struct wall_us *out, struct diag *d) {
    AUTO(onvif_document_free) xmlDoc *doc = NULL;
    xmlNode *utc;
    err e = onvif_answer(body, "UTCDateTime", &doc, &utc, d);
    if (e) return e;
    static const struct {
        const char *name;
        uint32_t max;
    } fields[] = {{"Year", 2100}, {"Month", 12}, {"Day", 31}, {"Hour", 23}, {"Minute", 59}, {"Second", 60}};
    uint32_t v[6];
    for (size_t i = 0; i < 6; i++)
        if (!number(onvif_find(utc, fields[i].name), fields[i].max, &v[i]))
            return diag_fail(d, ERR_INVALID, "the camera's ONVIF time has no %s", fields[i].name);
    struct tm tm = {.tm_year = (int)v[0] - 1900,
                    .tm_mon = (int)v[1] - 1,
                    .tm_mday = (int)v[2],
                    .tm_hour = (int)v[3],
                    .tm_min = (int)v[4],
                    .tm_sec = (int)v[5]};
    time_t seconds = timegm(&tm);
    if (seconds < 0) return diag_fail(d, ERR_INVALID, "the camera's ONVIF time is before 1970");
    out->us = (int64_t)seconds * 1000000;
    return ERR_OK;
}

/* Takes "http://host:port/path" apart. */
static bool http_split(const char *address, char host[ONVIF_TEXT_BYTES], uint16_t *port, const char **path) {
    if (strncasecmp(address, "http://", 7) != 0) return false;
    const char *h = address + 7;
    size_t span = strcspn(h, "/?#"), host_len = span;
    uint64_t n = 80;
    const char *from = memchr(h, ']', span), *colon = from ? strchr(from, ':') : memchr(h, ':', span);
    if (colon && colon < h + span) {
        host_len = (size_t)(colon - h);
        if (!text_number(BYTES(colon + 1, span - host_len - 1), 65535, &n) || n == 0) return false;
    }
    *path = h[span] == '/' ? h + span : "/";
    if (host_len > 2 && h[0] == '[' && h[host_len - 1] == ']') {
        h++;
        host_len -= 2;
    }
    if (host_len == 0 || host_len >= ONVIF_TEXT_BYTES) return false;
    memcpy(host, h, host_len);
    host[host_len] = 0;
    *port = (uint16_t)n;
    for (const char *c = address; *c; c++)
        if (*c <= ' ' || *c > '~') return false;
    return true;
}

err onvif_address_take(xmlNode *at, uint16_t *out_port, char out_path[ONVIF_ADDRESS_BYTES]) {
    char address[ONVIF_ADDRESS_BYTES], host[ONVIF_TEXT_BYTES];
    const char *path;
    if (!onvif_content(at, address, sizeof address) || !http_split(address, host, out_port, &path))
        return ERR_INVALID;
    memcpy(out_path, path, strlen(path) + 1);
    return ERR_OK;
}

err onvif_service_parse(struct bytes body, const char *service, uint16_t *out_port,
                        char out_path[ONVIF_ADDRESS_BYTES], struct diag *d) {
    AUTO(onvif_document_free) xmlDoc *doc = NULL;
    xmlNode *found;
    err e = onvif_answer(body, service, &doc, &found, d);
    if (e) return e;
    if (onvif_address_take(onvif_find(found, "XAddr"), out_port, out_path))
        return diag_fail(d, ERR_INVALID, "the camera names no http address for its ONVIF %s service",
                         service);
    return ERR_OK;
}

err onvif_profiles_parse(struct bytes body, struct onvif_profile profiles[ONVIF_PROFILES_MAX],
                         size_t *out_count, struct diag *d) {
    AUTO(onvif_document_free) xmlDoc *doc = NULL;
    xmlNode *all;
    err e = onvif_answer(body, "GetProfilesResponse", &doc, &all, d);
    if (e) return e;
    size_t count = 0;
    for (xmlNode *n = all->children; n && count < ONVIF_PROFILES_MAX; n = n->next) {
        if (n->type != XML_ELEMENT_NODE || strcmp((const char *)n->name, "Profiles") != 0) continue;
        struct onvif_profile *p = &profiles[count];
        *p = (struct onvif_profile){0};
        xmlChar *token = xmlGetProp(n, (const xmlChar *)"token");
        bool fits = token && strlen((const char *)token) < sizeof p->token;
        if (fits) snprintf(p->token, sizeof p->token, "%s", (const char *)token);
        xmlFree(token);
        xmlNode *encoder = onvif_find(n, "VideoEncoderConfiguration");
        if (!fits || !onvif_content(onvif_find(encoder, "Encoding"), p->encoding, sizeof p->encoding))
            continue;
        (void)onvif_content(onvif_find(n, "Name"), p->name, sizeof p->name);
        xmlNode *size = onvif_find(encoder, "Resolution");
        (void)number(onvif_find(size, "Width"), 100000, &p->width);
        (void)number(onvif_find(size, "Height"), 100000, &p->height);
        count++;
    }
    *out_count = count;
    return count ? ERR_OK : diag_fail(d, ERR_UNSUPPORTED, "the camera has no ONVIF profile with video");
}

const struct onvif_profile *onvif_profile_choose(const struct onvif_profile *profiles, size_t count,
                                                 bool sub) {
    const struct onvif_profile *best = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct onvif_profile *p = &profiles[i];
        bool recordable =
            strncasecmp(p->encoding, "H264", 4) == 0 || strncasecmp(p->encoding, "H265", 4) == 0;
        uint64_t size = (uint64_t)p->width * p->height,
                 than = best ? (uint64_t)best->width * best->height : 0;
        if (recordable && (!best || (sub ? size < than : size > than))) best = p;
    }
    return best;
}

static bool percent_encoded(const char *in, char *out, size_t cap) {
    size_t n = 0;
    for (; *in; in++) {
        bool plain = (*in >= '0' && *in <= '9') || (*in >= 'a' && *in <= 'z') || (*in >= 'A' && *in <= 'Z') ||
                     strchr("-._~", *in);
        if (n + 4 > cap) return false;
        if (plain)
            out[n++] = *in;
        else
            n += (size_t)snprintf(out + n, 4, "%%%02X", (uint8_t)*in);
    }
    out[n] = 0;
    return true;
}

err onvif_stream_parse(struct bytes body, const char *host, const char *user, const char *password,
                       char out[ONVIF_ADDRESS_BYTES], struct diag *d) {
    AUTO(onvif_document_free) xmlDoc *doc = NULL;
    xmlNode *uri;
    char address[ONVIF_ADDRESS_BYTES], name[ONVIF_TEXT_BYTES * 3], secret[ONVIF_TEXT_BYTES * 3];
    err e = onvif_answer(body, "Uri", &doc, &uri, d);
    if (e) return e;
    bool tls = false;
    if (onvif_content(uri, address, sizeof address))
        tls = strncasecmp(address, "rtsps://", 8) == 0;
    else
        address[0] = 0;
    if (!tls && strncasecmp(address, "rtsp://", 7) != 0)
        return diag_fail(d, ERR_INVALID, "the camera's ONVIF answer names no rtsp address");
    const char *authority = address + (tls ? 8 : 7);
    size_t span = strcspn(authority, "/?");
    const char *at = memrchr(authority, '@', span), *from = at ? at + 1 : authority;
    const char *close = memchr(from, ']', span - (size_t)(from - authority));
    const char *colon =
        memchr(close ? close : from, ':', (size_t)(authority + span - (close ? close : from)));
    bool v6 = strchr(host, ':') != NULL, fits = !user || (percent_encoded(user, name, sizeof name) &&
                                                          percent_encoded(password, secret, sizeof secret));
    char *port = colon ? strndup(colon, (size_t)(authority + span - colon)) : NULL;
    int n = fits && (!colon || port)
                ? snprintf(out, ONVIF_ADDRESS_BYTES, "rtsp%s://%s%s%s%s%s%s%s%s%s", tls ? "s" : "",
                           user ? name : "", user ? ":" : "", user ? secret : "", user ? "@" : "",
                           v6 ? "[" : "", host, v6 ? "]" : "", port ? port : "", authority + span)
                : -1;
    free(port);
    wipe(secret, sizeof secret);
    return n > 0 && n < ONVIF_ADDRESS_BYTES
               ? ERR_OK
               : diag_fail(d, ERR_LIMIT, "the camera's stream address is too long");
}

static void scope_read(const char *scope, const char *prefix, char out[ONVIF_TEXT_BYTES]) {
    size_t len = strlen(prefix), n = 0;
    if (strncmp(scope, prefix, len) != 0 || out[0]) return;
    for (const char *c = scope + len; *c && *c != ' ' && n + 1 < ONVIF_TEXT_BYTES; c++) {
        unsigned code;
        if (*c == '%' && sscanf(c + 1, "%2x", &code) == 1 && c[1] && c[2]) {
            out[n++] = (char)code;
            c += 2;
        } else {
            out[n++] = *c;
        }
    }
    out[n] = 0;
    printable(out);
}

err onvif_probe_parse(struct bytes datagram, const char *id, struct onvif_device *out, struct diag *d) {
    AUTO(onvif_document_free) xmlDoc *doc = NULL;
    err e = document_parse(datagram, ONVIF_DATAGRAM_MAX_BYTES, &doc, d);
    if (e) return e;
    xmlNode *root = xmlDocGetRootElement(doc), *match = onvif_find(root, "ProbeMatch");
    char related[ONVIF_TEXT_BYTES] = "", list[4096] = "";
    if (!match || !onvif_content(onvif_find(root, "RelatesTo"), related, sizeof related) ||
        strcasecmp(related, id) != 0)
        return diag_fail(d, ERR_INVALID, "no answer to this probe");
    *out = (struct onvif_device){0};
    char *rest = list;
    bool named = onvif_content(onvif_find(match, "XAddrs"), list, sizeof list);
    for (char *one; named && !out->address[0] && (one = strsep(&rest, " \t"));) {
        const char *path;
        if (strlen(one) < sizeof out->address && http_split(one, out->host, &out->port, &path))
            memcpy(out->address, one, strlen(one) + 1);
    }
    if (!out->address[0]) return diag_fail(d, ERR_UNSUPPORTED, "a camera answers without an http address");
    rest = list;
    if (!onvif_content(onvif_find(match, "Scopes"), list, sizeof list)) return ERR_OK;
    for (char *one; (one = strsep(&rest, " \t\n"));) {
        scope_read(one, "onvif://www.onvif.org/name/", out->name);
        scope_read(one, "onvif://www.onvif.org/hardware/", out->hardware);
    }
    return ERR_OK;
}
