#include "store/accounts.h"

void account_clear(struct account *account) {
    blob_clear(&account->keyring);
    wipe(account, sizeof *account);
}

void accounts_release(struct accounts **accounts) {
    if (*accounts) (*accounts)->ops->close(*accounts);
    *accounts = NULL;
}
