#include "vault/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "vault/vault.h"
#include "vault/web_release.h"

/* Everything a page may load comes from here; nothing may frame it, and it sends no forms and runs no inline
 * code. */
#define CONTENT_POLICY                                                                                       \
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: "      \
    "data:; "                                                                                                \
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "  \
    "form-action 'none'; frame-ancestors 'none'"
#define DATA_POLICY "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
#define PERMISSIONS                                                                                          \
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "                \
    "magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=(), autoplay=(self), "              \
    "fullscreen=(self), "                                                                                    \
    "picture-in-picture=(self), screen-wake-lock=(self)"

static const struct {
    const char *end, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".map", "application/json"},
    {".wasm", "application/wasm"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
};

static const char *type_of(const char *path) {
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t n = strlen(types[i].end);
        if (len > n && strcmp(path + len - n, types[i].end) == 0) return types[i].type;
    }
    return "application/octet-stream";
}

static bool set(const struct http_reply *r, const char *name) {
    for (size_t i = 0; i < r->header_count; i++)
        if (strcmp(r->headers[i].name, name) == 0) return true;
    return false;
}

void pages_dress(const struct http_request *request, struct http_reply *r) {
    bool data = strncmp(request->target.path ? request->target.path : "", "/v1/", 4) == 0;
    http_reply_header(r, "X-Content-Type-Options", "nosniff");
    http_reply_header(r, "Referrer-Policy", "no-referrer");
    http_reply_header(r, "Cross-Origin-Resource-Policy", "same-origin");
    http_reply_header(r, "Content-Security-Policy", "%s", data ? DATA_POLICY : CONTENT_POLICY);
    if (!data) http_reply_header(r, "Cross-Origin-Opener-Policy", "same-origin");
    if (!data) http_reply_header(r, "Permissions-Policy", "%s", PERMISSIONS);
    if (!data) http_reply_header(r, "X-Frame-Options", "DENY");
    if (!set(r, "Cache-Control")) http_reply_header(r, "Cache-Control", "no-store");
}

static void not_found(struct http_reply *r) {
    reply_error(r, 404, "not_found", "there is nothing at this address");
}

/* No hidden files, no folders; what the path may hold was checked when it was parsed. */
static int open_file(const struct pages *pages, const char *path, const char *suffix, struct stat *info) {
    char full[PATH_MAX];
    if (strstr(path, "/.")) return -1;
    int n = snprintf(full, sizeof full, "%s%s%s", pages->folder, path, suffix);
    if (n < 0 || n >= (int)sizeof full) return -1;
    int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, info) || !S_ISREG(info->st_mode))) fd_close(&fd);
    return fd;
}

static bool takes_gzip(const struct http_request *request) {
    const char *value = http_header(request, "Accept-Encoding");
    const char *at = value ? strstr(value, "gzip") : NULL;
    return at && strncmp(at + 4, ";q=0", 4) != 0;
}

/* esbuild puts a hash of the content into the names of what pages refer to: NAME-XXXXXXXX.js */
static bool hashed_name(const char *path) {
    const char *name = strrchr(path, '/'), *dash = strrchr(name ? name : path, '-');
    return dash && strspn(dash + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == 8 && dash[9] == '.';
}

static void answer_file(struct http_request *request, const char *path, int fd, const struct stat *info,
                        bool gzip, struct http_reply *r) {
    char etag[64];
    snprintf(etag, sizeof etag, "\"%llx-%llx%s\"", (unsigned long long)info->st_size,
             (unsigned long long)info->st_mtim.tv_sec * 1000 +
                 (unsigned long long)info->st_mtim.tv_nsec / 1000000,
             gzip ? "z" : "");
    http_reply_header(r, "ETag", "%s", etag);
    http_reply_header(r, "Vary", "Accept-Encoding");
    http_reply_header(r, "Cache-Control", "%s",
                      hashed_name(path) ? "public, max-age=31536000, immutable" : "no-cache");
    if (gzip) http_reply_header(r, "Content-Encoding", "gzip");
    const char *match = http_header(request, "If-None-Match");
    if (match && strstr(match, etag)) {
        close(fd);
        r->status = 304;
        return;
    }
    r->status = 200;
    r->type = type_of(path);
    r->fd = fd;
    r->fd_bytes = (uint64_t)info->st_size;
}

/* Each page's own addresses (/cameras/…, /share/, /desk/tickets/…) are views of that one page: which file it
 * is. */
static const char *page_of(const char *path) {
    static const struct {
        const char *folder, *file;
    } pages[] = {{"/share", "/share/index.html"}, {"/desk", "/desk/index.html"}};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        size_t n = strlen(pages[i].folder);
        if (strncmp(path, pages[i].folder, n) == 0 && (path[n] == 0 || path[n] == '/')) return pages[i].file;
    }
    return "/index.html";
}

/* Another file than its release has: the pages are being built or installed anew, or somebody changed them.
 * To a browser that is a page, which asks again. */
static void not_now(const struct http_request *request, struct http_reply *r) {
    static const char page[] =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\">"
        "<title>Cardea</title><p>This page is not the one of its release, and is not sent. It may be being "
        "installed just now: this asks again in a moment. If it stays so, whoever runs this vault must "
        "install "
        "the pages again.</p>\n";
    const char *accept = http_header(request, "Accept");
    AUTO(blob_clear) struct blob text = {0};
    if (accept && strstr(accept, "text/html") && blob_append(&text, bytes_text(page)) == ERR_OK)
        reply_text(r, 503, "text/html; charset=utf-8", &text);
    else
        reply_error(r, 503, "busy",
                    "this page's file is not the one of its release, and is not sent: the pages are being "
                    "installed, or whoever runs this vault must install them again");
    http_reply_header(r, "Retry-After", "%d", 5);
}

void pages_serve(const struct pages *pages, struct http_request *request, struct http_reply *r) {
    const char *path = request->target.path;
    bool read = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    if (!pages || strncmp(path, "/v1/", 4) == 0) {
        not_found(r);
        return;
    }
    if (!read) {
        reply_error(r, 405, "invalid", "this address does not take that method");
        http_reply_header(r, "Allow", "GET, HEAD");
        return;
    }
    struct stat info;
    bool gzip = takes_gzip(request);
    char name[PATH_MAX];
    const char *last = strrchr(path, '/');
    if (!last || !strchr(last, '.')) path = page_of(path);
    int fd = gzip ? open_file(pages, path, ".gz", &info) : -1;
    if (fd < 0) {
        gzip = false;
        fd = open_file(pages, path, "", &info);
    }
    int n = snprintf(name, sizeof name, "%s%s", path, gzip ? ".gz" : "");
    struct web_release *release = atomic_load(&pages->release);
    if (fd < 0 || n >= (int)sizeof name) {
        fd_close(&fd);
        not_found(r);
    } else if (release && !web_release_allows(release, name, fd, &info)) {
        fd_close(&fd);
        not_now(request, r);
    } else
        answer_file(request, path, fd, &info, gzip, r);
}

/* --- the release --- */

#define RETRY_US 5000000 /* while files are not as a new list says */

static bool list_stat(const struct pages *pages, struct stat *out) {
    char path[PATH_TEXT_BYTES];
    return !path_join(path, pages->folder, &RELEASE_PATH[1]) && stat(path, out) == 0;
}

err pages_open(struct pages *pages, struct vault *v, struct diag *d) {
    struct web_release *release = NULL;
    (void)list_stat(pages, &pages->list);
    err e = web_release_open(pages->folder, false, &release, d);
    if (e == ERR_NOT_FOUND) {
        log_warning("%s has no release.json: nobody can hold these pages against the log", pages->folder);
        return ERR_OK;
    }
    if (!e && v->log) e = web_release_log(release, v, pages->log_folder, d);
    atomic_store(&pages->release, release);
    return e;
}

static bool same_list(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

void pages_refresh(struct pages *pages, struct vault *v) {
    struct web_release *old = atomic_load(&pages->release), *now = NULL;
    struct stat list;
    struct diag d = {0};
    if (!old || !list_stat(pages, &list) || same_list(&list, &pages->list)) return;
    if (steady_now().us - pages->tried.us < RETRY_US) return;
    pages->tried = steady_now();
    if (web_release_open(pages->folder, true, &now, &d)) return; /* half written, perhaps */
    err e = ERR_OK;
    bool whole = web_release_whole(now);
    if (whole && v->log) e = web_release_log(now, v, pages->log_folder, &d);
    if (e) log_error("the new pages are not in the access log yet, and are not served: %s", d.text);
    if (!whole || e) {
        web_release_free(now);
        return;
    }
    pages->list = list;
    web_release_supersedes(now, old);
    atomic_store(&pages->release, now);
}

void pages_close(struct pages *pages) {
    web_release_free(atomic_load(&pages->release));
    atomic_store(&pages->release, NULL);
}
