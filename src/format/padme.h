/* padme.h: the sizes to which sealed data is padded, so that a length tells little (docs/formats.md). */
#ifndef CARDEA_FORMAT_PADME_H
#define CARDEA_FORMAT_PADME_H

#include <stdint.h>

#include "base/bytes.h"

/* Padmé (Nikitin et al., PETS 2019, section 4): at most log log len of len's bits stay visible, at a cost of
 * at most 12 %. Lengths under 4 stay. */
uint64_t padme_size(uint64_t len);

/* What padding makes of `data_len` bytes: padme_size(4 + data_len). */
size_t padded_size(size_t data_len);

/* Appends length (4) | data | zeros. ERR_LIMIT: data of 4 GiB or more. */
err padded_append(struct blob *out, struct bytes data) CHECKED;

/* Borrows the data out of a padded plaintext. ERR_FORGED: the length is not of this padding, or the padding
 * is not zero. */
err padded_read(struct bytes plain, struct bytes *data) CHECKED;

#endif
