/* onvif_internal.h: shared by onvif.c and onvif_events.c: SOAP envelopes, and strict reading of answers. */
#ifndef CARDEA_MEDIA_ONVIF_INTERNAL_H
#define CARDEA_MEDIA_ONVIF_INTERNAL_H

#include <libxml/tree.h>

#include "media/onvif.h"

err onvif_text(struct blob *b, const char *s) CHECKED;
err onvif_escaped(struct blob *b, const char *s) CHECKED;
/* `headers` go into the envelope's header beside the login; both may be empty. */
err onvif_envelope(const struct onvif_login *l, struct bytes headers, const char *before,
                   const char *argument, const char *after, struct blob *b) CHECKED;

void onvif_document_free(xmlDoc **doc);
/* Reads an answer down to the element that it must hold. */
err onvif_answer(struct bytes raw, const char *name, xmlDoc **doc, xmlNode **out, struct diag *d) CHECKED;
xmlNode *onvif_find_after(xmlNode *root, xmlNode *at, const char *name);
xmlNode *onvif_find(xmlNode *root, const char *name);
bool onvif_content(const xmlNode *n, char *out, size_t cap);
/* Port and path of the http address that is the element's text. */
err onvif_address_take(xmlNode *at, uint16_t *out_port, char out_path[ONVIF_ADDRESS_BYTES]) CHECKED;

#endif
