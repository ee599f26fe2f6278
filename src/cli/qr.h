/* qr.h: a QR code on the terminal, for a phone's camera. */
#ifndef CARDEA_CLI_QR_H
#define CARDEA_CLI_QR_H

/* On standard output. Nothing when the text does not fit into one. */
void qr_print(const char *text);

#endif
