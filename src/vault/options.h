/* options.h: the vault's command line (docs/programs.md), and the stores that it names. */
#ifndef CARDEA_VAULT_OPTIONS_H
#define CARDEA_VAULT_OPTIONS_H

#include "vault/vault.h"

#define OPTIONS_LISTEN_MAX 4

enum vault_mode { MODE_SERVE, MODE_FSCK, MODE_BACKUP, MODE_RESTORE };

struct options {
    enum vault_mode mode;
    const char *listen[OPTIONS_LISTEN_MAX];
    size_t listen_count;
    const char *index, *blobs, *bus, *tls_cert, *tls_key, *web, *setup_code_file, *ca_file, *ca_listen,
        *metrics_listen, *folder, *staff_key;
    enum vault_signup signup;
    uint64_t quota_bytes;
    unsigned sweep_s;
    int ready_fd; /* -1: none */
    bool proxy, mend, json;
};

/* ERR_INVALID with the right use in d. */
err options_read(int argc, char **argv, struct options *out, struct diag *d) CHECKED;
extern const char options_use[];

/* `sqlite:PATH` is a folder, or a file that ends in .db: then its folder. */
err options_folder(const struct options *o, char out[4096], struct diag *d) CHECKED;

/* Opens index, accounts, blobs, bus and the secret. */
err stores_open(struct vault *v, const struct options *o, struct diag *d) CHECKED;
/* The access log beside the index; none with a memory index. */
err log_open_beside(struct vault *v, const struct options *o, struct diag *d) CHECKED;
/* The same with the blobs as they rest, behind their veil: to copy them. */
err stores_open_bare(struct vault *v, const struct options *o, struct diag *d) CHECKED;
/* Just the blobs as they rest. */
err blobs_open(struct vault *v, const struct options *o, struct diag *d) CHECKED;
#endif
