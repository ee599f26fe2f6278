#include "cli/authority.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/file.h"

#define DAY_S 86400
#define FILE_MAX_BYTES (64u << 10)
#define TEXT_BYTES 8192

static void release_key(EVP_PKEY **key) {
    EVP_PKEY_free(*key);
}
static void release_cert(X509 **cert) {
    X509_free(*cert);
}
static void release_bio(BIO **bio) {
    BIO_free_all(*bio);
}

static const char constraints[] =
    "critical,permitted;IP:10.0.0.0/255.0.0.0,permitted;IP:172.16.0.0/255.240.0.0,"
    "permitted;IP:192.168.0.0/255.255.0.0,permitted;IP:169.254.0.0/255.255.0.0,permitted;IP:127.0.0.0/"
    "255.0.0.0,"
    "permitted;IP:100.64.0.0/255.192.0.0,permitted;IP:fc00::/fe00::,permitted;IP:fe80::/ffc0::,"
    "permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,"
    "permitted;DNS:local,permitted;DNS:localhost";

static bool private_v4(const struct in_addr *address) {
    uint32_t a = ntohl(address->s_addr);
    return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 16 == 0xa9fe || a >> 22 == 0x191;
}

static bool private_v6(const struct in6_addr *address) {
    return (address->s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(address);
}

void authority_names_of_host(struct authority_names *out) {
    *out = (struct authority_names){0};
    if (gethostname(out->host, sizeof out->host - 1)) out->host[0] = 0;
    char *dot = strchr(out->host, '.');
    if (dot) *dot = 0;
    if (strcmp(out->host, "localhost") == 0) out->host[0] = 0;
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list)) return;
    for (struct ifaddrs *i = list; i && out->count < AUTHORITY_NAMES_MAX; i = i->ifa_next) {
        if (!i->ifa_addr || !(i->ifa_flags & IFF_UP)) continue;
        char *text = out->addresses[out->count];
        const void *raw = NULL;
        if (i->ifa_addr->sa_family == AF_INET) {
            const struct in_addr *v4 = &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr;
            if (private_v4(v4)) raw = v4;
        } else if (i->ifa_addr->sa_family == AF_INET6) {
            const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
            if (private_v6(v6)) raw = v6;
        }
        if (raw && inet_ntop(i->ifa_addr->sa_family, raw, text, sizeof out->addresses[0])) out->count++;
    }
    freeifaddrs(list);
}

static err crypto_failed(struct diag *d, const char *what) {
    return diag_fail(d, ERR_IO, "making the %s failed inside OpenSSL", what);
}

static err paths(const char *folder, const char *name, char cert[PATH_TEXT_BYTES], char key[PATH_TEXT_BYTES],
                 struct diag *d) {
    int n = snprintf(cert, PATH_TEXT_BYTES, "%s/%s.crt", folder, name);
    int m = snprintf(key, PATH_TEXT_BYTES, "%s/%s.key", folder, name);
    if (n >= PATH_TEXT_BYTES || m >= PATH_TEXT_BYTES)
        return diag_fail(d, ERR_LIMIT, "the path %s is too long", folder);
    return ERR_OK;
}

static err load_cert(const char *path, X509 **out, struct diag *d) {
    AUTO(blob_clear) struct blob pem = {0};
    err e = file_read(path, FILE_MAX_BYTES, &pem, d);
    if (e) return e;
    AUTO(release_bio) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    if (bio) *out = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (!bio || !*out)
        return diag_fail(d, ERR_INVALID, "%s is not a certificate: move it away and start again", path);
    return ERR_OK;
}

static err load_key(const char *path, EVP_PKEY **out, struct diag *d) {
    AUTO(blob_clear) struct blob pem = {0};
    err e = file_read(path, FILE_MAX_BYTES, &pem, d);
    if (e) return e;
    AUTO(release_bio) BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    if (bio) *out = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    if (!bio || !*out)
        return diag_fail(d, ERR_INVALID, "%s is not a private key: move it away and start again", path);
    return ERR_OK;
}

static err save(const char *path, BIO *bio, mode_t mode, struct diag *d) {
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    if (len <= 0) return crypto_failed(d, "file");
    return file_replace(path, BYTES(data, (size_t)len), mode, d);
}

static err save_pair(const char *folder, const char *name, X509 *cert, X509 *chain, EVP_PKEY *key,
                     struct diag *d) {
    char cert_path[PATH_TEXT_BYTES], key_path[PATH_TEXT_BYTES];
    err e = paths(folder, name, cert_path, key_path, d);
    if (e) return e;
    AUTO(release_bio) BIO *key_bio = BIO_new(BIO_s_secmem());
    AUTO(release_bio) BIO *cert_bio = BIO_new(BIO_s_mem());
    if (!key_bio || !cert_bio || !PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) ||
        !PEM_write_bio_X509(cert_bio, cert) || (chain && !PEM_write_bio_X509(cert_bio, chain)))
        return crypto_failed(d, "certificate");
    /* The key first: a crash between the two leaves a pair that does not fit, which the next start replaces.
     */
    e = save(key_path, key_bio, 0600, d);
    return e ? e : save(cert_path, cert_bio, 0644, d);
}

static bool extend(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!extension) return false;
    int ok = X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    return ok == 1;
}

/* A certificate without extensions and signature; valid from a day ago, since clocks differ. */
static X509 *begin_cert(EVP_PKEY *key, const char *name, int days, struct wall_us now) {
    X509 *cert = X509_new();
    uint8_t serial[16];
    if (!cert || RAND_bytes(serial, sizeof serial) != 1) return cert;
    serial[0] = (uint8_t)(serial[0] & 0x7f) | 1;
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    time_t start = (time_t)(now.us / 1000000);
    X509_NAME *subject = X509_get_subject_name(cert);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) &&
              X509_set_version(cert, 2) && X509_time_adj_ex(X509_getm_notBefore(cert), -1, 0, &start) &&
              X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, &start) && X509_set_pubkey(cert, key) &&
              X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const uint8_t *)"Cardea", -1, -1, 0) &&
              X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0);
    BN_free(number);
    if (ok) return cert;
    X509_free(cert);
    return NULL;
}

err authority_make(const char *folder, const char *host, struct wall_us now, struct diag *d) {
    char cert_path[PATH_TEXT_BYTES], key_path[PATH_TEXT_BYTES];
    err e = folder_make(folder, d);
    if (!e) e = paths(folder, "ca", cert_path, key_path, d);
    if (e) return e;
    if (access(cert_path, F_OK) == 0 && access(key_path, F_OK) == 0) {
        AUTO(release_cert) X509 *old_cert = NULL;
        AUTO(release_key) EVP_PKEY *old_key = NULL;
        e = load_cert(cert_path, &old_cert, d);
        return e ? e : load_key(key_path, &old_key, d);
    }
    char name[64], permitted[1024];
    snprintf(name, sizeof name, "Cardea home %.40s", host);
    snprintf(permitted, sizeof permitted, "%s%s%.200s", constraints, *host ? ",permitted;DNS:" : "", host);
    AUTO(release_key) EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTO(release_cert) X509 *cert = key ? begin_cert(key, name, AUTHORITY_DAYS, now) : NULL;
    if (!cert || !X509_set_issuer_name(cert, X509_get_subject_name(cert)) ||
        !extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !extend(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !extend(cert, cert, NID_subject_key_identifier, "hash") ||
        !extend(cert, cert, NID_name_constraints, permitted) || !X509_sign(cert, key, EVP_sha256()))
        return crypto_failed(d, "certificate authority");
    return save_pair(folder, "ca", cert, NULL, key, d);
}

static size_t append_name(char *text, size_t at, const char *kind, const char *name) {
    int n = snprintf(text + at, TEXT_BYTES - at, "%s%s:%s", at ? "," : "", kind, name);
    return n < 0 || at + (size_t)n >= TEXT_BYTES ? at : at + (size_t)n;
}

static void names_text(const struct authority_names *names, bool bare_host, char out[TEXT_BYTES]) {
    size_t at = append_name(out, 0, "DNS", "localhost");
    at = append_name(out, at, "IP", "127.0.0.1");
    at = append_name(out, at, "IP", "::1");
    if (*names->host) {
        char local[sizeof names->host + 8];
        snprintf(local, sizeof local, "%s.local", names->host);
        at = append_name(out, at, "DNS", local);
        if (bare_host) at = append_name(out, at, "DNS", names->host);
    }
    for (size_t i = 0; i < names->count; i++) at = append_name(out, at, "IP", names->addresses[i]);
}

static bool names_all(X509 *cert, const struct authority_names *names) {
    char local[sizeof names->host + 8];
    snprintf(local, sizeof local, "%s.local", names->host);
    if (*names->host && X509_check_host(cert, local, 0, 0, NULL) != 1) return false;
    for (size_t i = 0; i < names->count; i++)
        if (X509_check_ip_asc(cert, names->addresses[i], 0) != 1) return false;
    return true;
}

static int64_t seconds_left(X509 *cert, struct wall_us now) {
    time_t at = (time_t)(now.us / 1000000);
    ASN1_TIME *now_asn1 = ASN1_TIME_set(NULL, at);
    int days = 0, seconds = 0;
    if (now_asn1) ASN1_TIME_diff(&days, &seconds, now_asn1, X509_get0_notAfter(cert));
    ASN1_TIME_free(now_asn1);
    return (int64_t)days * DAY_S + seconds;
}

static X509 *sign_server(X509 *ca, EVP_PKEY *ca_key, EVP_PKEY *key, const struct authority_names *names,
                         bool bare_host, struct wall_us now) {
    char text[TEXT_BYTES];
    names_text(names, bare_host, text);
    X509 *cert = begin_cert(key, *names->host ? names->host : "localhost", AUTHORITY_SERVER_DAYS, now);
    if (!cert) return NULL;
    if (X509_set_issuer_name(cert, X509_get_subject_name(ca)) &&
        extend(cert, ca, NID_basic_constraints, "critical,CA:FALSE") &&
        extend(cert, ca, NID_key_usage, "critical,digitalSignature") &&
        extend(cert, ca, NID_ext_key_usage, "serverAuth") && extend(cert, ca, NID_subject_alt_name, text) &&
        extend(cert, ca, NID_authority_key_identifier, "keyid") && X509_sign(cert, ca_key, EVP_sha256()))
        return cert;
    X509_free(cert);
    return NULL;
}

/* The common name counts as a DNS name for constraints only where there is no alternative name, so this sees
 * SANs. */
static bool within_constraints(X509 *ca, X509 *cert) {
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(ca, NID_name_constraints, NULL, NULL);
    X509_check_purpose(cert, -1, 0); /* reads the extensions of a certificate that was just made */
    bool ok = nc && NAME_CONSTRAINTS_check(cert, nc) == X509_V_OK;
    NAME_CONSTRAINTS_free(nc);
    return ok;
}

/* True when the server's pair is there, signed by this authority, and good for `names` long enough. */
static bool still_good(const char *folder, X509 *ca, const struct authority_names *names,
                       struct wall_us now) {
    char cert_path[PATH_TEXT_BYTES], key_path[PATH_TEXT_BYTES];
    AUTO(release_cert) X509 *cert = NULL;
    AUTO(release_key) EVP_PKEY *key = NULL;
    struct diag ignored;
    if (paths(folder, "server", cert_path, key_path, &ignored) || load_cert(cert_path, &cert, &ignored) ||
        load_key(key_path, &key, &ignored))
        return false;
    return X509_check_private_key(cert, key) == 1 && X509_verify(cert, X509_get0_pubkey(ca)) == 1 &&
           names_all(cert, names) && seconds_left(cert, now) > (int64_t)AUTHORITY_RENEW_DAYS * DAY_S;
}

err authority_issue(const char *folder, const struct authority_names *names, struct wall_us now,
                    bool *changed, struct diag *d) {
    char cert_path[PATH_TEXT_BYTES], key_path[PATH_TEXT_BYTES];
    AUTO(release_cert) X509 *ca = NULL;
    AUTO(release_key) EVP_PKEY *ca_key = NULL;
    err e = paths(folder, "ca", cert_path, key_path, d);
    if (!e) e = load_cert(cert_path, &ca, d);
    if (!e) e = load_key(key_path, &ca_key, d);
    if (e) return e;
    *changed = !still_good(folder, ca, names, now);
    if (!*changed) return ERR_OK;
    AUTO(release_key) EVP_PKEY *key = EVP_EC_gen("P-256");
    AUTO(release_cert) X509 *cert = key ? sign_server(ca, ca_key, key, names, true, now) : NULL;
    if (cert && !within_constraints(ca, cert)) { /* the host was renamed since the authority was made */
        X509_free(cert);
        cert = sign_server(ca, ca_key, key, names, false, now);
    }
    if (!cert || !within_constraints(ca, cert)) return crypto_failed(d, "server's certificate");
    return save_pair(folder, "server", cert, ca, key, d);
}

err authority_fingerprint(const char *folder, char out[AUTHORITY_FINGERPRINT_BYTES], struct diag *d) {
    char cert_path[PATH_TEXT_BYTES], key_path[PATH_TEXT_BYTES];
    AUTO(release_cert) X509 *cert = NULL;
    err e = paths(folder, "ca", cert_path, key_path, d);
    if (!e) e = load_cert(cert_path, &cert, d);
    if (e) return e;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!X509_digest(cert, EVP_sha256(), digest, &len) || len != 32) return crypto_failed(d, "fingerprint");
    for (unsigned i = 0; i < len; i++) snprintf(out + 3 * i, 4, i + 1 < len ? "%02X:" : "%02X", digest[i]);
    return ERR_OK;
}

err authority_server_left(const char *folder, struct wall_us now, int64_t *out_s, struct diag *d) {
    char cert_path[PATH_TEXT_BYTES], key_path[PATH_TEXT_BYTES];
    AUTO(release_cert) X509 *cert = NULL;
    err e = paths(folder, "server", cert_path, key_path, d);
    if (!e) e = load_cert(cert_path, &cert, d);
    if (e) return e;
    *out_s = seconds_left(cert, now);
    return ERR_OK;
}
