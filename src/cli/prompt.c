#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "crypto/passphrase.h"

#define KEY_INTERRUPT 3 /* Ctrl-C */

void secret_clear(struct secret *s) {
    if (s->text.data) munlock(s->text.data, s->text.cap);
    blob_clear(&s->text);
}

/* Room for the longest passphrase at once, so that growing leaves no copies behind. */
static err secret_room(struct secret *s, struct diag *d) {
    err e = blob_reserve(&s->text, PASSPHRASE_MAX_BYTES + 2);
    if (e) return diag_fail(d, e, "no memory for the passphrase");
    (void)!mlock(s->text.data, s->text.cap); /* a low limit on locked memory is no reason to stop */
    return ERR_OK;
}

static err too_long(struct diag *d, const char *what) {
    return diag_fail(d, ERR_INVALID, "%s is longer than %d bytes", what, PASSPHRASE_MAX_BYTES);
}

static void drop_newline(struct blob *text) {
    if (text->len && text->data[text->len - 1] == '\n') text->data[--text->len] = 0;
    if (text->len && text->data[text->len - 1] == '\r') text->data[--text->len] = 0;
}

static err read_file(const char *path, struct secret *out, struct diag *d) {
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return diag_fail(d, ERR_NOT_FOUND, "cannot open %s: %s", path, strerror(errno));
    for (;;) {
        size_t room = out->text.cap - out->text.len;
        if (room == 0) return too_long(d, path);
        ssize_t n = read(fd, out->text.data + out->text.len, room);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return diag_fail(d, ERR_IO, "cannot read %s: %s", path, strerror(errno));
        if (n == 0) break;
        out->text.len += (size_t)n;
    }
    drop_newline(&out->text);
    if (out->text.len > PASSPHRASE_MAX_BYTES) return too_long(d, path);
    if (out->text.len == 0) return diag_fail(d, ERR_INVALID, "%s is empty", path);
    return ERR_OK;
}

static err read_line_hidden(int tty, struct secret *out, struct diag *d) {
    for (;;) {
        uint8_t c;
        ssize_t n = read(tty, &c, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0 && out->text.len == 0) return diag_fail(d, ERR_CANCELLED, "nothing was typed");
        if (n <= 0 || c == '\n') return ERR_OK;
        if (c == KEY_INTERRUPT) return diag_fail(d, ERR_CANCELLED, "interrupted");
        if (out->text.len == PASSPHRASE_MAX_BYTES) return too_long(d, "what was typed");
        out->text.data[out->text.len++] = c;
    }
}

static err prompt_terminal(const char *prompt, struct secret *out, struct diag *d) {
    AUTO(fd_close) int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return diag_fail(d, ERR_DENIED,
                         "there is no terminal to ask for the passphrase on: use --passphrase-file FILE or "
                         "CARDEA_PASSPHRASE_FILE");
    struct termios before, quiet;
    if (tcgetattr(tty, &before)) return diag_fail(d, ERR_IO, "cannot use the terminal: %s", strerror(errno));
    quiet = before;
    /* No signals from keys, or an interrupt would leave the shell without echo: Ctrl-C ends the line instead.
     */
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    quiet.c_lflag |= ICANON | ECHONL;
    quiet.c_cc[VEOL] = KEY_INTERRUPT;
    tcsetattr(tty, TCSAFLUSH, &quiet);
    err e = fd_write_all(tty, bytes_text(prompt));
    if (e) e = diag_fail(d, e, "cannot write to the terminal");
    if (!e) e = read_line_hidden(tty, out, d);
    tcsetattr(tty, TCSAFLUSH, &before);
    if (!e && out->text.len == 0) e = diag_fail(d, ERR_INVALID, "nothing was typed");
    return e;
}

err secret_read(const char *file, const char *prompt, struct secret *out, struct diag *d) {
    AUTO(secret_clear) struct secret s = {0};
    err e = secret_room(&s, d);
    if (e) return e;
    e = file ? read_file(file, &s, d) : prompt_terminal(prompt, &s, d);
    if (e) return e;
    secret_clear(out);
    *out = s;
    s = (struct secret){0};
    return ERR_OK;
}

static size_t characters(struct bytes utf8) {
    size_t n = 0;
    for (size_t i = 0; i < utf8.len; i++)
        if ((utf8.data[i] & 0xc0) != 0x80) n++;
    return n;
}

err passphrase_read(const struct cli *cli, const char *prompt, bool fresh, struct secret *out,
                    struct diag *d) {
    const char *file = cli->passphrase_file;
    if (!file) file = getenv("CARDEA_PASSPHRASE_FILE");
    if (file && !*file) file = NULL;
    AUTO(secret_clear) struct secret first = {0};
    err e = secret_read(file, prompt, &first, d);
    if (e) return e;
    if (fresh && characters(blob_bytes(&first.text)) < PASSPHRASE_MIN_CHARS)
        return diag_fail(d, ERR_INVALID,
                         "a new passphrase has at least %d characters: four random words make a good one",
                         PASSPHRASE_MIN_CHARS);
    if (fresh && !file) {
        AUTO(secret_clear) struct secret second = {0};
        e = secret_read(NULL, "the same again: ", &second, d);
        if (e) return e;
        if (!bytes_equal_secret(blob_bytes(&first.text), blob_bytes(&second.text)))
            return diag_fail(d, ERR_INVALID, "the two passphrases differ: start again");
    }
    secret_clear(out);
    *out = first;
    first = (struct secret){0};
    return ERR_OK;
}

bool cli_confirm(const char *question) {
    AUTO(fd_close) int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0) return false;
    char answer[16] = {0};
    if (dprintf(tty, "%s [y/N] ", question) < 0) return false;
    size_t len = 0;
    for (;;) {
        char c;
        ssize_t n = read(tty, &c, 1);
        if (n < 0 && errno == EINTR) return false;
        if (n <= 0 || c == '\n') break;
        if (len < sizeof answer - 1) answer[len++] = c;
    }
    return strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0;
}
