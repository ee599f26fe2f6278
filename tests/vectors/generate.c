/* generate.c: writes the test vectors that C and TypeScript both pass.
 * Usage: generate FOLDER */
#include "make.h"

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: generate FOLDER\n");
        return 2;
    }
    make_crypto(argv[1]);
    make_people(argv[1]);
    make_segments(argv[1]);
    make_messages(argv[1]);
    make_grants(argv[1]);
    make_shares(argv[1]);
    make_log(argv[1]);
    make_staff(argv[1]);
    make_hidden_mark(argv[1]);
    return 0;
}
