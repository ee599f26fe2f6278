/* models.h: the models that a hub can have its vision look with, and their files, checked.
 *
 * DIR/models/NAME/manifest.json   envelope (domain "cardea/1 model") by this hub, of a model that the owner
 * added:
 *                                 {"v":1,"name","kind","width","height","labels","thresholds","files":[{"name",
 *                                 "bytes","sha256"}],"licence","origin","lineage":[text],"figures":{}}
 * DIR/models/NAME/FILE            its files; those of a published model too, without a manifest: the hashes
 * of what is published are compiled in (vision/published.h) DIR/models/.part                what arrives of a
 * file
 *
 * Threads: the recording loop. */
#ifndef CARDEA_HUB_MODELS_H
#define CARDEA_HUB_MODELS_H

#include "base/file.h"
#include "crypto/sign.h"
#include "vision/published.h"

#define MODEL_DOMAIN "cardea/1 model"
#define MODEL_MANIFEST_MAX_BYTES (32u << 10)
#define MODEL_FILE_NAME_MAX_BYTES 64
#define MODEL_PIECE_MAX_BYTES (40u << 10) /* of a file in one command */
#define MODELS_MAX 32                     /* of the owner's */
#define MODELS_BYTES_MAX (UINT64_C(512) << 20)

struct model_file {
    char name[MODEL_FILE_NAME_MAX_BYTES + 1], path[PATH_TEXT_BYTES];
    uint32_t bytes;
    uint8_t sha256[32];
};

struct model {
    struct vision_detector detector; /* `files` is set */
    bool own;                        /* the owner's, with a manifest; else published */
    char licence[80];
    size_t file_count;
    struct model_file files[VISION_MODEL_FILES_MAX];
};

struct models {
    char folder[PATH_TEXT_BYTES];    /* DIR/models */
    char published[PATH_TEXT_BYTES]; /* a folder of published weights; may be empty */
    char builtin[PATH_TEXT_BYTES];   /* the weights of the built-in classifier; may be empty */
    const struct sign_key *sign;     /* the hub's; borrowed */
};

#define MODEL_BUILTIN "motion-classifier" /* the name of the built-in classifier of motion crops */

/* `published`, `builtin`: as in struct models, or NULL. Does not touch the disk. ERR_LIMIT: a path is too
 * long. */
err models_init(struct models *m, const char *data, const char *published, const char *builtin,
                const struct sign_key *sign, struct diag *d) CHECKED;

/* ERR_NOT_FOUND: no such model here (d says whether it could be fetched).   ERR_FORGED, ERR_INVALID: a
 * manifest that is not this hub's, or says what it must not. */
err models_find(const struct models *m, const char *name, struct model *out, struct diag *d) CHECKED;

/* The first of the published that is here, faster than `than` if that is no NULL; else the built-in
 * classifier. ERR_NOT_FOUND. */
err models_default(const struct models *m, const char *than, struct model *out, struct diag *d) CHECKED;

/* Reads the file, checks its hash, and copies it into sealed memory, which is what *fd gets: nobody changes
 * it any more, whoever else holds the file. ERR_FORGED  another hash      ERR_INVALID  another size
 * ERR_NOT_FOUND, ERR_IO */
err model_file_open(const struct model_file *f, int *fd, struct diag *d) CHECKED;

/* The two files for faces. ERR_NOT_FOUND. */
err models_faces(const struct models *m, struct model_file out[2], struct diag *d) CHECKED;

/* [{"name","kind","here":bool,"own":bool,"licence","address":bool}]; NULL: out of memory. */
json_t *models_list(const struct models *m);

/* One piece of a file of a model that is being added (model.add; the members of args are checked and taken).
 * When the last has come, the hash is checked, the manifest signed, and *whole becomes true. Published models
 * need no more than name and file, and must have the published hash. */
err models_add(struct models *m, json_t *args, bool *whole, struct diag *d) CHECKED;
/* Deletes the files of a model in DIR/models; weights elsewhere stay. ERR_NOT_FOUND: none of it is there. */
err models_remove(struct models *m, const char *name, struct diag *d) CHECKED;

#endif
