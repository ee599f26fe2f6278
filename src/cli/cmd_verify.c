/* cmd_verify.c: what the signatures of a clip prove. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/home.h"
#include "cli/verify.h"
#include "client/provenance.h"
#include "crypto/hash.h"

/* Read through the page cache; a clip may be larger than memory. */
static err map_file(const char *path, struct bytes *out, struct diag *d) {
    AUTO(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info))
        return diag_fail(d, ERR_NOT_FOUND, "cannot open %s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode)) return diag_fail(d, ERR_INVALID, "%s is not a file", path);
    *out = BYTES("", 0);
    if (info.st_size == 0) return ERR_OK;
    void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) return diag_fail(d, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    *out = BYTES(map, (size_t)info.st_size);
    return ERR_OK;
}

void household_fingerprint(const uint8_t key[32], char out[17]) {
    uint8_t hash[32];
    hash_sha256(BYTES(key, 32), hash);
    hex_encode(BYTES(hash, 8), out);
}

static json_t *time_json(int64_t us) {
    char text[WALL_TEXT_BYTES];
    wall_format((struct wall_us){us}, text);
    return json_string(text);
}

static int print_json_report(const struct provenance *p, bool own) {
    char household[17], hub[33];
    AUTO(json_release)
    json_t *o = json_pack("{s:s, s:s}", "verdict", verdict_text(p->verdict), "why", p->why);
    if (p->edited_at_known) {
        json_object_set_new(o, "edited_at", time_json(p->edited_at_us));
        json_object_set_new(o, "edited_at_s", json_real(p->edited_at_s));
    }
    if (p->signer_known) {
        household_fingerprint(p->household, household);
        hex_encode(BYTES_OF(p->hub.hub), hub);
        json_object_set_new(o, "hub", json_string(hub));
        json_object_set_new(o, "household", json_string(household));
        json_object_set_new(o, "own", json_boolean(own));
        json_object_set_new(o, "from", time_json(p->from_us));
        json_object_set_new(o, "to", time_json(p->to_us));
    }
    json_t *gaps = json_array();
    for (size_t i = 0; i < p->gap_count; i++)
        json_array_append_new(
            gaps, json_pack("[o, o]", time_json(p->gaps[i].from_us), time_json(p->gaps[i].to_us)));
    json_object_set_new(o, "missing", gaps);
    if (json_dumpf(o, stdout, JSON_INDENT(1))) return cli_fail_text("cannot write the answer");
    putchar('\n');
    return p->verdict == VERDICT_UNTOUCHED ? STATUS_DONE : STATUS_FAILED;
}

static void print_report(const char *path, const struct provenance *p, bool own) {
    printf("%s: %s%s%s\n", path, verdict_text(p->verdict), *p->why ? ": " : "", p->why);
    if (!p->signer_known) return;
    char household[17], hub[33], from[48], to[48];
    household_fingerprint(p->household, household);
    hex_encode(BYTES_OF(p->hub.hub), hub);
    if (p->fragments) {
        cli_time_text((struct wall_us){p->from_us}, from);
        cli_time_text((struct wall_us){p->to_us}, to);
        printf("  recorded from %s to %s\n", from, to);
    }
    printf("  by hub %s of household %s%s\n", hub, household,
           own ? ", which is yours" : "; compare that number with the household's own (`cardea status`)");
    for (size_t i = 0; i < p->gap_count; i++) {
        cli_time_text((struct wall_us){p->gaps[i].from_us}, from);
        cli_time_text((struct wall_us){p->gaps[i].to_us}, to);
        printf("  footage is missing from %s to %s\n", from, to);
    }
}

int run_verify(struct cli *cli, const struct args *args) {
    struct diag d = {{0}};
    struct bytes file;
    struct provenance p;
    struct home_owner owner;
    if (map_file(args->positional[0], &file, &d)) return cli_fail(&d);
    err e = provenance_check(file, &p, &d);
    if (file.len) munmap((void *)(uintptr_t)file.data, file.len);
    if (e) return cli_fail(&d);
    bool own = p.signer_known && home_owner_read(cli->data, &owner, &d) == ERR_OK &&
               memcmp(owner.sign, p.household, sizeof owner.sign) == 0;
    if (cli->json) return print_json_report(&p, own);
    print_report(args->positional[0], &p, own);
    return p.verdict == VERDICT_UNTOUCHED ? STATUS_DONE : STATUS_FAILED;
}
