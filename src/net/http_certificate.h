/* http_certificate.h: the certificate that TLS listeners show, replaceable while they serve. One for the
 * process, since libmicrohttpd asks for it without saying for whom. Threads: any. */
#ifndef CARDEA_NET_HTTP_CERTIFICATE_H
#define CARDEA_NET_HTTP_CERTIFICATE_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* PEM texts: a chain, leaf first, and its key. On failure what was shown before still is.
 *   ERR_INVALID  not PEM, or the key is another's */
err http_certificate_set(const char *cert_pem, const char *key_pem, struct diag *d) CHECKED;

/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
int http_certificate_get(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                         const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                         gnutls_pcert_st **chain, unsigned int *chain_length, gnutls_privkey_t *key);

#endif
