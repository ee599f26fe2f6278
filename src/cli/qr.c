#include "cli/qr.h"

#include <stdbool.h>
#include <stdio.h>

#include <qrencode.h>

/* Two rows of modules in one line of text; dark on light whatever the terminal's colours are. */
void qr_print(const char *text) {
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
    if (!code) return;
    for (int y = -2; y < code->width + 2; y += 2) {
        fputs("    \033[30;107m", stdout);
        for (int x = -2; x < code->width + 2; x++) {
            bool dark[2];
            for (int half = 0; half < 2; half++) {
                int row = y + half;
                bool inside = x >= 0 && row >= 0 && x < code->width && row < code->width;
                dark[half] = inside && code->data[row * code->width + x] & 1;
            }
            fputs(dark[0] && dark[1] ? "\u2588" : dark[0] ? "\u2580" : dark[1] ? "\u2584" : " ", stdout);
        }
        fputs("\033[0m\n", stdout);
    }
    QRcode_free(code);
}
