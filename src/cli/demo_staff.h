/* demo_staff.h: the demo's support desk: a provider, and one agent who is certified. Everything is what a
 * real desk has; the files that a provider keeps apart lie in the demo's own folder. */
#ifndef CARDEA_CLI_DEMO_STAFF_H
#define CARDEA_CLI_DEMO_STAFF_H

#include "cli/home.h"
#include "client/client.h"

#define DEMO_AGENT_LOGIN "agent"
#define DEMO_AGENT_CODE_FILE "demo-agent-code" /* in DIR: the secret of the agent's authenticator app */

/* Makes what is missing. The agent has the demo's passphrase, and a second factor. */
err demo_staff(const struct home *h, struct bytes passphrase, struct diag *d) CHECKED;

#endif
