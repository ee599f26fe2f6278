#include "net/http_certificate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 8

/* GnuTLS uses what it was given until a handshake ends, and does not say when: what was replaced is kept.
 * Certificates change a few times a year. */
struct shown {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned int length;
    gnutls_privkey_t key;
    struct shown *before;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct shown *current;

static void shown_free(struct shown *s) {
    for (unsigned int i = 0; i < s->length; i++) gnutls_pcert_deinit(&s->chain[i]);
    if (s->key) gnutls_privkey_deinit(s->key);
    free(s);
}

/* The key is the leaf's, if their public halves have one name. */
static bool fits(const struct shown *s) {
    unsigned char of_cert[64], of_key[64];
    size_t cert_len = sizeof of_cert, key_len = sizeof of_key;
    gnutls_pubkey_t public_key;
    if (gnutls_pubkey_init(&public_key)) return false;
    bool both = !gnutls_pubkey_get_key_id(s->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, of_cert, &cert_len) &&
                !gnutls_pubkey_import_privkey(public_key, s->key, 0, 0) &&
                !gnutls_pubkey_get_key_id(public_key, GNUTLS_KEYID_USE_SHA256, of_key, &key_len);
    gnutls_pubkey_deinit(public_key);
    return both && cert_len == key_len && memcmp(of_cert, of_key, cert_len) == 0;
}

static err load(struct shown *s, const char *cert_pem, const char *key_pem, struct diag *d) {
    gnutls_datum_t cert = {(unsigned char *)(uintptr_t)cert_pem, (unsigned int)strlen(cert_pem)};
    gnutls_datum_t key = {(unsigned char *)(uintptr_t)key_pem, (unsigned int)strlen(key_pem)};
    unsigned int length = CHAIN_MAX;
    int why = gnutls_pcert_list_import_x509_raw(s->chain, &length, &cert, GNUTLS_X509_FMT_PEM, 0);
    if (why) return diag_fail(d, ERR_INVALID, "the certificate is not PEM: %s", gnutls_strerror(why));
    s->length = length;
    why = gnutls_privkey_init(&s->key);
    if (!why) why = gnutls_privkey_import_x509_raw(s->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (why) return diag_fail(d, ERR_INVALID, "the certificate's key is not PEM: %s", gnutls_strerror(why));
    return fits(s) ? ERR_OK : diag_fail(d, ERR_INVALID, "the key is not that of the certificate");
}

err http_certificate_set(const char *cert_pem, const char *key_pem, struct diag *d) {
    struct shown *s = calloc(1, sizeof *s);
    if (!s) return diag_fail(d, ERR_NO_MEMORY, "no memory for a certificate");
    err e = load(s, cert_pem, key_pem, d);
    if (e) {
        shown_free(s);
        return e;
    }
    pthread_mutex_lock(&lock);
    s->before = current;
    current = s;
    pthread_mutex_unlock(&lock);
    return ERR_OK;
}

int http_certificate_get(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                         const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                         gnutls_pcert_st **chain, unsigned int *chain_length, gnutls_privkey_t *key) {
    pthread_mutex_lock(&lock);
    struct shown *s = current;
    pthread_mutex_unlock(&lock);
    if (!s) return -1;
    *chain = s->chain;
    *chain_length = s->length;
    *key = s->key;
    return 0;
}
