/* vault_prove: makes a household at the vault of the given address and prints two Authorization values, the
 * owner's and a hub's; for tests that are no C programs. With the file that the vault was given as
 * --staff-key, it writes a staff key there and prints the provider's too. */
#include <stdio.h>

#include <curl/curl.h>

#include "vault/staff_fixture.h"

int main(int argc, char **argv) {
    struct daemon d = {0};
    struct household h;
    struct provider p;
    if (argc != 2 && argc != 3) return 2;
    snprintf(d.url, sizeof d.url, "%s", argv[1]);
    curl_global_init(CURL_GLOBAL_ALL);
    household_make(&d, &h);
    printf("%s\n%s\n", h.owner_auth, h.writer_auth);
    if (argc == 3) {
        provider_make(&d, argv[2], &p);
        printf("%s\n", p.auth);
    }
    curl_global_cleanup();
    return 0;
}
