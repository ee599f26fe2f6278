/* onvif_events.h: a camera's button, by ONVIF events: a pull point (ONVIF Core Specification section 9.1,
 * "Real-time Pull-Point Notification Interface") is asked for what happened, and answers when something did.
 * Threads: no shared state. */
#ifndef CARDEA_MEDIA_ONVIF_EVENTS_H
#define CARDEA_MEDIA_ONVIF_EVENTS_H

#include "media/onvif.h"

#define ONVIF_PULL_S 20       /* how long an empty answer may take */
#define ONVIF_MESSAGES_MAX 32 /* in one answer; further ones are not looked at */
#define ONVIF_REFERENCE_MAX_BYTES 2048

/* Where messages are pulled. */
struct onvif_pull_point {
    uint16_t port;
    char path[ONVIF_ADDRESS_BYTES];
    /* What WS-Addressing (section 2.1, reference parameters) wants repeated in every header; XML. */
    char reference[ONVIF_REFERENCE_MAX_BYTES];
};

err onvif_subscribe_request(const struct onvif_login *login, struct blob *out) CHECKED;
err onvif_subscribe_parse(struct bytes body, struct onvif_pull_point *out, struct diag *d) CHECKED;

/* `address`: the pull point's, as WS-Addressing's To. */
err onvif_pull_request(const struct onvif_login *login, const struct onvif_pull_point *point,
                       const char *address, struct blob *out) CHECKED;

/* Calls pressed(context, topic) for each message that says that a button was pressed just now: a topic of the
 * table in onvif_events.c, whose state is true, and that changed. Errors as in onvif.h. */
typedef void onvif_pressed(void *context, const char *topic);
err onvif_pull_parse(struct bytes body, onvif_pressed *pressed, void *context, struct diag *d) CHECKED;

/* Whether a topic is a button's: "tns1:Device/Trigger/DigitalInput". Prefixes of name spaces do not count. */
bool onvif_topic_is_button(const char *topic);

#endif
