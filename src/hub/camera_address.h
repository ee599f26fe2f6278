/* camera_address.h: where a camera's host is, and whether a worker may be connected there. An address in
 * numbers is what the owner typed, and is meant. A name is what somebody else answers, now or next week, so
 * one that leads to this machine is refused: a worker that a hostile camera has taken over would reach the
 * machine's own services. Threads: any; looking a name up waits for the network. */
#ifndef CARDEA_HUB_CAMERA_ADDRESS_H
#define CARDEA_HUB_CAMERA_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/err.h"

struct camera_address {
    struct sockaddr_storage address;
    socklen_t len;
};

/* Is the host written in numbers, as addresses are shown (also fe80::1%eth0)? "127.1" and "0x7f000001" are
 * names. */
bool camera_host_is_address(const char *host);

/* Is it loopback, link-local, an address of one of this machine's interfaces, multicast, or no address at
 * all? */
bool camera_address_is_near(const struct sockaddr *a);

/* The first address of the host that may be connected to.
 *   ERR_NOT_FOUND  the name is not known
 *   ERR_DENIED     a name that leads to this machine alone, or an address that is none: d says what to write
 */
err camera_address_find(const char *host, struct camera_address *out, struct diag *d) CHECKED;

#endif
