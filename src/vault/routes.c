/* Every request that a vault answers, with who may send it, in one table. */
#include "base/log.h"
#include "vault/grant.h"
#include "vault/pages.h"
#include "vault/staff.h"
#include "vault/vault.h"

#define JSON VAULT_JSON_MAX_BYTES
#define EVENT INDEX_PICTURE_MAX_BYTES /* the larger kind; event_post knows each kind's own limit */
#define OBJECT INDEX_OBJECT_MAX_BYTES
#define HOUSEHOLD (WHO_OWNER | WHO_WRITER)
#define VIEWER (WHO_OWNER | WHO_GRANTEE) /* the handler holds it against scope_of_caller */
#define GRANT GRANT_BODY_MAX_BYTES

static const struct http_route routes[] = {
    {"GET", "/v1/vault", WHO_ANY, 0, 0, vault_describe},
    {"POST", "/v1/accounts", WHO_ANY, 0, JSON, account_create},
    {"POST", "/v1/accounts/invitations", WHO_OWNER, 0, 0, invitation_create},
    {"POST", "/v1/sessions/params", WHO_ANY, 0, JSON, session_params},
    {"POST", "/v1/sessions", WHO_ANY, 0, JSON, session_create},
    {"POST", "/v1/sessions/recover", WHO_ANY, 0, JSON, session_recover},
    {"GET", "/v1/sessions/passkey", WHO_ANY, HTTP_QUICK, 0, passkey_begin},
    {"POST", "/v1/sessions/passkey", WHO_ANY, 0, JSON, passkey_create},
    {"GET", "/v1/sessions", WHO_SESSION, 0, 0, session_list},
    {"POST", "/v1/sessions/another", WHO_SESSION, 0, JSON, session_another},
    {"PUT", "/v1/sessions/current", WHO_SESSION, 0, JSON, session_name},
    {"DELETE", "/v1/sessions/current", WHO_SESSION, 0, 0, session_end},
    {"DELETE", "/v1/sessions/{id}", WHO_SESSION, 0, 0, session_end_other},
    {"GET", "/v1/factors", WHO_SESSION, 0, 0, factor_list},
    {"POST", "/v1/factors/totp", WHO_SESSION, 0, JSON, factor_totp_create},
    {"POST", "/v1/factors/totp/confirm", WHO_SESSION, 0, JSON, factor_totp_confirm},
    {"POST", "/v1/factors/webauthn/begin", WHO_SESSION, 0, JSON, factor_webauthn_begin},
    {"POST", "/v1/factors/webauthn/finish", WHO_SESSION, 0, JSON, factor_webauthn_finish},
    {"DELETE", "/v1/factors/{id}", WHO_SESSION, 0, JSON, factor_delete},
    {"GET", "/v1/keyring", WHO_SESSION, 0, 0, keyring_get},
    {"PUT", "/v1/keyring", WHO_SESSION, 0, JSON, keyring_put},

    {"POST", "/v1/households", WHO_ANY, 0, JSON, household_create},
    {"GET", "/v1/household", WHO_OWNER, 0, 0, household_get},
    {"PUT", "/v1/household", WHO_OWNER, 0, JSON, household_put},
    {"GET", "/v1/access/challenge", WHO_ANY, HTTP_QUICK, 0, access_challenge},
    {"POST", "/v1/access", WHO_ANY, 0, JSON, access_create},
    {"POST", "/v1/capabilities", WHO_OWNER, 0, JSON, capability_create},
    {"DELETE", "/v1/capabilities/{key}", WHO_OWNER, 0, 0, capability_delete},

    {"GET", "/v1/objects", HOUSEHOLD, 0, 0, object_list},
    {"GET", "/v1/objects/{key…}", HOUSEHOLD, 0, 0, object_get},
    {"PUT", "/v1/objects/{key…}", HOUSEHOLD, 0, OBJECT, object_put},
    {"DELETE", "/v1/objects/{key…}", WHO_OWNER, 0, 0, object_delete},

    {"PUT", "/v1/reels/{reel}", WHO_WRITER, HTTP_STREAMED_IN, 0, reel_put},
    {"HEAD", "/v1/reels/{reel}", HOUSEHOLD, 0, 0, reel_head},
    {"GET", "/v1/reels/{reel}", VIEWER, 0, 0, reel_get},
    {"GET", "/v1/timeline", VIEWER, 0, 0, timeline_get},
    {"DELETE", "/v1/recordings", WHO_OWNER, 0, 0, recordings_delete},
    {"POST", "/v1/events", WHO_WRITER, 0, EVENT, event_post},
    {"GET", "/v1/events", VIEWER, 0, 0, event_list},
    {"GET", "/v1/events/{id}", VIEWER, 0, 0, event_get},
    {"GET", "/v1/cameras", HOUSEHOLD | WHO_GRANTEE, 0, 0, camera_list},
    {"PUT", "/v1/cameras/{camera}", HOUSEHOLD, 0, JSON, camera_put},
    {"DELETE", "/v1/cameras/{camera}", WHO_OWNER, 0, 0, camera_delete},
    {"GET", "/v1/usage", HOUSEHOLD, 0, 0, usage_get},
    {"GET", "/v1/live", VIEWER, 0, 0, live_get},

    {"POST", "/v1/grants", WHO_OWNER, 0, GRANT, grant_create},
    {"GET", "/v1/grants", WHO_OWNER, 0, 0, grant_list},
    {"GET", "/v1/grants/{id}", WHO_OWNER, 0, 0, grant_get},
    {"PUT", "/v1/grants/{id}", WHO_OWNER, 0, GRANT, grant_put},
    {"DELETE", "/v1/grants/{id}", WHO_OWNER, 0, 0, grant_delete},
    {"POST", "/v1/grants/{id}/revoke", WHO_OWNER, 0, JSON, grant_revoke},
    {"POST", "/v1/grants/{id}/open", WHO_ANY, 0, JSON, grant_open_post},
    {"GET", "/v1/grants/{id}/ended", WHO_ANY, 0, 0, grant_ended_get},
    {"GET", "/v1/activity", WHO_OWNER, 0, 0, activity_get},

    {"POST", "/v1/pairing", WHO_ANY, 0, JSON, pairing_post},
    {"GET", "/v1/pairing/{id}", WHO_ANY, 0, 0, pairing_get},
    {"POST", "/v1/pairing/{id}/answer", WHO_ANY, 0, JSON, pairing_answer_post},
    {"GET", "/v1/pairing/{id}/answer", WHO_ANY, 0, 0, pairing_answer_get},
    {"GET", "/v1/hub/commands", WHO_WRITER, 0, 0, hub_commands},
    {"POST", "/v1/hub/replies/{command}", WHO_WRITER, 0, VAULT_REPLY_MAX_BYTES, hub_reply},
    {"GET", "/v1/ring/{token}", WHO_ANY, 0, 0, ring_press},
    {"POST", "/v1/ring/{token}", WHO_ANY, 0, JSON, ring_press},
    {"GET", "/v1/hubs", WHO_OWNER, 0, 0, hub_list},
    {"POST", "/v1/hubs/{hub}/commands", WHO_OWNER, 0, VAULT_COMMAND_MAX_BYTES, hub_command},

    {"GET", "/v1/log/mine", WHO_OWNER, 0, 0, log_mine},
    {"GET", "/v1/log/proof", WHO_ANY, 0, 0, log_proof},
    {"POST", "/v1/log/cosignatures", WHO_WRITER, 0, JSON, log_cosignature},
    {"POST", "/v1/staff/provider", WHO_ANY, 0, JSON, staff_provider},
    {"POST", "/v1/staff/invites", WHO_PROVIDER, 0, JSON, staff_invite},
    {"GET", "/v1/staff", WHO_PROVIDER | WHO_ADMIN, 0, 0, staff_list},
    {"POST", "/v1/staff/certificates", WHO_PROVIDER, 0, JSON, staff_certify},
    {"POST", "/v1/staff/revocations", WHO_PROVIDER, 0, JSON, staff_revoke},
    {"POST", "/v1/staff/requests", WHO_SESSION, 0, JSON, staff_request},
    {"POST", "/v1/staff/access", WHO_SESSION, 0, JSON, staff_access},
    {"GET", "/v1/staff/report", WHO_PROVIDER | WHO_ADMIN, 0, 0, staff_report},
    {"GET", "/v1/alarms", WHO_PROVIDER | WHO_ADMIN, 0, 0, alarm_list},
    {"POST", "/v1/tickets", WHO_OWNER, 0, JSON, ticket_post},
    {"GET", "/v1/tickets", WHO_OWNER | WHO_AGENT, 0, 0, ticket_list},
    {"GET", "/v1/tickets/{id}", WHO_OWNER | WHO_AGENT, 0, 0, ticket_get},
    {"POST", "/v1/tickets/{id}/messages", WHO_OWNER | WHO_AGENT, 0, JSON, ticket_message},
    {"POST", "/v1/tickets/{id}/close", WHO_OWNER | WHO_AGENT, 0, 0, ticket_close},

    {"GET", "/log/{path…}", WHO_ANY, 0, 0, log_get},
    {"GET", "/healthz", WHO_ANY, 0, 0, health_get},
    {"GET", "/metrics", WHO_ANY, 0, 0, metrics_get},
    {"GET", "/ca.crt", WHO_ANY, HTTP_QUICK, 0, ca_get},
};
static const struct http_route metrics_routes[] = {{"GET", "/metrics", WHO_ANY, 0, 0, metrics_get},
                                                   {"GET", "/healthz", WHO_ANY, 0, 0, health_get}};
static const struct http_route ca_routes[] = {{"GET", "/ca.crt", WHO_ANY, HTTP_QUICK, 0, ca_get}};

static void fallback(void *vault, struct http_request *request, struct http_reply *r) {
    struct vault *v = vault;
    pages_serve(v->pages, request, r);
}

static void nothing(void *vault, struct http_request *request, struct http_reply *r) {
    reply_error(r, 404, "not_found", "there is nothing at this address");
}

static void refuse(void *vault, unsigned status, const char *message, struct http_reply *r) {
    const char *word = status == 404                                     ? "not_found"
                       : status == 503                                   ? "busy"
                       : status == 408                                   ? "timeout"
                       : status == 413 || status == 414 || status == 431 ? "limit"
                                                                         : "invalid";
    reply_error(r, status, word, "%s", message);
}

static void dress(void *vault, const struct http_request *request, struct http_reply *r) {
    pages_dress(request, r);
}

/* Counted, never listed: a line of an access log would hold an address beside a household. */
static void done(void *vault, const struct http_request *request, unsigned status) {
    struct vault *v = vault;
    atomic_fetch_add(&v->count.answers[status / 100 < 6 ? status / 100 : 0], 1);
}

static struct http_app app_of(struct vault *v, const struct http_route *table, size_t count) {
    return (struct http_app){v, table, count, vault_admit, nothing, refuse, dress, done};
}

struct http_app vault_app(struct vault *v) {
    struct http_app app = app_of(v, routes, sizeof routes / sizeof *routes);
    app.fallback = fallback;
    return app;
}

struct http_app vault_metrics_app(struct vault *v) {
    return app_of(v, metrics_routes, sizeof metrics_routes / sizeof *metrics_routes);
}

struct http_app vault_ca_app(struct vault *v) {
    return app_of(v, ca_routes, sizeof ca_routes / sizeof *ca_routes);
}
