#include "media/onvif_events.h"

#include <stdio.h>
#include <strings.h>

#include "media/onvif_internal.h"

#define EVENTS_NAMESPACE "http://www.onvif.org/ver10/events/wsdl"
#define SUBSCRIBED_FOR "PT1H" /* a subscription that ended is begun anew */

/* Topics that buttons have, without prefixes. A digital input of a door station is its button by the ONVIF
 * Device IO Specification section 6 ("Device/Trigger/DigitalInput"); doorbells without inputs name a rule. */
static const char *const button_topics[] = {
    "Device/Trigger/DigitalInput",       /* ONVIF Device IO */
    "RuleEngine/MyRuleDetector/Visitor", /* Reolink doorbells */
    "Device/IO/VirtualPort",             /* Axis: tns1:Device/tnsaxis:IO/VirtualPort */
    "Device/IO/Port",                    /* Axis: tns1:Device/tnsaxis:IO/Port */
    "Device/Trigger/DoorBell",           /* door stations that have a topic of their own */
    "Device/Trigger/Doorbell",
};

/* The names that a state has in such messages. */
static const char *const state_names[] = {"LogicalState", "State", "state", "active", "Level", "IsVisitor"};

/* --- Writing --- */

err onvif_subscribe_request(const struct onvif_login *login, struct blob *out) {
    return onvif_envelope(login, BYTES(NULL, 0),
                          "<CreatePullPointSubscription xmlns=\"" EVENTS_NAMESPACE
                          "\"><InitialTerminationTime>",
                          SUBSCRIBED_FOR, "</InitialTerminationTime></CreatePullPointSubscription>", out);
}

err onvif_pull_request(const struct onvif_login *login, const struct onvif_pull_point *point,
                       const char *address, struct blob *out) {
    AUTO(blob_clear) struct blob headers = {0};
    char timeout[16];
    snprintf(timeout, sizeof timeout, "PT%dS", ONVIF_PULL_S);
    err e =
        onvif_text(&headers, "<a:Action xmlns:a=\"http://www.w3.org/2005/08/addressing\">" EVENTS_NAMESPACE
                             "/PullPointSubscription/PullMessagesRequest</a:Action>"
                             "<a:To xmlns:a=\"http://www.w3.org/2005/08/addressing\">");
    if (!e) e = onvif_escaped(&headers, address);
    if (!e) e = onvif_text(&headers, "</a:To>");
    if (!e) e = onvif_text(&headers, point->reference);
    if (e) return e;
    return onvif_envelope(login, blob_bytes(&headers),
                          "<PullMessages xmlns=\"" EVENTS_NAMESPACE "\"><Timeout>", timeout,
                          "</Timeout><MessageLimit>32</MessageLimit></PullMessages>", out);
}

/* --- Reading --- */

/* One reference parameter: an element with text and attributes, written anew, so that nothing else of the
 * answer gets into our questions. */
static err copy_parameter(const xmlNode *n, struct blob *out) {
    char value[ONVIF_TEXT_BYTES];
    const char *space = n->ns && n->ns->href ? (const char *)n->ns->href : "";
    if (!onvif_content(n, value, sizeof value)) return ERR_OK;
    err e = onvif_text(out, "<");
    if (!e) e = onvif_text(out, (const char *)n->name); /* libxml2 lets only names through */
    if (!e) e = onvif_text(out, " xmlns=\"");
    if (!e) e = onvif_escaped(out, space);
    if (!e)
        e = onvif_text(
            out, "\" xmlns:a=\"http://www.w3.org/2005/08/addressing\" a:IsReferenceParameter=\"true\">");
    if (!e) e = onvif_escaped(out, value);
    if (!e) e = onvif_text(out, "</");
    if (!e) e = onvif_text(out, (const char *)n->name);
    return e ? e : onvif_text(out, ">");
}

static err take_reference(xmlNode *subscription, struct onvif_pull_point *out, struct diag *d) {
    AUTO(blob_clear) struct blob xml = {0};
    xmlNode *parameters = onvif_find(subscription, "ReferenceParameters");
    for (const xmlNode *n = parameters ? parameters->children : NULL; n; n = n->next) {
        err e = n->type == XML_ELEMENT_NODE ? copy_parameter(n, &xml) : ERR_OK;
        if (e) return e;
        if (xml.len >= sizeof out->reference)
            return diag_fail(d, ERR_LIMIT, "the camera wants too much repeated to it");
    }
    if (xml.len) memcpy(out->reference, xml.data, xml.len);
    out->reference[xml.len] = 0;
    return ERR_OK;
}

err onvif_subscribe_parse(struct bytes body, struct onvif_pull_point *out, struct diag *d) {
    AUTO(onvif_document_free) xmlDoc *doc = NULL;
    xmlNode *subscription;
    err e = onvif_answer(body, "SubscriptionReference", &doc, &subscription, d);
    if (e) return e;
    struct onvif_pull_point point = {0};
    if (onvif_address_take(onvif_find(subscription, "Address"), &point.port, point.path))
        return diag_fail(d, ERR_INVALID, "the camera names no http address for its events");
    e = take_reference(subscription, &point, d);
    if (!e) *out = point;
    return e;
}

/* Copies a topic without the prefixes of its elements. */
static void strip_prefixes(const char *topic, char *out, size_t cap) {
    size_t n = 0, begin = 0;
    for (; *topic && n + 1 < cap; topic++) {
        if (*topic == ':') {
            n = begin;
            continue;
        }
        out[n++] = *topic;
        if (*topic == '/') begin = n;
    }
    out[n] = 0;
}

bool onvif_topic_is_button(const char *topic) {
    char plain[ONVIF_TEXT_BYTES];
    strip_prefixes(topic, plain, sizeof plain);
    for (size_t i = 0; i < sizeof button_topics / sizeof *button_topics; i++)
        if (strcmp(plain, button_topics[i]) == 0) return true;
    return false;
}

static bool attribute(xmlNode *n, const char *name, char *out, size_t cap) {
    xmlChar *value = xmlGetProp(n, (const xmlChar *)name);
    bool fits = value && strlen((const char *)value) < cap;
    if (fits) snprintf(out, cap, "%s", (const char *)value);
    xmlFree(value);
    return fits;
}

static bool is_true(const char *value) {
    return strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0 || strcasecmp(value, "active") == 0 ||
           strcasecmp(value, "on") == 0;
}

/* A message without a state is a press; what is only told at the start ("Initialized") happened before. */
static bool says_pressed(xmlNode *message) {
    char operation[32] = "", name[ONVIF_TEXT_BYTES], value[ONVIF_TEXT_BYTES];
    bool has_state = false, pressed = false;
    for (xmlNode *n = message; (n = onvif_find_after(message, n, "Message"));)
        if (attribute(n, "PropertyOperation", operation, sizeof operation) &&
            strcmp(operation, "Changed") != 0)
            return false;
    xmlNode *data = onvif_find(message, "Data");
    for (xmlNode *n = data; n && (n = onvif_find_after(data, n, "SimpleItem"));) {
        if (!attribute(n, "Name", name, sizeof name) || !attribute(n, "Value", value, sizeof value)) continue;
        for (size_t i = 0; i < sizeof state_names / sizeof *state_names; i++) {
            if (strcmp(name, state_names[i]) != 0) continue;
            has_state = true;
            pressed |= is_true(value);
        }
    }
    return pressed || !has_state;
}

err onvif_pull_parse(struct bytes body, onvif_pressed *pressed, void *context, struct diag *d) {
    AUTO(onvif_document_free) xmlDoc *doc = NULL;
    xmlNode *answer;
    err e = onvif_answer(body, "PullMessagesResponse", &doc, &answer, d);
    if (e) return e;
    size_t count = 0;
    for (xmlNode *n = answer->children; n && count < ONVIF_MESSAGES_MAX; n = n->next) {
        char topic[ONVIF_TEXT_BYTES];
        if (n->type != XML_ELEMENT_NODE || strcmp((const char *)n->name, "NotificationMessage") != 0)
            continue;
        count++;
        if (!onvif_content(onvif_find(n, "Topic"), topic, sizeof topic) || !onvif_topic_is_button(topic))
            continue;
        if (says_pressed(n)) pressed(context, topic);
    }
    return ERR_OK;
}
