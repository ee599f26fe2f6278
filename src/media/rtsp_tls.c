#include "media/rtsp_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>

struct rtsp_tls {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
    bool wants_write;
};

/* OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE, and waits unless the descriptor says
 * otherwise. */
static int bio_write(BIO *bio, const char *data, int len) {
    const struct rtsp_tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t n = send(t->fd, data, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return (int)n;
}

static int bio_read(BIO *bio, char *data, int len) {
    const struct rtsp_tls *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t n = recv(t->fd, data, (size_t)len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO *bio_make(struct rtsp_tls *t) {
    static BIO_METHOD *method;
    if (!method) {
        BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "camera socket");
        if (!made || BIO_meth_set_write(made, bio_write) != 1 || BIO_meth_set_read(made, bio_read) != 1 ||
            BIO_meth_set_ctrl(made, bio_ctrl) != 1) {
            BIO_meth_free(made);
            return NULL;
        }
        method = made;
    }
    BIO *bio = BIO_new(method);
    if (!bio) return NULL;
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    return bio;
}

err rtsp_tls_prepare(struct diag *d) {
    /* No configuration file: a sandbox may forbid it, and it could weaken what is set here. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return diag_fail(d, ERR_IO, "OpenSSL does not start");
    SSL_CTX *first = SSL_CTX_new(TLS_client_method()); /* loads algorithms and draws first random bytes */
    SSL_CTX_free(first);
    return first ? ERR_OK : ERR_NO_MEMORY;
}

err rtsp_tls_new(int fd, const char *host, struct rtsp_tls **out, struct diag *d) {
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return diag_fail(d, ERR_IO, "OpenSSL does not start");
    struct rtsp_tls *t = calloc(1, sizeof *t);
    if (!t) return ERR_NO_MEMORY;
    t->fd = fd;
    t->ctx = SSL_CTX_new(TLS_client_method());
    bool ok = t->ctx && SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) == 1;
    if (ok) {
        SSL_CTX_set_verify(t->ctx, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                     SSL_MODE_RELEASE_BUFFERS);
        t->ssl = SSL_new(t->ctx);
    }
    BIO *bio = t->ssl ? bio_make(t) : NULL;
    if (!bio) {
        rtsp_tls_free(t);
        return diag_fail(d, ERR_NO_MEMORY, "TLS could not be set up");
    }
    SSL_set_bio(t->ssl, bio, bio);
    uint8_t address[16];
    bool numeric = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    if (!numeric) (void)SSL_set_tlsext_host_name(t->ssl, host);
    SSL_set_connect_state(t->ssl);
    *out = t;
    return ERR_OK;
}

void rtsp_tls_free(struct rtsp_tls *t) {
    if (!t) return;
    SSL_free(t->ssl);
    SSL_CTX_free(t->ctx);
    free(t);
}

/* Turns a result of OpenSSL into recv's and send's. */
static ssize_t result(struct rtsp_tls *t, int n) {
    t->wants_write = false;
    if (n > 0) return n;
    int why = SSL_get_error(t->ssl, n);
    ERR_clear_error();
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        t->wants_write = why == SSL_ERROR_WANT_WRITE;
        errno = EAGAIN;
        return -1;
    }
    errno = EPROTO;
    return -1;
}

err rtsp_tls_handshake(struct rtsp_tls *t, struct diag *d) {
    ssize_t n = result(t, SSL_do_handshake(t->ssl));
    if (n > 0) return ERR_OK;
    if (n < 0 && errno == EAGAIN) return ERR_BUSY;
    return diag_fail(d, ERR_UNREACHABLE, "the camera does not speak TLS 1.2 or later on this port");
}

err rtsp_tls_fingerprint(const struct rtsp_tls *t, char out[65]) {
    X509 *certificate = SSL_get1_peer_certificate(t->ssl);
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool ok = certificate && X509_digest(certificate, EVP_sha256(), hash, &len) == 1 && len == 32;
    X509_free(certificate);
    if (!ok) return ERR_INVALID;
    hex_encode(BYTES(hash, 32), out);
    return ERR_OK;
}

ssize_t rtsp_tls_recv(struct rtsp_tls *t, void *data, size_t len) {
    ERR_clear_error();
    return result(t, SSL_read(t->ssl, data, len > INT32_MAX ? INT32_MAX : (int)len));
}

ssize_t rtsp_tls_send(struct rtsp_tls *t, const void *data, size_t len) {
    ERR_clear_error();
    return result(t, SSL_write(t->ssl, data, len > INT32_MAX ? INT32_MAX : (int)len));
}

bool rtsp_tls_wants_write(const struct rtsp_tls *t) {
    return t->wants_write;
}
