/* kept_session.h: a session that outlives a command, for staff: a second factor once, and not with each
 * command.
 *
 * DIR/staff/session.json (0600): {"v":1,"vault":URL,"login":text,"session":"Session …"}. It is of no use
 * without the passphrase, which is asked for each time, and ends as any session: `cardea account sessions`
 * lists it. */
#ifndef CARDEA_CLI_KEPT_SESSION_H
#define CARDEA_CLI_KEPT_SESSION_H

#include "cli/session.h"

/* Signed in to the account: by the kept session where it still holds, else anew, and kept. Close it with
 * kept_session_close, which leaves it open at the vault. */
err kept_session_open(const struct cli *cli, struct session *out, struct diag *d) CHECKED;
/* Keeps the session that `s` is signed in with. */
void kept_session_keep(const struct cli *cli, const struct session *s);
void kept_session_close(struct session *s);

#endif
