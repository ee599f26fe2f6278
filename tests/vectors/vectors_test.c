#include "check.h"

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_crypto_files),      cmocka_unit_test(check_people_files),
        cmocka_unit_test(check_segment_files),     cmocka_unit_test(check_message_files),
        cmocka_unit_test(check_grant_files),       cmocka_unit_test(check_share_files),
        cmocka_unit_test(check_log_files),         cmocka_unit_test(check_staff_files),
        cmocka_unit_test(check_hidden_mark_files),
    };
    return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
