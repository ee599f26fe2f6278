#include "format/object.h"

bool object_key_valid(const char *key) {
    size_t len = strnlen(key, OBJECT_KEY_MAX_BYTES + 1);
    if (len == 0 || len > OBJECT_KEY_MAX_BYTES) return false;
    char before = '/';
    for (size_t i = 0; i < len; i++) {
        char c = key[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!plain && (c != '/' || before == '/')) return false;
        before = c;
    }
    return before != '/';
}
